"""The model of history: consistent with itself, and with what the live demo exports."""

from __future__ import annotations

import itertools
import math
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from neomon.demo.catalogue import SERVICES, TENANTS
from neomon.demo.history import containers, node
from neomon.demo.history.context import Context
from neomon.demo.history.model import all_series
from neomon.demo.history.node import backcast
from neomon.demo.history.postgresql import statement_text
from neomon.demo.history.series import Series, Value, portion
from neomon.demo.history.timeline import Timeline
from neomon.demo.origin import FIRST_INVOICES, FIRST_TENANTS_CREATED, Origin
from neomon.demo.programs import demo_settings
from neomon.settings import Settings
from neomon.stack.components import enabled_components

BOOT = 0.0
NODE_SAMPLES = [
    ("node_boot_time_seconds", {}, BOOT),
    ("node_cpu_seconds_total", {"cpu": "0", "mode": "idle"}, 900_000.0),
    ("node_cpu_seconds_total", {"cpu": "0", "mode": "user"}, 90_000.0),
    ("node_memory_MemTotal_bytes", {}, 16e9),
    ("node_memory_MemAvailable_bytes", {}, 12e9),
    ("node_network_receive_bytes_total", {"device": "eth0"}, 5e9),
    ("node_filesystem_avail_bytes", {"device": "/dev/sda", "fstype": "ext4", "mountpoint": "/"}, 5e10),
]


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    settings = demo_settings(Settings(data_dir=tmp_path_factory.mktemp("demo")))
    now = time.time()
    return Context(settings, Timeline.until(now, 2, Origin(now)))


@pytest.fixture(scope="module")
def series(context: Context) -> list[Series]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(node, "scrape_node", lambda: NODE_SAMPLES)
        patch.setattr(containers, "_groups_possible", lambda: True)
        return list(all_series(context))


def named(series: Iterable[Series], name: str, **labels: str) -> list[Series]:
    return [one for one in series if one.name == name and labels.items() <= dict(one.labels).items()]


def key(labels: Mapping[str, str], *without: str) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in labels.items() if name not in without)


def numbers(values: Iterable[Value | None]) -> list[float]:
    return [float(value) for value in values if value is not None]


def test_no_series_appears_twice(series: list[Series]) -> None:
    keys = [(one.name, key(one.labels)) for one in series]
    assert len(keys) == len(set(keys))


def test_every_series_covers_the_whole_time_with_numbers(series: list[Series], context: Context) -> None:
    for one in series:
        assert len(one.values) == context.length, one.name
        assert all(math.isfinite(value) for value in numbers(one.values)), one.name
        assert any(value is not None for value in one.values), one.name


def test_counters_never_fall(series: list[Series]) -> None:
    for one in series:
        if (
            one.name.endswith(("_total", "_count", "_sum", "_bucket", "_created"))
            and one.name != "pg_connections_count"
        ):
            if one.name == "pg_stat_activity_count":
                continue
            values = numbers(one.values)
            assert all(before <= after for before, after in itertools.pairwise(values)), (one.name, one.labels)


def test_buckets_are_cumulative_and_end_in_the_count(series: list[Series]) -> None:
    groups: dict[tuple[str, frozenset[tuple[str, str]]], dict[float, Series]] = defaultdict(dict)
    for one in series:
        if one.name.endswith("_bucket"):
            groups[one.name.removesuffix("_bucket"), key(one.labels, "le")][float(one.labels["le"])] = one
    counts = {(one.name.removesuffix("_count"), key(one.labels)): one for one in series if one.name.endswith("_count")}
    assert len(groups) > 40
    for group, buckets in groups.items():
        assert buckets[math.inf].values == counts[group].values
        ordered = [buckets[bound].values for bound in sorted(buckets)]
        for narrow, wide in itertools.pairwise(ordered):
            assert all(a <= b for a, b in zip(numbers(narrow), numbers(wide), strict=True)), group


def test_requests_counted_by_status_are_those_measured(series: list[Series]) -> None:
    by_status: dict[frozenset[tuple[str, str]], list[float]] = {}
    for one in named(series, "http_requests_total"):
        grown = numbers(one.values)[-1] - numbers(one.values)[0]
        by_status.setdefault(key(one.labels, "status"), []).append(grown)
    for one in named(series, "http_request_duration_seconds_count"):
        grown = numbers(one.values)[-1] - numbers(one.values)[0]
        assert sum(by_status[key(one.labels)]) == pytest.approx(grown, abs=0.5), one.labels


def test_mean_durations_are_believable(series: list[Series]) -> None:
    counts = {key(one.labels): numbers(one.values) for one in named(series, "http_request_duration_seconds_count")}
    for one in named(series, "http_request_duration_seconds_sum"):
        count, seconds = counts[key(one.labels)], numbers(one.values)
        if count[-1] > count[0]:
            assert 0.0005 < (seconds[-1] - seconds[0]) / (count[-1] - count[0]) < 0.5, one.labels


def test_the_gateway_forwards_what_the_services_behind_get(series: list[Series]) -> None:
    for service in SERVICES[1:]:
        (asked,) = named(series, "api_gateway_upstream_request_duration_seconds_count", upstream=service.name)
        answered = [
            numbers(one.values)
            for one in named(series, "http_requests_total", service=service.name)
            if one.labels["route"] != "/health"
        ]
        grown = sum(values[-1] - values[0] for values in answered)
        assert numbers(asked.values)[-1] - numbers(asked.values)[0] == pytest.approx(grown, abs=0.5)


