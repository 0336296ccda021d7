"""Waiting until programs are healthy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from neomon.errors import UnavailableError
from neomon.settings import Settings
from neomon.stack.program import Program
from neomon.stack.status import ComponentStatus, Condition, stack_status

HEALTHY_SECONDS = 60.0
_POLL_SECONDS = 0.25


async def wait_healthy(
    settings: Settings,
    programs: Sequence[Program],
    report: Callable[[list[ComponentStatus]], None] = lambda _: None,
    seconds: float = HEALTHY_SECONDS,
) -> list[ComponentStatus]:
    """Wait until every program is healthy.

    Raises:
        UnavailableError: Some are not after `seconds`; the message says which and why.
    """
    deadline = time.monotonic() + seconds
    while True:
        rows = await stack_status(settings, programs)
        report(rows)
        waiting = [row for row in rows if row.condition is not Condition.HEALTHY]
        if not waiting:
            return rows
        if time.monotonic() > deadline:
            reasons = "; ".join(f"{row.name}: {row.last_error}" for row in waiting)
            raise UnavailableError(f"not healthy after {seconds:g} s: {reasons}. Logs are in {settings.log_dir}")
        await asyncio.sleep(_POLL_SECONDS)
