"""`neomon demo`: break the demo platform, heal it, and read what people are told."""

from __future__ import annotations

import socket
import time
from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from neomon.cli.output import console, duration_text, print_json
from neomon.demo.faults.board import FaultBoard
from neomon.demo.faults.catalogue import FAULTS, Fault, find_fault
from neomon.demo.inbox.store import InboxStore, Message
from neomon.demo.runtime import HOST, Runtime
from neomon.errors import InputError, NotFoundError
from neomon.settings import load_settings

app = typer.Typer(
    help=(
        "Break the demo platform for real, and watch the alert arrive.\n\n"
        "  neomon demo list                 what can be broken, and which alert to expect\n\n"
        "  neomon demo break latency        make the gateway slow\n\n"
        "  neomon demo inbox --follow       what people receive, as it comes\n\n"
        "  neomon demo heal                 mend everything"
    ),
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

_POLL_SECONDS = 0.5
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command("list")
def list_faults(json: Json = False) -> None:
    """Show every fault: what it does, which alert to expect, after how long, and whether it is on.

    Example: neomon demo list
    """
    active = _board().active()
    if json:
        print_json([_as_dict(fault, active.get(fault.name)) for fault in FAULTS])
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("Fault", "", "What really happens", "Alert to expect", "After"):
        table.add_column(heading, no_wrap=heading == "Fault")
    for fault in FAULTS:
        since = active.get(fault.name)
        state = f"[red]on[/] {duration_text(time.time() - since)}" if since else ""
        table.add_row(fault.name, state, fault.does, ", ".join(fault.alerts) or "none", fault.after)
    console.print(table)


@app.command("break")
def break_(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Faults to switch on; see `neomon demo list`.")],
    json: Json = False,
) -> None:
    """Switch faults on. They stay, over restarts too, until they are healed.

    Examples:

        neomon demo break errors

        neomon demo break latency db-connections
    """
    faults = [find_fault(name) for name in names]
    board = _board()
    changed = {fault.name: board.switch_on(fault.name) for fault in faults}
    if json:
        active = board.active()
        print_json([{**_as_dict(fault, active.get(fault.name)), "changed": changed[fault.name]} for fault in faults])
        return
    for fault in faults:
        if not changed[fault.name]:
            console.print(f"{fault.name} is on already.")
            continue
        console.print(f"[red]{fault.name}[/]: {fault.does}.")
        if fault.alerts:
            console.print(f"  Expect [bold]{' and '.join(fault.alerts)}[/] after {fault.after}.")
        if fault.lasting:
            console.print(f"  Mend it with: neomon demo heal {fault.name}")
    if not _running():
        console.print("[yellow]The demo is not running[/]: this takes effect after `neomon up --demo`.")


@app.command()
def heal(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Faults to switch off; none means all.")
    ] = None,
    json: Json = False,
) -> None:
    """Switch faults off: those named, or all.

    Examples:

        neomon demo heal errors

        neomon demo heal all
    """
    board = _board()
    if not names or names == ["all"]:
        healed = sorted(name for name in board.active() if board.switch_off(name))
    else:
        wanted = [find_fault(name).name for name in names]
        healed = [name for name in wanted if board.switch_off(name)]
    if json:
        print_json({"healed": healed})
        return
    for name in healed:
        console.print(f"[green]{name}[/] is healed; its alert resolves by itself.")
    if not healed:
        console.print("Nothing to heal.")


@app.command()
def inbox(
    show: Annotated[
        str | None, typer.Option("--show", help="Print one message in full: its number, or `last`.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more, until Ctrl-C.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Show at most this many, the newest.")] = 20,
    json: Json = False,
) -> None:
    """Show the mails and chat messages the demo's people received.

    Examples:

        neomon demo inbox

        neomon demo inbox --show last

        neomon demo inbox --follow
    """
    runtime = Runtime.of(load_settings())
    store = InboxStore(runtime.demo_dir / "inbox")
    messages = store.messages()
    if show is not None:
        _show(messages, show, json)
        return
    first = max(0, len(messages) - limit)
    if json:
        print_json([_message_dict(number, message) for number, message in _numbered(messages, first)])
    else:
        _print_table(_numbered(messages, first), empty=not follow)
    if follow:
        _follow(store, {message.key for message in messages}, len(messages), json)


def _follow(store: InboxStore, known: set[str], count: int, json: bool) -> None:
    while True:
        time.sleep(_POLL_SECONDS)
        for message in store.messages():
            if message.key in known:
                continue
            known.add(message.key)
            count += 1
            if json:
                print_json(_message_dict(count, message))
            else:
                _print_message(count, message)


def _numbered(messages: list[Message], first: int) -> list[tuple[int, Message]]:
    return list(enumerate(messages, start=1))[first:]


def _show(messages: list[Message], wanted: str, json: bool) -> None:
    if not messages:
        raise NotFoundError("the inbox is empty")
    try:
        number = len(messages) if wanted == "last" else int(wanted)
    except ValueError:
        raise InputError(f"--show takes a number or `last`, not {wanted!r}") from None
    if not 1 <= number <= len(messages):
        raise NotFoundError(f"there is no message {number}: the inbox holds 1 to {len(messages)}")
    if json:
        print_json(_message_dict(number, messages[number - 1]))
    else:
        _print_message(number, messages[number - 1])


def _print_table(rows: list[tuple[int, Message]], *, empty: bool) -> None:
    if not rows:
        if empty:
            console.print("The inbox is empty. `neomon demo break errors` changes that within minutes.")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("No", "Received", "By", "To", "Subject"):
        table.add_column(heading, justify="right" if heading == "No" else "left")
    for number, message in rows:
        table.add_row(str(number), _clock(message.received), message.kind, escape(message.to), escape(message.subject))
    console.print(table)
    console.print("Read one with: neomon demo inbox --show last", style="dim")


def _print_message(number: int, message: Message) -> None:
    title = f"{number}  {message.kind} to {escape(message.to)} at {_clock(message.received)}"
    console.print(
        Panel(f"[bold]{escape(message.subject)}[/]\n\n{escape(message.text)}", title=title, title_align="left")
    )


def _message_dict(number: int, message: Message) -> dict[str, object]:
    return {"number": number, **message.as_dict()}


def _clock(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp).strftime("%Y-%m-%d %H:%M:%S")


def _as_dict(fault: Fault, since: float | None) -> dict[str, object]:
    return {
        "name": fault.name,
        "on": since is not None,
        "since": since,
        "does": fault.does,
        "alerts": list(fault.alerts),
        "after": fault.after,
        "lasting": fault.lasting,
    }


def _board() -> FaultBoard:
    return FaultBoard(Runtime.of(load_settings()).faults_dir)


def _running() -> bool:
    port = Runtime.of(load_settings()).port("api_gateway")
    with socket.socket() as probe:
        probe.settimeout(0.3)
        return probe.connect_ex((HOST, port)) == 0