def test_the_past_incident_shows_but_leaves_the_error_budget(series: list[Series]) -> None:
    def grown(**labels: str) -> list[float]:
        found = [numbers(one.values) for one in named(series, "http_requests_total", service="api-gateway", **labels)]
        return [sum(column) for column in zip(*found, strict=True)]

    everything = grown()
    failed = [sum(column) for column in zip(grown(status="500"), grown(status="502"), strict=True)]
    assert (failed[-1] - failed[0]) / (everything[-1] - everything[0]) < 0.001
    window = 20
    worst = max(
        (failed[i] - failed[i - window]) / (everything[i] - everything[i - window]) for i in range(window, len(failed))
    )
    assert 0.005 < worst < 0.05


def test_traffic_follows_the_tenants_sizes(series: list[Series]) -> None:
    grown = {}
    for tenant in TENANTS:
        (one,) = named(series, "api_gateway_rate_limit_decisions_total", tenant=tenant.name, decision="allowed")
        grown[tenant.name] = numbers(one.values)[-1] - numbers(one.values)[0]
    assert grown["acme"] > grown["globex"] > grown["initech"] > 0


def test_business_figures_end_where_the_databases_begin(series: list[Series]) -> None:
    (created,) = named(series, "tenant_manager_tenants_created")
    assert created.values[-1] == FIRST_TENANTS_CREATED
    assert numbers(created.values)[0] < FIRST_TENANTS_CREATED
    for status, count in FIRST_INVOICES.items():
        (invoices,) = named(series, "billing_invoices_total", status=status)
        assert invoices.values[-1] == count


def test_one_version_of_a_service_is_deployed_at_a_time(series: list[Series]) -> None:
    deployed = named(series, "deployment_last_timestamp_seconds", service="api-gateway")
    assert len(deployed) == 2
    for row in zip(*(one.values for one in deployed), strict=True):
        assert sum(value is not None for value in row) == 1


def test_up_is_there_for_every_target_and_no_other(series: list[Series], context: Context) -> None:
    jobs = {one.labels["job"] for one in named(series, "up")}
    assert jobs == {"services", "probe-http", "probe-tls", *enabled_components(context.settings)}
    instances = {(one.labels["job"], one.labels["instance"]) for one in named(series, "up")}
    for one in series:
        assert (one.labels["job"], one.labels["instance"]) in instances


def test_only_tenants_series_carry_a_tenant(series: list[Series]) -> None:
    for one in named(series, "http_requests_total"):
        stack = {tenant.stack: tenant.name for tenant in TENANTS}.get(one.labels["service"])
        assert one.labels.get("tenant") == stack


def test_history_is_the_same_at_every_attempt(context: Context, series: list[Series]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(node, "scrape_node", lambda: NODE_SAMPLES)
        again = list(all_series(context))
    chosen = "http_requests_total"
    assert [one.values for one in named(series, chosen)] == [one.values for one in named(again, chosen)]


def test_node_counters_go_on_where_the_machine_is(series: list[Series]) -> None:
    for name, labels, value in NODE_SAMPLES:
        if name.endswith("_total"):
            (one,) = named(series, name, **labels)
            assert numbers(one.values)[-1] == pytest.approx(value)


@pytest.mark.parametrize("now", [1500.0, 1750.0])
def test_a_machine_started_during_history_has_a_restart_in_it(context: Context, now: float) -> None:
    boot = context.timeline.end - 1800
    values = numbers(backcast(context, now, [0.9] * context.length, boot))
    falls = [index for index, (a, b) in enumerate(itertools.pairwise(values)) if b < a]
    assert len(falls) == 1
    assert context.timeline.times[falls[0] + 1] == pytest.approx(boot, abs=context.step)
    assert values[falls[0] + 1] == pytest.approx(0, abs=1)
    assert values[-1] == pytest.approx(now)
    assert min(values) >= 0


def test_rare_things_happen_evenly() -> None:
    parts = portion([10] * 1000, [0.0025] * 1000)
    assert sum(parts) == pytest.approx(25, abs=1)
    gaps = [index for index, part in enumerate(parts) if part]
    assert max(b - a for a, b in itertools.pairwise(gaps)) <= 41


def test_statements_look_as_in_pg_stat_statements() -> None:
    assert statement_text("SELECT a\n FROM b WHERE c = %(c)s AND d = %(d)s OR e = %(c)s") == (
        "SELECT a FROM b WHERE c = $1 AND d = $2 OR e = $1"
    )


def test_longer_histories_are_coarser() -> None:
    now = time.time()
    assert Timeline.until(now, 2, Origin(now)).step == 15
    assert Timeline.until(now, 24, Origin(now)).step == 60


def test_context_uses_the_installations_ports(tmp_path: Path) -> None:
    settings = demo_settings(Settings(data_dir=tmp_path, ports={"postgres": 5001}))
    context = Context(settings, Timeline.until(time.time(), 0.1, Origin(time.time())))
    assert context.component_target("postgres") == {
        "job": "postgres", "instance": "127.0.0.1:5001", "service": "postgresql", "environment": "demo",
    }  # fmt: skip
