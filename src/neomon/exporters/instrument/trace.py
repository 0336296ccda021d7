"""Find the trace a request belongs to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

SAMPLED = 0x01
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_NOTHING = (b"0" * 32, b"0" * 16)


def from_headers(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Trace id of a W3C `traceparent` header, when it is valid and the trace is recorded."""
    for name, value in headers:
        if name == b"traceparent":
            match = _TRACEPARENT.fullmatch(value)
            # Version ff is forbidden, and an id of zeros means "none" (W3C Trace Context, section 3.2.2).
            if not match or value.startswith(b"ff") or match[1] == _NOTHING[0] or match[2] == _NOTHING[1]:
                return None
            return match[1].decode() if int(match[3], 16) & SAMPLED else None
    return None


def span_reader() -> Callable[[], str | None] | None:
    """A function that tells the trace id of OpenTelemetry's current span; None when that library isn't installed."""
    try:
        from opentelemetry.trace import get_current_span
    except ImportError:
        return None

    def read() -> str | None:
        context = get_current_span().get_span_context()
        return f"{context.trace_id:032x}" if context.is_valid and context.trace_flags.sampled else None

    return read
