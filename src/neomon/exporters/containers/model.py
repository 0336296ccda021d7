"""What is known of one control group."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Usage:
    """Resources one control group, with its descendants, has used; None is what this kernel does not tell."""

    cpu_seconds: float | None = None
    cpu_user_seconds: float | None = None
    cpu_system_seconds: float | None = None
    cfs_periods: int | None = None
    cfs_throttled_periods: int | None = None
    cfs_throttled_seconds: float | None = None
    memory_bytes: int | None = None
    memory_working_set_bytes: int | None = None
    memory_rss_bytes: int | None = None
    memory_cache_bytes: int | None = None
    memory_limit_bytes: int | None = None
    """0 means no limit."""
    oom_kills: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """The control groups found, as paths that start with a slash; parents come before their children."""

    paths: list[str] = field(default_factory=list)
    skipped: int = 0
    """Groups left out because there are too many or they lie too deep."""


class Hierarchy(Protocol):
    """A version of the kernel's control groups."""

    version: int

    def scan(self) -> Scan:
        """Find the groups."""

    def usage(self, path: str) -> Usage | None:
        """Read one group; None when it has vanished."""

    def pids(self, path: str) -> list[int]:
        """Processes directly in a group, oldest first as far as the kernel says."""


@dataclass(frozen=True)
class Limits:
    """How far a scan goes, so that a machine with countless groups can't stall a scrape."""

    depth: int = 10
    groups: int = 2000


def working_set(usage: int | None, inactive_file: int | None) -> int | None:
    """Memory the kernel can't simply take back: usage without file pages long unused, as cAdvisor computes it."""
    if usage is None or inactive_file is None:
        return usage
    return max(0, usage - inactive_file)
