"""`neomon dashboards`: render them from code, list them, try their queries."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neomon.cli.installation import open_installation
from neomon.cli.output import console, errors, print_error, print_json
from neomon.settings import REPOSITORY

if TYPE_CHECKING:
    from neomon.dashboards.api import PrometheusAddress
    from neomon.dashboards.check import CheckResult

app = typer.Typer(
    help=(
        "The dashboards: built in Python, committed as Grafana JSON.\n\n"
        "  neomon dashboards list            what there is\n\n"
        "  neomon dashboards render          write grafana/dashboards/*.json from the code\n\n"
        "  neomon dashboards check --wait 60 try every query against the running Prometheus"
    ),
    no_args_is_help=True,
)

Directory = Annotated[
    Path | None, typer.Option("--directory", "-d", help="Where the JSON files are; default grafana/dashboards.")
]
Json = Annotated[bool, typer.Option("--json", help="For scripts.")]


@app.command("render")
def render_command(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 if a file is not up to date.")] = False,
    directory: Directory = None,
) -> int:
    """Write the dashboards from the code in src/neomon/dashboards/boards.

    Examples:

        neomon dashboards render

        neomon dashboards render --check
    """
    from neomon.dashboards.render import stale_dashboards, write_dashboards

    target = directory or REPOSITORY / "grafana" / "dashboards"
    if check:
        stale = stale_dashboards(target)
        for path in stale:
            print_error(f"{path} is not what the code renders; run `neomon dashboards render`")
        return 1 if stale else 0
    changed = write_dashboards(target)
    for path in changed:
        console.print(f"{'wrote' if path.exists() else 'removed'} {path}", soft_wrap=True)
    if not changed:
        console.print("[green]✓[/] every dashboard is up to date")
    return 0


@app.command("list")
def list_command(directory: Directory = None, json: Json = False) -> int:
    """Every dashboard with its panels and queries counted.

    Examples:

        neomon dashboards list

        neomon dashboards list --json | jq -r '.[].uid'
    """
    from neomon.dashboards.documents import dashboard_files, load_dashboard

    entries = [_entry(path, load_dashboard(path)) for path in dashboard_files(_directory(directory))]
    if json:
        print_json(entries)
        return 0
    from rich.table import Table

    table = Table("uid", "title", "panels", "queries", "what it is for", box=None, header_style="bold")
    for entry in entries:
        table.add_row(entry["uid"], entry["title"], str(entry["panels"]), str(entry["queries"]), entry["description"])
    console.print(table)
    return 0


@app.command("check")
def check_command(
    url: Annotated[
        str | None, typer.Option("--url", help="A Prometheus API; default is this installation's Prometheus.")
    ] = None,
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0, help="Try again this long while a query fails.")
    ] = 0,
    ca_file: Annotated[
        Path | None, typer.Option("--ca-file", exists=True, dir_okay=False, help="CA to trust for an https address.")
    ] = None,
    directory: Directory = None,
    json: Json = False,
) -> int:
    """Run every panel, annotation and variable query; exit 1 if one fails or finds nothing.

    Examples:

        neomon dashboards check

        neomon dashboards check --wait 60

        neomon dashboards check --url https://user:password@prometheus.example.org
    """
    from neomon.dashboards.connection import prometheus_address

    address = prometheus_address(open_installation().settings, url, ca_file=ca_file)
    results = _run_check(_directory(directory), address, wait)
    failed = [result for result in results if result.failed]
    if json:
        print_json({"ok": not failed, "results": results})
    else:
        _report(results, failed)
    return 1 if failed else 0


def _directory(given: Path | None) -> Path:
    return given or open_installation().settings.base_dir / "grafana" / "dashboards"


def _entry(path: Path, document: dict[str, Any]) -> dict[str, Any]:
    from neomon.dashboards.documents import panel_queries, walk_panels

    return {
        "uid": str(document.get("uid", "")),
        "title": str(document.get("title", "")),
        "description": str(document.get("description", "")),
        "panels": sum(1 for _, panel in walk_panels(document) if panel.get("type") != "row"),
        "queries": sum(1 for _ in panel_queries(document)),
        "file": str(path),
    }


def _run_check(directory: Path, address: PrometheusAddress, wait: float) -> list[CheckResult]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from neomon.dashboards.check import check_dashboards

    columns = (TextColumn("queries"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task("queries", total=None)

        def advance(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        return asyncio.run(check_dashboards(directory, address, wait=wait, on_progress=advance))


def _report(results: list[CheckResult], failed: list[CheckResult]) -> None:
    from neomon.dashboards.check import Outcome

    for result in failed:
        query = f", query {result.query}" if result.query else ""
        console.print(f"[red]✗[/] {result.dashboard}: ", end="")
        console.print(f"{result.panel}{query}: {result.message}", markup=False, soft_wrap=True)
        console.print(f"    {result.expression}", markup=False, soft_wrap=True, style="dim")
    empty = sum(1 for result in results if result.outcome is Outcome.MAY_BE_EMPTY)
    note = f", {empty} rightly empty" if empty else ""
    if failed:
        console.print(f"[red]✗[/] {len(failed)} of {len(results)} queries failed{note}")
    else:
        console.print(f"[green]✓[/] {len(results)} queries answered{note}")
