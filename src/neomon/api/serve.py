"""`python -m neomon.api.serve`: the HTTP server.

The server process only accepts and hands over; everything else is imported in its worker, to be in memory once.
"""

from __future__ import annotations

import argparse
import ctypes
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from granian.constants import Interfaces
from granian.server import Server

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_PR_SET_PDEATHSIG = 1


def application() -> ASGIApp:
    """The application of this installation, built inside the worker process."""
    from neomon.api.app import create_app
    from neomon.stack.effective import own_settings

    # A worker whose server is killed would live on and keep the port.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return create_app(own_settings())


def main() -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="neomon.api.serve", description="neomon's HTTP server.")
    parser.add_argument("--listen", default="127.0.0.1:8080", metavar="HOST:PORT")
    parser.add_argument("--certificate", type=Path, help="PEM file; turns TLS on")
    parser.add_argument("--key", type=Path, help="PEM file of the certificate's key")
    arguments = parser.parse_args()
    host, _, port = arguments.listen.rpartition(":")
    Server(
        "neomon.api.serve:application",
        factory=True,
        address=host.strip("[]"),
        port=int(port),
        interface=Interfaces.ASGI,
        workers=1,
        respawn_failed_workers=True,
        blocking_threads=1,
        log_access=False,
        ssl_cert=arguments.certificate,
        ssl_key=arguments.key,
    ).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
