"""How busy the platform is at a given moment: the same function drives live traffic and filled-in history."""

from __future__ import annotations

import math

_DAY = 86_400.0
_NIGHT_LEVEL = 0.45
"""Traffic in the dead of night, as a share of the daily peak."""
_PEAK_HOUR = 14.0
_RIPPLES = ((1_733.0, 0.5, 0.6), (611.0, 0.3, 1.9), (197.0, 0.2, 4.1))
"""Period in seconds, weight and phase of the waves that make neighbouring minutes differ."""
_RIPPLE_LEVEL = 0.08


def load_factor(timestamp: float) -> float:
    """Share of peak traffic expected at `timestamp` (seconds since the epoch, UTC days), above 0 and at most 1."""
    angle = 2 * math.pi * ((timestamp % _DAY) / _DAY - _PEAK_HOUR / 24)
    daylight = (1 + math.cos(angle)) / 2
    level = _NIGHT_LEVEL + (1 - _NIGHT_LEVEL) * daylight
    return level * (1 - _RIPPLE_LEVEL + _RIPPLE_LEVEL * ripple(timestamp))


def ripple(timestamp: float, phase: float = 0.0) -> float:
    """A slow, repeatable wobble between -1 and 1; `phase` (radians) gives each series a wobble of its own."""
    return sum(weight * math.sin(2 * math.pi * timestamp / period + at + phase) for period, weight, at in _RIPPLES)
