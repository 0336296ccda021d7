"""The metrics every service of the platform exports."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Bounds in seconds. 2 is the latency objective: with a bound there, the share of slow requests is exact."""

_made: WeakKeyDictionary[CollectorRegistry, HttpMetrics] = WeakKeyDictionary()


class HttpMetrics:
    """Counts finished requests; one object for each registry, shared by the applications in it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "http_requests",
            "HTTP requests answered.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._duration = Histogram(
            "http_request_duration_seconds",
            "Time from a request's arrival to the end of its response.",
            ("method", "route"),
            buckets=BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge(
            "http_requests_in_flight",
            "HTTP requests being answered now.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._build = Gauge(
            "service_build_info",
            "The service's version and source revision; always 1.",
            ("version", "revision"),
            registry=registry,
            multiprocess_mode="livemax",
        )
        # Looking a child up through labels() costs more than counting does.
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._histograms: dict[tuple[str, str], Histogram] = {}

    def build(self, version: str, revision: str) -> None:
        """Say which build is running."""
        self._build.labels(version, revision).set(1)

    def finished(self, method: str, route: str, status: int, seconds: float, trace_id: str | None) -> None:
        """Count one request; with a trace id, the histogram carries it as exemplar."""
        counter = self._counters.get((method, route, status))
        if counter is None:
            counter = self._counters[method, route, status] = self._requests.labels(method, route, str(status))
        histogram = self._histograms.get((method, route))
        if histogram is None:
            histogram = self._histograms[method, route] = self._duration.labels(method, route)
        counter.inc()
        histogram.observe(seconds, {"trace_id": trace_id} if trace_id else None)


def http_metrics(registry: CollectorRegistry) -> HttpMetrics:
    """The metrics of a registry, made at first use."""
    metrics = _made.get(registry)
    if metrics is None:
        metrics = _made[registry] = HttpMetrics(registry)
    return metrics
