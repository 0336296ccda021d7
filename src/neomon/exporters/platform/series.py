"""Turn rows into series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from neomon.exporters.platform.plan import MetricSpec, Query

Labels = tuple[tuple[str, str], ...]
"""Names and values, sorted by name."""


class ResultError(Exception):
    """The database answered, but not with what the configuration promises."""


@dataclass(frozen=True)
class Result:
    """Series of one metric, from one run of a query."""

    spec: MetricSpec
    series: dict[Labels, float]


def results(query: Query, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[Result]:
    """Series of all metrics of a query.

    Raises:
        ResultError: A column is missing, a value is no number, there are too many rows, or two rows give one series.
    """
    if len(rows) > query.row_limit:
        raise ResultError(f"more than {query.row_limit} rows (row_limit)")
    position = {column: index for index, column in enumerate(columns)}
    return [Result(spec, _series(spec, position, rows)) for spec in query.metrics]


def _series(spec: MetricSpec, position: dict[str, int], rows: Sequence[Sequence[object]]) -> dict[Labels, float]:
    for column in (spec.value, *spec.labels):
        if column not in position:
            raise ResultError(f"{spec.name}: the answer has no column {column!r} (it has {', '.join(position)})")
    value = position[spec.value]
    labels = [(name, position[name]) for name in spec.labels]
    constant = list(spec.constant_labels.items())
    series: dict[Labels, float] = {}
    for row in rows:
        if row[value] is None:
            continue
        key = tuple(sorted([*constant, *((name, _text(row[index])) for name, index in labels)]))
        if key in series:
            raise ResultError(f"{spec.name}: two rows have the labels {dict(key)}")
        series[key] = _number(spec, row[value])
    return series


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _number(spec: MetricSpec, value: object) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, timedelta):
        return value.total_seconds()
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ResultError(f"{spec.name}: {spec.value} is {type(value).__name__}, not a number") from error


@dataclass
class Counters:
    """Holds counters that fall.

    Prometheus reads any fall as a restart from zero, so `rate()` would jump by the whole count when, say, one invoice
    changes its status. A counter that falls is held at its highest value until the query passes it.
    """

    highest: dict[tuple[str, Labels], float] = field(default_factory=dict)

    def held(self, result: Result) -> Result:
        """The result with counters that never fall; other types as they are."""
        if result.spec.type != "counter":
            return result
        series = {}
        for labels, value in result.series.items():
            key = (result.spec.name, labels)
            series[labels] = self.highest[key] = max(value, self.highest.get(key, value))
        return Result(result.spec, series)
