"""Series of history, and the arithmetic of counters and histograms that are consistent with one another."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

Value = float | int
Labels = Mapping[str, str]
Share = Callable[[float, float], float]
"""Share of durations at most this many seconds (first), all being this many times as long as usual (second)."""

_POISSON_UP_TO = 20.0


@dataclass(frozen=True)
class Series:
    """One series: a value for each moment of the timeline, None where it was absent."""

    name: str
    labels: Labels
    values: Sequence[Value | None]


def draw_count(rng: random.Random, mean: float) -> int:
    """A number of events whose mean is `mean`, as chance has it."""
    if mean > _POISSON_UP_TO:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count


def portion(counts: Iterable[int], shares: Iterable[float]) -> list[int]:
    """The part of each count that falls to a share; fractions are carried over, so rare things happen evenly."""
    carried, parts = 0.5, []
    for count, share in zip(counts, shares, strict=True):
        carried += count * share
        part = min(int(carried), count)
        carried -= part
        parts.append(part)
    return parts


def counter(name: str, labels: Labels, increments: Sequence[Value], base: Value = 0) -> Series:
    """A counter that had counted to `base` before history begins."""
    return Series(name, labels, list(accumulate(increments, initial=base))[1:])


def constant(name: str, labels: Labels, value: Value, length: int) -> Series:
    """A series that never changes."""
    return Series(name, labels, [value] * length)


@dataclass(frozen=True)
class Durations:
    """Events with durations: how many at each step, and how long they take."""

    counts: Sequence[int]
    share: Share
    mean: Callable[[float], float]
    """Mean duration when all are this many times as long as usual."""
    slowdown: Sequence[float]


def histogram(
    name: str, labels: Labels, parts: Sequence[Durations], bounds: Sequence[float], base: float = 0
) -> list[Series]:
    """The series of a histogram over several kinds of events; `base` times a mean step came before history.

    Buckets are cumulative, never fall, and the last equals the count.
    """
    steps = len(parts[0].counts)
    counts = [sum(part.counts[step] for part in parts) for step in range(steps)]
    first = [round(base * sum(part.counts) / steps) for part in parts]
    total = counter(name + "_count", labels, counts, sum(first))
    found = []
    for bound in bounds:
        shares = [_Shares(part.share, bound) for part in parts]
        within = sum(count * share(1.0) for count, share in zip(first, shares, strict=True))
        values: list[Value | None] = []
        for step in range(steps):
            for part, share in zip(parts, shares, strict=True):
                if count := part.counts[step]:
                    within += count * share(part.slowdown[step])
            highest = total.values[step]
            assert highest is not None  # noqa: S101
            values.append(min(int(within + 1e-6), highest))
        found.append(Series(name + "_bucket", {**labels, "le": bound_label(bound)}, values))
    seconds = sum(count * part.mean(1.0) for count, part in zip(first, parts, strict=True))
    sums = [
        sum(part.counts[step] * part.mean(part.slowdown[step]) for part in parts if part.counts[step])
        for step in range(steps)
    ]
    return [
        *found,
        Series(name + "_bucket", {**labels, "le": "+Inf"}, total.values),
        total,
        counter(name + "_sum", labels, sums, seconds),
    ]


def bound_label(bound: float) -> str:
    """A bucket's bound as Prometheus' Python client writes it: `2.0`."""
    return repr(float(bound))


class _Shares:
    """Remembers shares by slowdown: outside of an incident there is only one."""

    def __init__(self, share: Share, bound: float) -> None:
        self._share = share
        self._bound = bound
        self._known: dict[float, float] = {}

    def __call__(self, slowdown: float) -> float:
        found = self._known.get(slowdown)
        if found is None:
            found = self._known[slowdown] = self._share(self._bound, slowdown)
        return found
