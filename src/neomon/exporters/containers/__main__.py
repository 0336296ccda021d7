"""`python -m neomon.exporters.containers`: the exporter without the weight of the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from neomon.exporters.containers.app import LISTEN, run
from neomon.exporters.containers.hierarchy import CGROUP_ROOT
from neomon.exporters.containers.runtimes import DOCKER, PODMAN
from neomon.exporters.process import run_guarded


def main() -> int:
    """Read the arguments and run; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m neomon.exporters.containers",
        description="Container metrics from control groups, under cAdvisor's names.",
        epilog="example: python -m neomon.exporters.containers --listen 127.0.0.1:9101 --web-config web.yml",
    )
    parser.add_argument("--listen", default=LISTEN, metavar="HOST:PORT", help="address (default %(default)s)")
    parser.add_argument("--web-config", type=Path, metavar="FILE", help="credentials and TLS (exporter-toolkit)")
    parser.add_argument("--cgroup-root", default=CGROUP_ROOT, metavar="DIR", help="default %(default)s")
    parser.add_argument("--proc-root", default="/proc", metavar="DIR", help="default %(default)s")
    parser.add_argument("--docker-root", default=DOCKER, metavar="DIR", help="default %(default)s")
    parser.add_argument("--podman-root", default=PODMAN, metavar="DIR", help="default %(default)s")
    parser.add_argument("--only-named", action="store_true", help="leave out groups that are no container or service")
    arguments = parser.parse_args()
    return run_guarded(lambda: run(**vars(arguments)))


if __name__ == "__main__":
    sys.exit(main())
