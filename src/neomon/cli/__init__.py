"""The command line: one module per group of commands."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the `neomon` command."""
    from neomon.cli.root import run

    run(sys.argv[1:])
