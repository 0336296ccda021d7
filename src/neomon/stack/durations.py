"""Prometheus durations such as `1h30m`.

Grammar: https://prometheus.io/docs/prometheus/latest/querying/basics/#float-literals-and-time-durations
"""

from __future__ import annotations

import re

_UNITS = {"y": 31_536_000_000, "w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_DURATION = re.compile(r"(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+s)?(?:\d+ms)?")
_PART = re.compile(r"(\d+)(ms|[ywdhms])")


def parse_duration(text: str) -> int:
    """Milliseconds of a duration.

    Raises:
        ValueError: `text` is not a duration.
    """
    if text == "0":
        return 0
    if not text or not _DURATION.fullmatch(text):
        raise ValueError(f"not a duration: {text!r}")
    return sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def format_duration(milliseconds: int) -> str:
    """Shortest exact text, in units of days and below."""
    if milliseconds == 0:
        return "0s"
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, milliseconds = divmod(milliseconds, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def scale_duration(text: str, factor: float) -> str:
    """`text` times `factor`, at least one millisecond unless it was zero."""
    milliseconds = parse_duration(text)
    return format_duration(max(1, round(milliseconds * factor)) if milliseconds else 0)


def seconds(value: float) -> str:
    """A number of seconds as a duration."""
    return format_duration(max(1, round(value * 1000)))
