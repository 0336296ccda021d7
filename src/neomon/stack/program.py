"""What the supervisor must know of a program it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class HttpHealth:
    """Healthy while `GET url` answers 200."""

    url: str
    authenticated: bool = False
    """Send the scrape user's credentials (see `neomon.stack.secrets`)."""


@dataclass(frozen=True)
class TcpHealth:
    """Healthy while a connection to the program's address is accepted."""


@dataclass(frozen=True)
class Program:
    """One long-running process.

    Programs start in order of `priority` (lower first) without waiting for one another, and stop in the reverse
    order; each must bear that what it depends on is not there yet.
    """

    name: str
    command: tuple[str, ...]
    directory: Path
    address: str | None = None
    """`host:port` it listens on; checked to be free before the start."""
    health: HttpHealth | TcpHealth | None = None
    package: str | None = None
    """Debian package the executable comes from, for the message when it is missing."""
    environment: Mapping[str, str] = field(default_factory=dict)
    priority: int = 100
    stop_signal: str = "TERM"
    stop_seconds: int = 20
    version_command: tuple[str, ...] | None = None
    """Prints the program's version; None for neomon's own processes."""
    own: bool = False
    """Whether it is neomon's own code (counted in the footprint benchmark)."""
