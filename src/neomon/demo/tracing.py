"""W3C trace context (https://www.w3.org/TR/trace-context/), as much as the demo needs."""

from __future__ import annotations

import random
import re

HEADER = "traceparent"
_FORMAT = re.compile(r"00-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})")


def new_traceparent() -> str:
    """The header of a trace that begins here."""
    return f"00-{random.getrandbits(128) or 1:032x}-{random.getrandbits(64) or 1:016x}-01"


def child_traceparent(received: str | None) -> str:
    """The header to pass on: the same trace with a span of its own, or a new trace when none was received."""
    match = _FORMAT.fullmatch(received or "")
    if match is None:
        return new_traceparent()
    return f"00-{match['trace']}-{random.getrandbits(64) or 1:016x}-{match['flags']}"
