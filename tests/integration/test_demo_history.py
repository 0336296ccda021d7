"""History in a real Prometheus: it loads, the rules have been evaluated, and live samples can follow."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from neomon.demo.history import fill_history
from neomon.demo.history.blocks import BlockWriter, block_directories, load_blocks
from neomon.demo.history.evaluation import prometheus_over
from neomon.demo.history.series import Series
from neomon.demo.origin import CONFIGURATION_AGE, DEPLOYMENT_AGE, Origin
from neomon.demo.programs import demo_settings
from neomon.errors import NeomonError
from neomon.settings import Settings

RULES = Path(__file__).parents[2] / "prometheus" / "recording_rules.yml"


@dataclass
class Filled:
    settings: Settings
    url: str
    steps: list[tuple[str, float]]

    def query(self, expression: str, at: float | None = None) -> list[tuple[dict[str, str], float]]:
        moment = at if at is not None else Origin.of(self.settings.demo_dir).at - 30
        form = urllib.parse.urlencode({"query": expression, "time": moment})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{form}") as answer:
            result = json.load(answer)["data"]["result"]
        return [(entry["metric"], float(entry["value"][1])) for entry in result]

    def one(self, expression: str, at: float | None = None) -> float:
        ((_, value),) = self.query(expression, at)
        return value


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    directory = tmp_path_factory.mktemp("history")
    settings = demo_settings(Settings(data_dir=directory))
    steps: list[tuple[str, float]] = []
    fill_history(settings, [RULES], lambda text, share: steps.append((text, share)))
    with prometheus_over(settings.data_dir / "prometheus" / "data", tmp_path_factory.mktemp("prometheus")) as url:
        yield Filled(settings, url, steps)


def test_it_reports_its_progress(filled: Filled) -> None:
    shares = [share for _, share in filled.steps]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] == 1


def test_two_hours_are_there_every_15_seconds(filled: Filled) -> None:
    counted = filled.one('count_over_time(up{job="services", service="api-gateway"}[110m])')
    assert counted == pytest.approx(110 * 4, abs=2)


def test_gateway_traffic_is_what_the_live_load_will_be(filled: Filled) -> None:
    from neomon.demo.rhythm import load_factor

    expected = filled.settings.demo.requests_per_second * load_factor(time.time())
    assert filled.one('sum(rate(http_requests_total{service="api-gateway"}[10m]))') == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize(
    "record",
    [
        "service:http_requests:rate5m", "service:http_requests_errors:ratio_rate1h", "service:slo_errors_burn:rate6h",
        "service:http_request_duration_seconds:p95_5m", "service:slo_latency_burn:rate3d",
        "instance:node_cpu_utilisation:ratio5m", "service:pg_connections:ratio", "service:redis_keyspace_hit:ratio5m",
        "platform:tenants_active:count", "service:auth_logins_failed:ratio_rate5m",
        "resource_type:tenant_manager_resource_usage:sum", "datname:pg_stat_database_tup_returned:rate5m",
    ],
)  # fmt: skip
def test_recording_rules_have_been_evaluated(filled: Filled, record: str) -> None:
    now = filled.query(record)
    hour_ago = filled.query(record, Origin.of(filled.settings.demo_dir).at - 3600)
    assert now
    assert len(hour_ago) == len(now)
    assert all(labels.get("environment") == "demo" for labels, _ in now)


def test_recorded_values_are_those_of_the_expression(filled: Filled) -> None:
    at = float(int(Origin.of(filled.settings.demo_dir).at) // 15 * 15 - 600)
    recorded = filled.one('service:http_requests:rate5m{service="api-gateway"}', at)
    direct = filled.one('sum(rate(http_requests_total{service="api-gateway"}[5m]))', at)
    assert recorded == pytest.approx(direct, rel=1e-9)


def test_the_past_incident_can_be_seen(filled: Filled) -> None:
    origin = Origin.of(filled.settings.demo_dir).at
    p95 = 'service:http_request_duration_seconds:p95_5m{service="api-gateway"}'
    during = filled.one(p95, origin - (DEPLOYMENT_AGE + CONFIGURATION_AGE) / 2)
    assert during > 2 * filled.one(p95)
    errors = 'max_over_time(service:http_requests_errors:ratio_rate5m{service="api-gateway"}[2h])'
    assert filled.one(errors) > 0.005


def test_nothing_in_history_would_raise_an_alert_now(filled: Filled) -> None:
    for quiet in (
        "service:slo_errors_burn:rate3d > 1",
        "service:slo_errors_burn:rate30m > 6",
        "service:http_requests_errors:ratio_rate5m > 0.05",
        "service:http_request_duration_seconds:p95_5m > 2",
        "service:pg_connections:ratio > 0.8",
        "service:auth_logins_failed:ratio_rate5m > 0.3",
        "up == 0",
        "probe_success == 0",
        "time() - backup_last_completion_timestamp_seconds > 26 * 3600",
        "time() - deployment_last_timestamp_seconds < 600",
        "time() - configuration_last_change_timestamp_seconds < 600",
    ):
        assert filled.query(quiet) == [], quiet


def test_the_first_rates_are_not_cut_short(filled: Filled) -> None:
    begin = Origin.of(filled.settings.demo_dir).at - filled.settings.demo.history_hours * 3600 + 60
    for rate in ("instance:node_cpu_utilisation:ratio5m", 'service:http_requests:rate5m{service="api-gateway"}'):
        assert filled.one(rate, begin) == pytest.approx(filled.one(rate, begin + 600), rel=0.35, abs=0.1)


def test_filling_again_does_nothing(filled: Filled) -> None:
    data = filled.settings.data_dir / "prometheus" / "data"
    before = block_directories(data)
    fill_history(filled.settings, [RULES], lambda _text, _share: None)
    assert block_directories(data) == before


def test_what_promtool_refuses_is_said(tmp_path: Path) -> None:
    with BlockWriter(tmp_path / "bad", [15]) as writer:
        writer.write(Series("not a name", {}, [1]))
    with pytest.raises(NeomonError, match="history could not be loaded"):
        load_blocks(tmp_path / "bad", tmp_path / "data")
