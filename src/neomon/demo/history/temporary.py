"""Help for programs that run only while history is written."""

from __future__ import annotations

import socket

from neomon.demo.runtime import HOST


def free_port() -> int:
    """A TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
