"""Which ports are taken, and by whom."""

from __future__ import annotations

import socket
from collections.abc import Iterable

import psutil

from neomon.errors import ConflictError
from neomon.stack.program import Program


def require_free(programs: Iterable[Program], root: int | None = None) -> None:
    """Check that every address a program will listen on is free, or held by a descendant of the process `root`.

    Raises:
        ConflictError: Some are taken; the message names each with the program that holds it.
    """
    ours = {child.pid for child in psutil.Process(root).children(recursive=True)} if root else set()
    taken = [
        f"{program.address} ({program.name}) is held by {_described(pid)}"
        for program in programs
        if program.address and not is_free(program.address) and (pid := _listener(program.address)) not in ours
    ]
    if taken:
        raise ConflictError(
            "; ".join(taken) + ". Stop it, or choose other ports: NEOMON_PORTS__<NAME>=… or `ports:` in neomon.yml"
        )


def is_free(address: str) -> bool:
    """Whether a server could listen on `host:port` now."""
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _listener(address: str) -> int | None:
    """The process that listens on the port of `host:port`, as far as this user may see it."""
    port = split_address(address)[1]
    for connection in psutil.net_connections(kind="tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            return connection.pid
    return None


def _described(pid: int | None) -> str:
    return f"{psutil.Process(pid).name()} (pid {pid})" if pid else "a process of another user"


def split_address(address: str) -> tuple[str, int]:
    """Host (without brackets) and port of `host:port`."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
