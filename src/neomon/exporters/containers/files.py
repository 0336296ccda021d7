"""Read the small files of cgroupfs and procfs, whose owners may vanish at any moment."""

from __future__ import annotations

import os

CHUNK = 65536


def read_text(path: str) -> str | None:
    """The whole file, or None when it, its group or its process is gone or unreadable."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        parts = []
        while part := os.read(descriptor, CHUNK):
            parts.append(part)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return b"".join(parts).decode("utf-8", "replace")


def read_number(path: str) -> int | None:
    """The one whole number in a file; None too for the word `max`."""
    text = (read_text(path) or "").strip()
    return int(text) if text.isdecimal() else None


def read_table(path: str) -> dict[str, int]:
    """A file of lines `key number`; empty when there is none."""
    table = {}
    for line in (read_text(path) or "").splitlines():
        key, _, value = line.partition(" ")
        if value.isdecimal():
            table[key] = int(value)
    return table


def read_pids(path: str) -> list[int]:
    """A file of process numbers, one a line."""
    return [int(pid) for pid in (read_text(path) or "").split() if pid.isdecimal() and pid != "0"]
