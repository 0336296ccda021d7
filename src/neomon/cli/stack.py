"""`neomon up`, `down` and `status`."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict
from types import FrameType
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from neomon.cli.installation import Installation, Mode, open_installation
from neomon.cli.output import bytes_text, console, duration_text, print_error, print_json
from neomon.errors import UnavailableError
from neomon.stack import lifecycle
from neomon.stack.files import one_at_a_time
from neomon.stack.health import wait_healthy
from neomon.stack.program import Program
from neomon.stack.secrets import (
    ADMIN_PASSWORD,
    SCRAPE_PASSWORD,
    SCRAPE_USER,
    SERVICE_TOKEN,
    STACK_TOKEN,
    Secrets,
)
from neomon.stack.status import ComponentStatus, Condition, stack_status

_COLOURS = {
    Condition.HEALTHY: "green",
    Condition.STARTING: "yellow",
    Condition.UNHEALTHY: "red",
    Condition.DOWN: "bold red",
}
_WATCH_SECONDS = 2.0


def add_commands(app: typer.Typer) -> None:
    """Add these commands to the root."""
    for command in (up, down, status):
        app.command()(command)


def up(
    demo: Annotated[bool, typer.Option("--demo", help="Add the demo platform: services with real traffic.")] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when everything is healthy.")] = False,
    tls: Annotated[bool, typer.Option("--tls", help="TLS on every listener, with a generated private CA.")] = False,
) -> int:
    """Start everything and watch it; Ctrl-C stops it all.

    Examples:

        neomon up --demo             with the demo platform, in the foreground

        neomon up --detach           in the background

        neomon up --tls --detach     encrypted, in the background
    """
    installation = open_installation(Mode(demo=demo, tls=tls))
    settings = installation.settings
    if lifecycle.is_running(settings):
        present = open_installation()
        console.print(f"[green]✓[/] already running at {present.settings.url('neomon')}; see [bold]neomon status[/]")
        return 0
    # A terminal that closes or a `kill` is to stop everything in order, as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    started = time.monotonic()
    programs = installation.programs()
    with one_at_a_time(settings.data_dir, "start"):
        lifecycle.check_startable(settings, programs)
        _prepare(installation)
        installation.remember()
        guardian = lifecycle.launch(settings, programs, tied=not detach)
    healthy = True
    try:
        asyncio.run(_wait(installation, programs))
        console.print(f"[green]✓[/] {len(programs)} components healthy after {time.monotonic() - started:.1f} s")
    except KeyboardInterrupt:
        _stop(installation)
        raise
    except UnavailableError as error:
        healthy = False
        print_error(str(error))
    _print_addresses(installation)
    if detach:
        return 0 if healthy else 1
    return _stay(installation, programs, guardian)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _prepare(installation: Installation) -> None:
    from neomon.stack.preparation import prepare
    from neomon.stack.render import RULE_FILES

    settings = installation.settings
    secrets = Secrets(settings.secrets_dir)
    for name in (ADMIN_PASSWORD, SCRAPE_PASSWORD, STACK_TOKEN, SERVICE_TOKEN):
        secrets.path(name)
    with _progress() as progress:
        if installation.mode.demo:
            from neomon.demo import programs as demo

            task = progress.add_task("demo platform", total=1.0)
            demo.prepare(settings, lambda text, share: progress.update(task, description=text, completed=share))
            progress.update(task, description="demo platform", completed=1.0)
        task = progress.add_task("configuration", total=1.0)
        asyncio.run(prepare(settings))
        progress.update(task, completed=1.0)
        if installation.mode.demo:
            from neomon.demo.history import fill_history

            task = progress.add_task("history", total=1.0)
            rules = [settings.config_dir / "prometheus" / name for name in RULE_FILES[:1]]
            fill_history(settings, rules, lambda text, share: progress.update(task, description=text, completed=share))
            progress.update(task, description="history", completed=1.0)


def _progress() -> Progress:
    return Progress(TextColumn("{task.description:<34}"), BarColumn(bar_width=30), TimeElapsedColumn(), console=console)


async def _wait(installation: Installation, programs: Sequence[Program]) -> None:
    with _progress() as progress:
        task = progress.add_task("starting", total=len(programs))

        def report(rows: list[ComponentStatus]) -> None:
            waiting = [row.name for row in rows if row.condition is not Condition.HEALTHY]
            more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
            text = f"waiting for {waiting[0]}{more}" if waiting else f"{len(rows)} components"
            progress.update(task, completed=len(rows) - len(waiting), description=text)

        await wait_healthy(installation.settings, programs, report)


def _print_addresses(installation: Installation) -> None:
    settings = installation.settings
    secrets = Secrets(settings.secrets_dir)
    password_file = secrets.path(SCRAPE_PASSWORD)
    for title, address, login in (
        ("Console", settings.url("neomon"), f"user admin, password {secrets.read(ADMIN_PASSWORD)}"),
        ("Prometheus", settings.url("prometheus"), f"user {SCRAPE_USER}, password in {password_file}"),
        ("Alertmanager", settings.url("alertmanager"), f"user {SCRAPE_USER}, password in {password_file}"),
    ):
        console.print(f"  [bold]{title:<13}[/]{address:<24} [dim]{login}[/]", soft_wrap=True)
    if settings.alerting.mail is None:
        console.print(
            "[yellow]No mail server is set: alerts stay on this machine.[/] Set alerting.mail in neomon.yml;"
            " docs/notifications.md shows how.",
            soft_wrap=True,
        )
    if installation.mode.demo:
        console.print(
            "Break something: [bold]neomon demo list[/]; read what people receive: [bold]neomon demo inbox[/]"
        )


def _stay(installation: Installation, programs: Sequence[Program], guardian: subprocess.Popen[bytes]) -> int:
    console.print("Ctrl-C stops everything.")
    known: dict[str, Condition] = {}
    try:
        while guardian.poll() is None:
            for row in asyncio.run(stack_status(installation.settings, programs)):
                if known.get(row.name, Condition.HEALTHY) is not row.condition:
                    detail = "" if row.condition is Condition.HEALTHY else f": {row.last_error}"
                    line = Text(f"{time.strftime('%H:%M:%S')} {row.name} is {row.condition}{detail}")
                    line.stylize(_COLOURS[row.condition])
                    console.print(line, soft_wrap=True)
                known[row.name] = row.condition
            time.sleep(_WATCH_SECONDS)
    except KeyboardInterrupt:
        _stop(installation)
        return 0
    console.print("stopped")
    return 0


def _stop(installation: Installation) -> bool:
    with console.status("stopping, in order"):
        stopped = lifecycle.stop(installation.settings, installation.programs())
    if stopped:
        console.print("[green]✓[/] stopped")
    return stopped


def down() -> int:
    """Stop everything, in order; data and configuration stay.

    Example:

        neomon down
    """
    installation = open_installation()
    with one_at_a_time(installation.settings.data_dir, "stop"):
        if not _stop(installation):
            console.print("nothing is running")
    return 0


def status(
    json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> int:
    """Show every component; exit status 0 only when all are healthy.

    Examples:

        neomon status

        neomon status --json | jq '.components[] | select(.condition != "healthy")'
    """
    installation = open_installation()
    rows = asyncio.run(stack_status(installation.settings, installation.programs()))
    healthy = all(row.condition is Condition.HEALTHY for row in rows)
    if json:
        print_json({"healthy": healthy, "components": [asdict(row) for row in rows]})
    else:
        _print_status(rows)
    return 0 if healthy else 1


def _print_status(rows: Sequence[ComponentStatus]) -> None:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for title, justify in (("component", "left"), ("state", "left"), ("version", "left"), ("uptime", "right")):
        table.add_column(title, justify="right" if justify == "right" else "left", no_wrap=True)
    table.add_column("address", no_wrap=True)
    table.add_column("memory", justify="right", no_wrap=True)
    table.add_column("restarts", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.name,
            Text(row.condition, style=_COLOURS[row.condition]),
            row.version,
            duration_text(row.uptime_seconds) if row.pid else "",
            row.address,
            bytes_text(row.memory_bytes) if row.memory_bytes else "",
            str(row.restarts) if row.restarts else "",
        )
    console.print(table)
    for row in rows:
        if row.last_error:
            console.print(f"{row.name}: {row.last_error}", style="dim", markup=False, soft_wrap=True)
