"""Waiting for something to become true, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(probe: Callable[[], T | None], what: str, seconds: float = 15, pause: float = 0.05) -> T:
    """First truthy answer of `probe`, asked every `pause` seconds; a server not there yet (OSError) is no answer.

    Raises:
        AssertionError: There was none within `seconds`.
    """
    deadline = time.monotonic() + seconds
    last: object = None
    while True:
        try:
            if answer := probe():
                return answer
            last = answer
        except OSError as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}; last answer: {last!r}")
        time.sleep(pause)
