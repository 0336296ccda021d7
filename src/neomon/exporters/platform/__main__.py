"""`python -m neomon.exporters.platform`: the exporter without the weight of the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from neomon.exporters.platform.app import LISTEN, run
from neomon.exporters.process import run_guarded


def main() -> int:
    """Read the arguments and run; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m neomon.exporters.platform",
        description="Business metrics read by SQL.",
        epilog="example: python -m neomon.exporters.platform --config exporters/custom/platform.yml --databases db.yml",
    )
    parser.add_argument("--listen", default=LISTEN, metavar="HOST:PORT", help="address (default %(default)s)")
    parser.add_argument("--web-config", type=Path, metavar="FILE", help="credentials and TLS (exporter-toolkit)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="queries (default: those shipped with neomon)")
    parser.add_argument("--databases", type=Path, metavar="FILE", help="databases by name (default: neomon's settings)")
    return run_guarded(lambda: run(**vars(parser.parse_args())))


if __name__ == "__main__":
    sys.exit(main())
