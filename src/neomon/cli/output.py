"""How commands speak: colours with a meaning, JSON for scripts, one-line errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import orjson
from rich.console import Console

_WIDE = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 140
"""Piped output has no window to fit: tables need not be squeezed into 80 columns."""

console = Console(highlight=False, width=_WIDE)
errors = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """Print indented JSON (dataclasses and paths included)."""
    text = orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2).decode()
    sys.stdout.write(text + "\n")


def print_error(message: str) -> None:
    """Print a sentence about what went wrong, on standard error."""
    errors.print(f"neomon: {message}", style="red", markup=False, soft_wrap=True)


def duration_text(seconds: float) -> str:
    """A length of time for people: `3d 4h`, `12m 5s`."""
    whole = int(seconds)
    parts: Sequence[tuple[int, str]] = (
        (whole // 86_400, "d"),
        (whole // 3600 % 24, "h"),
        (whole // 60 % 60, "m"),
        (whole % 60, "s"),
    )
    shown = [f"{count}{unit}" for count, unit in parts if count]
    return " ".join(shown[:2]) or "0s"


def bytes_text(count: int) -> str:
    """A number of bytes for people, in powers of 1024."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")
