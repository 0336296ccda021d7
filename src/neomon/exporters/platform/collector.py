"""Export the last answers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    UnknownMetricFamily,
)

from neomon.exporters.platform.plan import MetricSpec
from neomon.exporters.platform.runner import State
from neomon.exporters.platform.series import Labels, Result

FAMILIES = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "unknown": UnknownMetricFamily}
PREFIX = "platform_exporter"


class PlatformCollector:
    """Serves what the runners found; never asks a database itself, so a scrape always takes the same short time."""

    def __init__(self, states: Sequence[State], skipped: int) -> None:
        self._states = states
        self._skipped = skipped

    def collect(self) -> Iterator[Metric]:
        """Yield the queries' metrics, then how the queries fare."""
        yield from self._business()
        yield from self._own()

    def _business(self) -> Iterator[Metric]:
        now = time.time()
        families: dict[str, Metric] = {}
        seen: set[tuple[str, Labels]] = set()
        for state in self._states:
            for result in _fresh(state, now):
                spec = result.spec
                family = families.setdefault(spec.name, _family(spec))
                for labels, value in result.series.items():
                    # Two queries may give the same series by mistake; Prometheus would refuse the whole scrape.
                    if (spec.name, labels) not in seen:
                        seen.add((spec.name, labels))
                        family.add_sample(spec.name, dict(labels), value)
        yield from families.values()

    def _own(self) -> Iterator[Metric]:
        labels = ("query",)
        up = GaugeMetricFamily(f"{PREFIX}_query_up", "Whether the last run of the query worked.", labels=labels)
        duration = GaugeMetricFamily(
            f"{PREFIX}_query_duration_seconds", "Time the last run of the query took.", labels=labels
        )
        errors = CounterMetricFamily(f"{PREFIX}_query_errors", "Runs of the query that failed.", labels=labels)
        success = GaugeMetricFamily(
            f"{PREFIX}_query_last_success_timestamp_seconds",
            "When the query last worked, in seconds since 1970.",
            labels=labels,
        )
        for state in self._states:
            name = [state.query.name]
            errors.add_metric(name, state.errors)
            if state.up is not None:
                up.add_metric(name, state.up)
            if state.duration_seconds is not None:
                duration.add_metric(name, state.duration_seconds)
            if state.last_success is not None:
                success.add_metric(name, state.last_success)
        yield from (up, duration, errors, success)
        yield GaugeMetricFamily(
            f"{PREFIX}_queries_skipped", "Queries not run, as their database is not configured.", value=self._skipped
        )


def _fresh(state: State, now: float) -> tuple[Result, ...]:
    if state.last_success is None or now - state.last_success > state.query.stale_after_seconds:
        return ()
    return state.results


def _family(spec: MetricSpec) -> Metric:
    family: Metric = FAMILIES[spec.type](spec.name, spec.help)
    return family
