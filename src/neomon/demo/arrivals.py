"""When the next request comes: a Poisson process whose rate changes with the hour."""

from __future__ import annotations

import random
from collections.abc import Callable

_IDLE_SECONDS = 0.5
_MOST_AT_ONCE = 20
"""After a stall (a suspended laptop) the missed requests are not all sent at once."""


class Arrivals:
    """Draws the pauses between requests."""

    def __init__(self, rate: Callable[[], float], rng: random.Random) -> None:
        self._rate = rate
        self._rng = rng
        self._next: float | None = None

    def pause(self, now: float) -> float:
        """Seconds until the next arrival."""
        if self._next is None:
            self._next = now + self._gap()
        return max(0.0, self._next - now)

    def due(self, now: float) -> int:
        """How many arrivals there have been up to `now`, since the last call."""
        count = 0
        while self._next is not None and self._next <= now:
            rate = self._rate()
            if rate <= 0 or count >= _MOST_AT_ONCE:
                self._next = None
                break
            count += 1
            self._next += self._rng.expovariate(rate)
        return count

    def _gap(self) -> float:
        rate = self._rate()
        return self._rng.expovariate(rate) if rate > 0 else _IDLE_SECONDS
