"""Sessions of signed-in users, in memory."""

from __future__ import annotations

import random
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

_MOST = 20_000


class Sessions:
    """Token -> end; the oldest end first, because all last equally long."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._ends: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        self._expire()
        return len(self._ends)

    def open(self) -> str:
        """Start a session; returns its token."""
        self._expire()
        if len(self._ends) >= _MOST:
            self._ends.popitem(last=False)
        token = secrets.token_urlsafe(18)
        self._ends[token] = self._clock() + self._seconds
        return token

    def restore(self, number: int) -> None:
        """Put back `number` sessions that outlived a restart, each with some of its time left."""
        rng = random.Random(number)
        now = self._clock()
        for end in sorted(now + rng.random() * self._seconds for _ in range(number)):
            self._ends[secrets.token_urlsafe(18)] = end

    def valid(self, token: str) -> bool:
        """Whether the session is there and has not ended."""
        return self._ends.get(token, float("-inf")) > self._clock()

    def close(self, token: str) -> bool:
        """End a session; False when there was none."""
        return self._ends.pop(token, None) is not None

    def _expire(self) -> None:
        now = self._clock()
        while self._ends and next(iter(self._ends.values())) <= now:
            self._ends.popitem(last=False)
