"""Rate limiting by token bucket."""

from __future__ import annotations

import time
from collections.abc import Callable

_BURST_SECONDS = 3.0


class TokenBucket:
    """Lets through `rate` requests a second, and after a quiet while three seconds' worth at once."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._capacity = max(1.0, rate * _BURST_SECONDS)
        self._tokens = self._capacity
        self._filled = clock()

    def allow(self) -> bool:
        """Take a token for one request; False when there is none."""
        now = self._clock()
        self._tokens = min(self._capacity, self._tokens + (now - self._filled) * self.rate)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
