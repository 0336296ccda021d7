"""The moments history is made of, and what went wrong in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from neomon.demo.catalogue import GATEWAY
from neomon.demo.origin import CONFIGURATION_AGE, DEPLOYMENT_AGE, Origin
from neomon.demo.rhythm import load_factor

_FINE_STEP = 15
_COARSE_STEP = 60
_FINE_HOURS = 6
"""Longer histories have a sample a minute, or they would take minutes to write."""
LEAD_IN_SECONDS = 300
"""Samples begin this much before the first evaluation of a rule: rates over five minutes need them."""
_SLOWDOWN = 3.0
"""How many times as long answers of the gateway took while its new version was not set up well."""
_RAMP_SECONDS = 90.0
_SPIKE_AFTER = 240.0
_SPIKE_SECONDS = 150.0
_SPIKE_SHARE = 0.025
"""Share of failures in the spike: plain to see, yet not enough to use up the error budget of a day."""


@dataclass(frozen=True)
class Timeline:
    """Evenly spaced moments up to the present."""

    start: int
    """Seconds since the epoch, a multiple of the step."""
    end: int
    step: int
    """Seconds."""
    origin: Origin

    @classmethod
    def until(cls, end: float, hours: float, origin: Origin) -> Timeline:
        """The timeline of the last `hours` hours before `end`, and a little more to begin with."""
        step = _FINE_STEP if hours <= _FINE_HOURS else _COARSE_STEP
        last = int(end) // step * step
        return cls(last - (int(hours * 3600) + LEAD_IN_SECONDS) // step * step, last, step, origin)

    @cached_property
    def times(self) -> list[int]:
        """All moments."""
        return list(range(self.start, self.end + 1, self.step))

    @property
    def evaluations(self) -> list[int]:
        """The moments at which rules are evaluated."""
        return self.times[LEAD_IN_SECONDS // self.step :]

    @cached_property
    def load(self) -> list[float]:
        """Share of the peak traffic at each moment."""
        return [load_factor(time) for time in self.times]

    def slowdown(self, service: str) -> list[float]:
        """How many times as long as usual answers of `service` take, at each moment."""
        if service != GATEWAY.name:
            return [1.0] * len(self.times)
        begin, end = self.origin.at - DEPLOYMENT_AGE, self.origin.at - CONFIGURATION_AGE
        return [1 + (_SLOWDOWN - 1) * _plateau(time, begin, end) for time in self.times]

    def failing(self, service: str) -> list[float]:
        """Share of requests to `service` that fail beyond the usual, at each moment."""
        if service != GATEWAY.name:
            return [0.0] * len(self.times)
        begin = self.origin.at - DEPLOYMENT_AGE + _SPIKE_AFTER
        return [_SPIKE_SHARE if begin <= time < begin + _SPIKE_SECONDS else 0.0 for time in self.times]


def _plateau(time: float, begin: float, end: float) -> float:
    rise = (time - begin) / _RAMP_SECONDS
    fall = (end - time) / _RAMP_SECONDS
    level = max(0.0, min(1.0, rise, fall))
    return (1 - math.cos(math.pi * level)) / 2
