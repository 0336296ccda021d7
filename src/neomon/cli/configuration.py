"""`neomon check` and `apply`."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import typer
from rich.syntax import Syntax

from neomon.cli.installation import open_installation
from neomon.cli.output import console, print_error, print_json
from neomon.errors import NeomonError


def add_commands(app: typer.Typer) -> None:
    """Add these commands to the root."""
    app.command("check")(check_command)
    app.command("apply")(apply_command)


def check_command(json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False) -> int:
    """Validate settings, Prometheus, rules and their tests, Alertmanager, exporters and dashboards.

    Examples:

        neomon check

        neomon check --json | jq -r '.problems[] | "\\(.file):\\(.line): \\(.message)"'
    """
    from neomon.dashboards.lint import lint_dashboards
    from neomon.stack.check import check_configuration
    from neomon.stack.validate import Problem

    settings = open_installation().settings
    with console.status("checking"):
        problems = asyncio.run(check_configuration(settings))
        dashboards = lint_dashboards(settings.base_dir / "grafana" / "dashboards")
        problems += [Problem(finding.file, finding.line, finding.message) for finding in dashboards]
    if json:
        print_json({"ok": not problems, "problems": problems})
    else:
        for problem in problems:
            console.print(f"[red]✗[/] {problem.file}:{problem.line}: ", end="")
            console.print(problem.message, markup=False, soft_wrap=True)
        if not problems:
            console.print(
                "[green]✓[/] settings, Prometheus, rules and their tests, Alertmanager, exporters, dashboards"
            )
    return 2 if problems else 0


def apply_command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would change, and change nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> int:
    """Put changed files and settings in force; what is not valid never is.

    Renders prometheus/, alertmanager/ and exporters/ with the settings, checks the result, swaps it in, reloads the
    programs and waits until their own metrics confirm it. If any step fails, the last good configuration is put back.

    Examples:

        neomon apply --dry-run

        neomon apply
    """
    from neomon.stack import lifecycle
    from neomon.stack.apply import ApplyError, apply, preview
    from neomon.stack.files import one_at_a_time
    from neomon.stack.journal import ApplyOutcome, record_apply

    installation = open_installation()
    settings = installation.settings
    if dry_run:
        diff = preview(settings)
        if json:
            print_json({"changed": bool(diff), "diff": diff})
        elif diff:
            console.print(Syntax(diff, "diff", background_color="default"))
        else:
            console.print("nothing would change")
        return 0
    try:
        with one_at_a_time(settings.data_dir, "apply"), console.status("applying") as line:
            result = asyncio.run(
                apply(settings, installation.programs(), lambda step: line.update(f"applying: {step}"))
            )
    except NeomonError as error:
        record_apply(settings.data_dir, ApplyOutcome(time.time(), success=False, message=str(error)))
        if json:
            step = error.step if isinstance(error, ApplyError) else "render"
            problems = error.problems if isinstance(error, ApplyError) else (str(error),)
            print_json({"applied": False, "step": step, "problems": problems})
        else:
            print_error(str(error))
        return 2
    record_apply(settings.data_dir, ApplyOutcome(time.time(), success=True, message=""))
    if json:
        print_json({"applied": True, "changed": result.changed, "reloaded": result.reloaded})
    elif not result.changed and not result.reloaded:
        console.print("[green]✓[/] nothing changed")
    else:
        taken = f"taken over by {', '.join(result.reloaded)}" if result.reloaded else "in force at the next start"
        if not lifecycle.is_running(settings):
            taken = "in force at the next start"
        console.print(f"[green]✓[/] {len(result.changed)} files changed; {taken}")
    return 0
