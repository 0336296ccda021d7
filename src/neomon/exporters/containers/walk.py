"""Find control groups, breadth first and within limits."""

from __future__ import annotations

import os
from collections.abc import Sequence

from neomon.exporters.containers.model import Limits, Scan


def walk(roots: Sequence[str], limits: Limits) -> Scan:
    """List the groups below any of `roots`, each path once.

    Args:
        roots: Top directories of hierarchies that hold the same groups, or parts of them.
        limits: Where to stop.
    """
    paths = ["/"]
    skipped = 0
    level = ["/"]
    depth = 0
    while level:
        children = sorted({child for path in level for root in roots for child in _children(root, path)})
        room = limits.groups - len(paths) if depth < limits.depth else 0
        skipped += max(0, len(children) - room)
        level = children[: max(0, room)]
        paths += level
        depth += 1
    return Scan(paths, skipped)


def _children(root: str, path: str) -> list[str]:
    prefix = path.rstrip("/")
    try:
        with os.scandir(root + prefix) as entries:
            # Links are hierarchies' other names (cpu -> cpu,cpuacct), never groups.
            return [f"{prefix}/{entry.name}" for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
