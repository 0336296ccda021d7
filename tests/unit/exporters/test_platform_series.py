"""From rows to series, and from series to the page."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from exporter_pages import lint

from neomon.exporters.platform.collector import PREFIX, PlatformCollector
from neomon.exporters.platform.plan import MetricSpec, Query
from neomon.exporters.platform.runner import State
from neomon.exporters.platform.series import Counters, Result, ResultError, results
from neomon.exporters.web import Exposition

Scrape = Callable[[Exposition], dict[tuple[str, frozenset[tuple[str, str]]], float]]


def query(*metrics: MetricSpec, **more: object) -> Query:
    spec = metrics or (MetricSpec("m", "gauge", "M.", "v", ("a",), {"service": "s"}),)
    return Query("q", "d", "SELECT", spec, **more)  # type: ignore[arg-type]


def labels(**values: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(values.items()))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3),
        (Decimal("1.5"), 1.5),
        (True, 1),
        ("2.5", 2.5),
        (datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), 1700000000),
        (timedelta(minutes=2), 120),
    ],
)
def test_values_of_every_kind_of_column(value: object, number: float) -> None:
    (result,) = results(query(), ["a", "v"], [("x", value)])
    assert result.series == {labels(a="x", service="s"): number}


def test_null_values_give_no_series_and_null_labels_are_empty() -> None:
    (result,) = results(query(), ["v", "a"], [(None, "x"), (1, None)])
    assert result.series == {labels(a="", service="s"): 1}


@pytest.mark.parametrize(
    ("columns", "rows", "message"),
    [
        (["a", "w"], [("x", 1)], "m: the answer has no column 'v' \\(it has a, w\\)"),
        (["v"], [(1,)], "no column 'a'"),
        (["a", "v"], [("x", "many")], "m: v is str, not a number"),
        (["a", "v"], [("x", 1), ("x", 2)], "m: two rows have the labels"),
        (["a", "v"], [("x", 1), ("y", 2), ("z", 3)], "more than 2 rows"),
    ],
)
def test_answers_that_do_not_fit(columns: list[str], rows: list[tuple[object, ...]], message: str) -> None:
    with pytest.raises(ResultError, match=message):
        results(query(row_limit=2), columns, rows)


def test_counters_never_fall() -> None:
    spec = MetricSpec("m_total", "counter", "M.", "v")
    counters = Counters()
    seen = [counters.held(Result(spec, {(): value})).series[()] for value in (5.0, 7.0, 6.0, 7.0, 9.0)]
    assert seen == [5, 7, 7, 7, 9]
    gauge = Result(MetricSpec("m", "gauge", "M.", "v"), {(): 1.0})
    assert counters.held(gauge) is gauge


def state(name: str, spec: MetricSpec, series: dict[tuple[tuple[str, str], ...], float], age: float = 0) -> State:
    asked = Query(name, "d", "SELECT", (spec,), stale_after_seconds=60)
    return State(asked, (Result(spec, series),), True, time.time() - age, 0.01)


def test_the_page(samples: Scrape) -> None:
    created = MetricSpec("tenant_manager_tenants_created", "unknown", "Tenants ever created.", "v")
    tenants = MetricSpec("tenant_manager_tenants", "gauge", "Tenants.", "v")
    invoices = MetricSpec("billing_invoices_total", "counter", "Invoices.", "v")
    states = [
        state("created", created, {(): 3}),
        state("tenants", tenants, {labels(tenant='a"b\\\n'): 1}),
        state("same", tenants, {labels(tenant='a"b\\\n'): 2, labels(tenant="c"): 1}),
        state("invoices", invoices, {labels(status="paid"): 9}),
        state("old", MetricSpec("old", "gauge", "Old.", "v"), {(): 1}, age=61),
        State(query()),
    ]
    page = Exposition(PREFIX, [PlatformCollector(states, 2)])
    found = samples(page)
    assert found["tenant_manager_tenants_created", frozenset()] == 3
    assert found["tenant_manager_tenants", frozenset({("tenant", 'a"b\\\n')})] == 1, "the first query's series wins"
    assert found["tenant_manager_tenants", frozenset({("tenant", "c")})] == 1
    assert found["billing_invoices_total", frozenset({("status", "paid")})] == 9
    assert not any(name == "old" for name, _ in found), "a stale answer is dropped"
    assert found["platform_exporter_query_up", frozenset({("query", "old")})] == 1
    assert ("platform_exporter_query_up", frozenset({("query", "q")})) not in found, "not yet run: neither up nor down"
    assert found["platform_exporter_queries_skipped", frozenset()] == 2
    text = page.render().body
    assert b"# TYPE tenant_manager_tenants_created untyped" in text
    assert text.count(b"\ntenant_manager_tenants{") == 2, "Prometheus refuses a page with a series given twice"
    assert lint(text) == ""
