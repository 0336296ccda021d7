"""Render collectors in the format and encoding the scraper asks for, and measure doing so."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry

from neomon.exporters.formats import accepts_gzip, compress, encode

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Page:
    """One rendered scrape."""

    content_type: str
    gzipped: bool
    body: bytes


class _Guarded:
    """A collector whose failure costs its own series only."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self.failures = 0

    def collect(self) -> Iterator[Metric]:
        try:
            families = list(self._collector.collect())
        except Exception:
            self.failures += 1
            logger.exception("collecting failed")
            return
        yield from families


class _Self:
    """The exporter's own series; registered last, so that the duration covers all other collectors."""

    def __init__(self, prefix: str, guarded: Sequence[_Guarded]) -> None:
        self._prefix = prefix
        self._guarded = guarded
        self.started = time.perf_counter()

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            f"{self._prefix}_scrape_duration_seconds",
            "Time this scrape took to collect.",
            value=time.perf_counter() - self.started,
        )
        yield CounterMetricFamily(
            f"{self._prefix}_scrape_errors",
            "Collectors that failed during a scrape since the start.",
            value=sum(guard.failures for guard in self._guarded),
        )


class Exposition:
    """The metrics page of an exporter.

    Adds to the given collectors the process's own series, `<prefix>_scrape_duration_seconds` and
    `<prefix>_scrape_errors_total`. Not safe to render from two threads at once.
    """

    def __init__(self, prefix: str, collectors: Iterable[Collector]) -> None:
        guarded = [_Guarded(collector) for collector in collectors]
        self._self = _Self(prefix, guarded)
        self._registry = CollectorRegistry()
        for guard in guarded:
            self._registry.register(guard)
        ProcessCollector(registry=self._registry)
        self._registry.register(self._self)

    def render(self, accept: str = "", accept_encoding: str = "") -> Page:
        """Collect and format once.

        Args:
            accept: The request's `Accept` header; OpenMetrics is given to those who ask for it.
            accept_encoding: The request's `Accept-Encoding` header.
        """
        self._self.started = time.perf_counter()
        body, content_type = encode(self._registry, accept)
        gzipped = accepts_gzip(accept_encoding)
        return Page(content_type, gzipped, compress(body) if gzipped else body)
