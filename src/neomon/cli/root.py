"""The `neomon` command: its groups, and how errors end it."""

from __future__ import annotations

import sys

import typer

from neomon.cli import configuration, dashboards, demo, exporter, stack
from neomon.cli.output import print_error
from neomon.errors import NeomonError
from neomon.version import neomon_version


def _exit(status: object, **_: object) -> None:
    """A command that returns a number means it as its exit status."""
    if isinstance(status, int) and status:
        raise typer.Exit(status)


app = typer.Typer(
    name="neomon",
    result_callback=_exit,
    help=(
        "NEO Monitoring Service: Prometheus, Alertmanager, exporters and dashboards as one.\n\n"
        "  neomon up --demo        start everything with a live demo platform\n\n"
        "  neomon status           what runs, and how it is\n\n"
        "  neomon check            validate every configuration file\n\n"
        "  neomon apply --dry-run  what a changed file would do\n\n"
        "  neomon down             stop"
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"neomon {neomon_version()}")
        raise typer.Exit


@app.callback()
def _options(
    _: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version and exit."),
) -> None:
    """Options of every command."""


stack.add_commands(app)
configuration.add_commands(app)
app.add_typer(demo.app, name="demo")
app.add_typer(dashboards.app, name="dashboards")
app.add_typer(exporter.app, name="exporter")


def run(arguments: list[str]) -> None:
    """Run one command and exit: status 0 well, 1 not well, 2 wrong input."""
    try:
        app(args=arguments, prog_name="neomon")
    except NeomonError as error:
        print_error(str(error))
        sys.exit(error.exit_status)
    except OSError as error:
        # A full disk or a directory without permission: the system's sentence says it best.
        print_error(f"{error.filename or 'input/output'}: {error.strerror or error}")
        sys.exit(1)
