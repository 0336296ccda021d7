"""Our writer of metrics gives exactly what the library's does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Summary
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from neomon.exporters.formats import accepts_gzip, encode

ACCEPTS = (
    "",
    "text/plain;version=0.0.4",
    "application/openmetrics-text; version=1.0.0",
    "application/openmetrics-text;version=0.0.1",
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8,text/plain;q=0.5",
    "text/plain;version=1.0.0;escaping=allow-utf-8",
)


def full_registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("requests", 'Help with "quotes", \\ and\na line.', ["path"], registry=registry).labels('a"b\\c\nd').inc(3)
    Counter("plain", "Plain.", registry=registry).inc(1, {"trace_id": "a" * 32})
    histogram = Histogram("seconds", "Seconds.", ["route"], buckets=(0.1, 2), registry=registry)
    histogram.labels("/é").observe(0.05, {"trace_id": 'x"y'})
    histogram.labels("/é").observe(5)
    Summary("size", "Size.", registry=registry).observe(2)
    for number, value in enumerate((1e6, 1234567.5, 1e21, -0.0, float("inf"), float("nan"), 7)):
        Gauge(f"gauge_{number}", "Gauge.", registry=registry).set(value)
    Info("build", "Build.", registry=registry).info({"version": "1"})
    Enum("state", "State.", states=["on", "off"], registry=registry)
    Gauge("with_unit_bytes", "Unit.", unit="bytes", registry=registry)
    registry.register(Odd())
    return registry


class Odd:
    """Families that no metric object makes."""

    def collect(self) -> Iterator[Metric]:
        stamped = GaugeMetricFamily("stamped", "With a time.", labels=["a"])
        stamped.add_metric(["x"], 1, timestamp=1700000000.5)
        yield stamped
        yield GaugeMetricFamily("http.dotted", "UTF-8 name.", value=1)
        dotted = GaugeMetricFamily("dotted_label", "UTF-8 label.", labels=["a.b"])
        dotted.add_metric(["x"], 1)
        yield dotted
        yield Metric("ns:recorded", "With a colon.", "unknown")
        created = Metric("tenants_created", "Ends like a creation time.", "unknown")
        created.add_sample("tenants_created", {}, 3)
        yield created


@pytest.mark.parametrize("accept", ACCEPTS)
def test_the_same_bytes_for_every_kind_of_metric(accept: str) -> None:
    registry = full_registry()
    library, content_type = choose_encoder(accept)
    assert encode(registry, accept) == (library(registry), content_type)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3), st.floats(), st.text(max_size=20))
def test_the_same_bytes_for_any_labels_values_and_help(labels: dict[str, str], value: float, text: str) -> None:
    family = Metric("m", text, "gauge")
    family.add_sample("m", labels, value)

    class One:
        def collect(self) -> list[Metric]:
            return [family]

    for accept in ACCEPTS:
        try:
            expected: object = choose_encoder(accept)[0](One())  # type: ignore[arg-type]
        except UnicodeEncodeError:
            continue
        assert encode(One(), accept)[0] == expected


@pytest.mark.parametrize(
    ("header", "accepted"),
    [("", False), ("gzip", True), ("deflate, GZIP;q=0.5", True), ("gzip;q=0", False), ("br", False), ("x-gzip", False)],
)
def test_gzip_when_it_is_accepted(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted
