"""Running the queries: what is sent, what counts as an answer, what is reported."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from neomon.dashboards import check as check_module
from neomon.dashboards.api import PrometheusAddress
from neomon.dashboards.check import CheckResult, Outcome, check_dashboards
from neomon.errors import NotFoundError, UnavailableError

from .fake_prometheus import FakePrometheus, matrix, running, vector

ENVIRONMENT = {"type": "query", "name": "environment", "query": {"query": "label_values(up, environment)"}}
TENANT = {"type": "query", "name": "tenant", "query": 'label_values(up{environment="$environment"}, tenant)'}
SERVICE = {
    **{"type": "query", "name": "service", "includeAll": True, "multi": True, "allValue": ".*"},
    "query": {"query": 'label_values(up{tenant="$tenant"}, service)'},
}


def write(
    directory: Path, *targets: dict[str, Any], variables: list[dict[str, Any]] | None = None, **extra: Any
) -> Path:
    document = {
        "uid": "board",
        "title": "Board",
        "time": {"from": "now-30m", "to": "now"},
        "templating": {"list": variables or []},
        "panels": [{"id": 1, "title": "Panel", "type": "timeseries", "targets": list(targets)}],
        **extra,
    }
    (directory / "board.json").write_text(json.dumps(document))
    return directory


async def checked(fake: FakePrometheus, directory: Path, **options: Any) -> list[CheckResult]:
    address = {key: options.pop(key) for key in ("credentials", "timeout") if key in options}
    async with running(fake) as url:
        return await check_dashboards(directory, PrometheusAddress(url, **address), **options)


async def test_variables_take_values_prometheus_has_and_all_takes_everything(tmp_path: Path) -> None:
    expression = 'rate(a{environment="$environment",tenant="${tenant}",service=~"$service"}[$__rate_interval])'
    write(tmp_path, {"refId": "A", "expr": expression}, variables=[ENVIRONMENT, TENANT, SERVICE])
    fake = FakePrometheus(labels={"environment": ["demo"], "tenant": ["acme", 'quo"te'], "service": ["shop", "crm"]})
    results = await checked(fake, tmp_path)
    assert not any(result.failed for result in results)
    sent = [form["query"] for kind, form in fake.queries if kind == "query_range"]
    assert sent == [
        'rate(a{environment="demo",tenant="acme",service=~".*"}[60s])',
        'rate(a{environment="demo",tenant="quo\\"te",service=~".*"}[60s])',
    ]
    asked = [form["match[]"] for kind, form in fake.queries if kind == "label_values"]
    assert asked == ["up", 'up{environment="demo"}', 'up{tenant="acme"}', 'up{tenant="quo\\"te"}']


async def test_the_time_a_dashboard_opens_with_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path, {"refId": "A", "expr": "increase(a[$__range])"}, {"refId": "B", "expr": "b", "instant": True})
    fake = FakePrometheus()
    before = time.time()
    await checked(fake, tmp_path)
    by_query = {form["query"]: (kind, form) for kind, form in fake.queries}
    kind_a, span = by_query["increase(a[1800s])"]
    kind_b, instant = by_query["b"]
    assert kind_a == "query_range"
    assert float(span["end"]) - float(span["start"]) == pytest.approx(1800)
    assert float(span["end"]) == pytest.approx(before, abs=30)
    assert span["step"] == "15"
    assert kind_b == "query"
    assert instant["time"] == span["end"]


@pytest.mark.parametrize(
    ("answer", "instant", "outcome"),
    [
        (vector(), True, Outcome.EMPTY),
        (vector("NaN"), True, Outcome.EMPTY),
        (vector("NaN", "0"), True, Outcome.OK),
        (matrix(), False, Outcome.EMPTY),
        (matrix("NaN"), False, Outcome.EMPTY),
        (matrix("+Inf"), False, Outcome.OK),
        ({"resultType": "scalar", "result": [0, "NaN"]}, True, Outcome.EMPTY),
        ({"resultType": "scalar", "result": [0, "3"]}, True, Outcome.OK),
    ],
)
async def test_only_numbers_count_as_an_answer(tmp_path: Path, answer: Any, instant: bool, outcome: Outcome) -> None:
    write(tmp_path, {"refId": "A", "expr": "a", "instant": instant})
    (result,) = await checked(FakePrometheus(results={"a": answer}), tmp_path)
    assert result.outcome is outcome
    assert result.failed is (outcome is Outcome.EMPTY)


async def test_a_query_marked_so_may_be_empty_but_not_wrong(tmp_path: Path) -> None:
    reason = {"neomonMayBeEmpty": "nothing fires"}
    write(tmp_path, {"refId": "A", "expr": "quiet", **reason}, {"refId": "B", "expr": "broken", **reason})
    refusal = web.json_response({"status": "error", "errorType": "bad_data", "error": "parse error"}, status=400)
    quiet, broken = await checked(FakePrometheus(results={"quiet": matrix(), "broken": refusal}), tmp_path)
    assert (quiet.outcome, quiet.message, quiet.failed) == (Outcome.MAY_BE_EMPTY, "nothing fires", False)
    assert (broken.outcome, broken.message, broken.failed) == (Outcome.ERROR, "parse error", True)


async def test_failures_name_dashboard_panel_and_query(tmp_path: Path) -> None:
    write(tmp_path, {"refId": "A", "expr": "good"}, {"refId": "B", "expr": "bad"}, {"refId": "C", "expr": "a[$typo]"})
    results = await checked(FakePrometheus(results={"bad": matrix()}), tmp_path)
    failed = [(r.dashboard, r.panel, r.query, r.expression, r.message) for r in results if r.failed]
    assert failed == [
        ("board", "Panel", "B", "bad", "found nothing"),
        ("board", "Panel", "C", "a[$typo]", "the variable $typo is not defined"),
    ]


async def test_annotations_and_panels_inside_rows_are_checked_and_hidden_queries_are_not(tmp_path: Path) -> None:
    row = {"id": 1, "type": "row", "title": "Row", "panels": [{"id": 2, "title": "Inner", "targets": [{"expr": "in"}]}]}
    hidden = {"id": 3, "title": "Hidden", "targets": [{"expr": "hidden", "hide": True}]}
    events = {"list": [{"name": "Deployments", "expr": "deployed"}, {"name": "Grafana's own", "builtIn": 1}]}
    write(tmp_path, panels=[row, hidden], annotations=events)
    results = await checked(FakePrometheus(), tmp_path)
    assert [(result.panel, result.expression) for result in results] == [
        ("Inner", "in"),
        ("annotation Deployments", "deployed"),
    ]


async def test_a_variable_without_values_is_a_failure(tmp_path: Path) -> None:
    write(tmp_path, {"refId": "A", "expr": 'a{tenant="$tenant"}'}, variables=[ENVIRONMENT, TENANT])
    results = await checked(FakePrometheus(labels={"tenant": []}), tmp_path)
    assert [(r.panel, r.message) for r in results if r.failed] == [("variable tenant", "found no values")]


async def test_a_slow_answer_is_an_error_not_a_hang(tmp_path: Path) -> None:
    write(tmp_path, {"refId": "A", "expr": "a"})
    (result,) = await checked(FakePrometheus(delay=30), tmp_path, timeout=0.2)
    assert (result.outcome, result.message) == (Outcome.ERROR, "no answer within 0.2 s")


async def test_credentials_are_sent_and_wrong_ones_reported(tmp_path: Path) -> None:
    write(tmp_path, {"refId": "A", "expr": "a"})
    fake = FakePrometheus(credentials=("neomon", "secret"))
    (right,) = await checked(fake, tmp_path, credentials=("neomon", "secret"))
    (wrong,) = await checked(fake, tmp_path, credentials=("neomon", "guess"))
    assert right.outcome is Outcome.OK
    assert "wrong or missing credentials" in wrong.message


async def test_something_that_is_no_prometheus_is_reported(tmp_path: Path) -> None:
    write(tmp_path, {"refId": "A", "expr": "a"}, {"refId": "B", "expr": "b"})
    results = {"a": web.Response(text="<html>login</html>"), "b": web.Response(status=502, text="[]")}
    first, second = await checked(FakePrometheus(results=results), tmp_path)
    assert first.message == "answered 200 with something that is not JSON"
    assert second.message == "answered 502 without a result"


async def test_nothing_listening_is_said_plainly(tmp_path: Path, unused_tcp_port: int) -> None:
    write(tmp_path, {"refId": "A", "expr": "a"})
    with pytest.raises(UnavailableError, match="does not answer"):
        await check_dashboards(tmp_path, PrometheusAddress(f"http://127.0.0.1:{unused_tcp_port}"))


async def test_waiting_tries_again_until_all_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_module, "_PAUSE", 0.01)
    write(tmp_path, {"refId": "A", "expr": "a"}, variables=[ENVIRONMENT])
    fake = FakePrometheus(rounds_until_full=3)
    assert not any(result.failed for result in await checked(fake, tmp_path, wait=20))
    fake = FakePrometheus(rounds_until_full=10**6)
    assert any(result.failed for result in await checked(fake, tmp_path, wait=0.1))


async def test_progress_is_told_and_the_server_is_not_flooded(dashboards_dir: Path) -> None:
    told: list[tuple[int, int]] = []
    fake = FakePrometheus(delay=0.001)
    results = await checked(fake, dashboards_dir, on_progress=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] == len(told)
    assert 1 < fake.most_at_once <= check_module.AT_ONCE
    assert not any(result.failed for result in results)
    assert {result.dashboard for result in results} == {path.stem for path in dashboards_dir.glob("*.json")}


async def test_no_dashboards_is_an_error_with_advice(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="neomon dashboards render"):
        await check_dashboards(tmp_path, PrometheusAddress("http://127.0.0.1:9"))
