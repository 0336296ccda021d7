"""The dashboard pages, drawn from dashboards of our own with a Prometheus that answers what a test says."""

import json
import re
import time
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient
from prometheus_client import REGISTRY

from neomon.api.app import create_app
from neomon.db.engine import open_engine
from neomon.db.migrate import migrate
from neomon.errors import UnavailableError
from neomon.settings import REPOSITORY, Settings
from neomon.stack.client import Answer
from neomon.stack.secrets import ADMIN_PASSWORD, Secrets

HOSTILE = "<script>alert(1)</script>\"'&"
UP_OR_DOWN = {
    "type": "value",
    "options": {"0": {"text": "Down", "color": "red"}, "1": {"text": "Up", "color": "green"}},
}
GREEN_TO_RED = {"mode": "absolute", "steps": [{"color": "green", "value": None}, {"color": "red", "value": 5}]}


class FakePrometheus:
    """Stands where the application's client stands."""

    def __init__(self) -> None:
        self.series: dict[str, list[tuple[dict[str, str], list[float | None]]]] = {}
        """Expression: labels and values, spread evenly over the window; the last is that of an instant query."""
        self.refused: dict[str, str] = {}
        self.labels: dict[str, list[str]] = {"environment": ["demo", "live"]}
        self.alerts: list[dict[str, Any]] = []
        self.down = False
        self.asked: list[str] = []
        self.points: list[float] = []

    async def request(
        self, method: str, url: str, *, seconds: float = 5, form: dict[str, str] | None = None, **_: object
    ) -> Answer:
        if self.down:
            raise UnavailableError(f"{url}: connection refused")
        path = urlsplit(url).path
        if path.endswith("/values"):
            self.asked.append(parse_qs(urlsplit(url).query).get("match[]", [""])[0])
            return _answer(self.labels.get(path.split("/")[-2], []))
        if path.endswith("/alerts"):
            return _answer({"alerts": self.alerts})
        assert form is not None
        query = form["query"]
        self.asked.append(query)
        if query in self.refused:
            return Answer(400, json.dumps({"status": "error", "error": self.refused[query]}))
        found = self.series.get(query, [])
        if path.endswith("/query"):
            now = float(form["time"])
            return _answer({"resultType": "vector", "result": [
                {"metric": labels, "value": [now, str(values[-1])]} for labels, values in found]})  # fmt: skip
        start, end, step = float(form["start"]), float(form["end"]), float(form["step"])
        count = round((end - start) / step) + 1
        self.points.append(count)
        return _answer({"resultType": "matrix", "result": [
            {"metric": labels, "values": [
                [start + at * step, str(value)] for at in range(count)
                if (value := values[at * len(values) // count]) is not None]}
            for labels, values in found]})  # fmt: skip


def _answer(data: object) -> Answer:
    return Answer(200, json.dumps({"status": "success", "data": data}))


Show = Callable[..., str]


@pytest.fixture
def prometheus() -> FakePrometheus:
    return FakePrometheus()


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One for all tests; each brings its own Prometheus and dashboards."""
    place = tmp_path_factory.mktemp("pages")
    settings = Settings(data_dir=place / "var", base_dir=place / "base")
    (settings.base_dir / "grafana" / "dashboards").mkdir(parents=True)
    migrate(open_engine(settings.data_dir))
    before = set(REGISTRY._collector_to_names)
    with TestClient(create_app(settings)) as client:
        client.auth = ("admin", Secrets(settings.secrets_dir).read(ADMIN_PASSWORD))
        yield client
    for collector in set(REGISTRY._collector_to_names) - before:
        REGISTRY.unregister(collector)


@pytest.fixture
def client(application: TestClient, prometheus: FakePrometheus) -> TestClient:
    application.app.state.components = prometheus  # type: ignore[attr-defined]
    return application


@pytest.fixture
def directory(client: TestClient) -> Path:
    settings: Settings = client.app.state.settings  # type: ignore[attr-defined]
    directory = settings.base_dir / "grafana" / "dashboards"
    for file in directory.iterdir():
        file.unlink()
    return directory


@pytest.fixture
def show(client: TestClient, directory: Path) -> Show:
    """Writes a dashboard with these panels and gives its page."""

    def page(*panels: dict[str, Any], query: str = "", status: int = 200, **more: Any) -> str:
        document = {"uid": "board", "title": "Board", "panels": list(panels), **more}
        (directory / "board.json").write_text(json.dumps(document))
        answer = client.get(f"/d/board{query}")
        assert answer.status_code == status, answer.text
        return str(answer.text)

    return page


def panel(kind: str, *expressions: str, instant: bool = False, **more: Any) -> dict[str, Any]:
    config = {"defaults": more.pop("defaults", {}), "overrides": more.pop("overrides", [])}
    targets = [
        {"expr": expression, "refId": chr(65 + at), "instant": instant, "legendFormat": "{{name}}"}
        for at, expression in enumerate(expressions)
    ]
    return {"type": kind, "title": f"The {kind}", "description": "What it shows.", "targets": targets,
            "fieldConfig": config, "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8}, **more}  # fmt: skip


def override(name: str, identifier: str, value: object) -> dict[str, Any]:
    """What holds for one column."""
    return {"matcher": {"id": "byName", "options": name}, "properties": [{"id": identifier, "value": value}]}


def words(page: str) -> str:
    """The text of a page as one reads it."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def test_stat_shows_the_last_value_in_its_unit_and_threshold_colour(show: Show, prometheus: FakePrometheus) -> None:
    prometheus.series["latency"] = [({}, [0.1, 0.2, 0.25])]
    defaults = {"unit": "s", "thresholds": GREEN_TO_RED, "color": {"mode": "thresholds"}}
    page = show(panel("stat", "latency", defaults=defaults, options={"graphMode": "area"}))
    assert '<b class="c-green">250 ms</b>' in page
    assert '<div class="spark' in page
    assert 'title="What it shows."' in page
    prometheus.series["latency"] = [({}, [0.1, 8])]
    page = show(panel("stat", "latency", defaults=defaults, options={"graphMode": "none"}))
    assert '<b class="c-red">8 s</b>' in page
    assert '<div class="spark' not in page


def test_stat_shows_the_text_a_value_stands_for(show: Show, prometheus: FakePrometheus) -> None:
    prometheus.series["up"] = [({}, [1, 0])]
    page = show(panel("stat", "up", instant=True, defaults={"mappings": [UP_OR_DOWN], "color": {"mode": "thresholds"}}))
    assert '<b class="c-red">Down</b>' in page


def test_time_series_has_lines_legend_limit_and_axis(show: Show, prometheus: FakePrometheus) -> None:
    prometheus.series["rate"] = [({"name": "a"}, [2, 4]), ({"name": "b"}, [1, 3])]
    defaults = {"unit": "reqps", "min": 0, "thresholds": GREEN_TO_RED,
                "custom": {"thresholdsStyle": {"mode": "dashed"}}}  # fmt: skip
    page = show(panel("timeseries", "rate", defaults=defaults))
    assert page.count('class="line') == 2
    assert 'class="limit c-red"' in page
    assert "a 4 req/s" in words(page)
    assert "limit 5 req/s" in words(page)
    assert "0 req/s 2 req/s 4 req/s 6 req/s" in words(page)


def test_a_gap_in_the_data_is_a_gap_in_the_line(show: Show, prometheus: FakePrometheus) -> None:
    prometheus.series["whole"], prometheus.series["broken"] = [({}, [1, 2, 3])], [({}, [1, None, 3])]
    for expression, strokes in (("whole", 1), ("broken", 2)):
        drawn = re.search(r'class="line[^"]*" d="([^"]*)"', show(panel("timeseries", expression)))
        assert drawn is not None
        assert drawn[1].count("M") == strokes


def test_stacked_series_reach_the_sum(show: Show, prometheus: FakePrometheus) -> None:
    prometheus.series["rate"] = [({"name": "a"}, [40.0]), ({"name": "b"}, [60.0])]
    page = show(
        panel("timeseries", "rate", defaults={"min": 0, "custom": {"fillOpacity": 35, "stacking": {"mode": "normal"}}})
    )
    lines = re.findall(r'class="line[^"]*" d="M0 (\d+)', page)
    assert lines == ["600", "0"], "a at 40 of 100, b on top of it at 100"


def test_many_series_are_counted_and_the_highest_are_drawn(show: Show, prometheus: FakePrometheus) -> None:
    prometheus.series["rate"] = [({"name": f"n{at}"}, [float(at)]) for at in range(15)]
    page = show(panel("timeseries", "rate"))
    assert page.count('class="line') == 12
    assert "and 3 more" in page
    assert ">n14<" in page
    assert ">n2<" not in page


def test_state_timeline_shows_each_state_as_a_bar(show: Show, prometheus: FakePrometheus) -> None:
    prometheus.series["up"] = [({"name": "gateway"}, [1, 0, 1])]
    page = show(panel("state-timeline", "up", defaults={"mappings": [UP_OR_DOWN]}))
    assert re.findall(r'<rect class="(c-\w+)"', page) == ["c-green", "c-red", "c-green"]
    assert "gateway" in words(page)
    assert "Down from" in page


def test_heat_map_draws_what_each_bucket_adds(show: Show, prometheus: FakePrometheus) -> None:
    prometheus.series["buckets"] = [({"le": "+Inf"}, [9.0]), ({"le": "0.1"}, [1.0]), ({"le": "1"}, [9.0])]
    page = show(panel("heatmap", "buckets", defaults={"unit": "s"}))
    rows = set(re.findall(r'<rect x="\d+" y="(\d+)"', page))
    assert rows == {"1", "2"}, "nothing lies between 1 s and infinity"
    assert "100 ms 1 s ∞" in words(page)


def test_bars_gauge_and_shares_show_their_values(show: Show, prometheus: FakePrometheus) -> None:
    prometheus.series["used"] = [({"name": "disk"}, [0.25]), ({"name": "memory"}, [0.75])]
    defaults = {"unit": "percentunit", "max": 1, "thresholds": GREEN_TO_RED, "color": {"mode": "thresholds"}}
    bars = show(panel("bargauge", "used", instant=True, defaults=defaults))
    assert "memory 75 % disk 25 %" in words(bars)
    assert re.findall(r'<rect class="c-green" width="([\d.]+)"', bars) == ["75.0", "25.0"]
    assert "25 %" in words(show(panel("gauge", "used", instant=True, defaults=defaults)))
    shares = show(panel("piechart", "used", instant=True, defaults={"unit": "short"}))
    assert "memory 0.75 75 %" in words(shares)
    assert 'stroke-dasharray="75.00 25.00"' in shares


def test_table_joins_queries_and_follows_organize(show: Show, prometheus: FakePrometheus) -> None:
    prometheus.series["rate"] = [({"service": "a", "job": "x"}, [1.0]), ({"service": "b", "job": "x"}, [2.0])]
    prometheus.series["errors"] = [({"service": "b", "job": "x"}, [0.5])]
    organize = {
        "excludeByName": {"job": True, "Time": True},
        "indexByName": {"service": 0, "Value #B": 1, "Value #A": 2},
        "renameByName": {"service": "Service", "Value #A": "Rate", "Value #B": "Errors"},
    }
    link = "/d/other?var-service=${__value.raw}&${__url_time_range}&${environment:queryparam}"
    table = panel(
        "table", "rate", 'errors', instant=True, options={"sortBy": [{"displayName": "Rate", "desc": True}]},
        transformations=[{"id": "merge", "options": {}}, {"id": "organize", "options": organize}],
        overrides=[override("Errors", "unit", "percentunit"), override("Service", "links", [{"url": link}])],
    )  # fmt: skip
    page = show(table, templating={"list": [ENVIRONMENT]}, query="?range=6h")
    assert "Service Errors Rate b 50 % 2 a 1" in words(page)
    assert 'href="/d/other?var-service=b&amp;range=6h&amp;var-environment=demo"' in page


def test_table_is_bounded(show: Show, prometheus: FakePrometheus) -> None:
    prometheus.series["many"] = [({"name": str(at)}, [1.0]) for at in range(60)]
    page = show(panel("table", "many", instant=True))
    assert page.count("<tr>") == 51
    assert "and 10 more" in page


def test_times_are_told_from_now(show: Show, prometheus: FakePrometheus) -> None:
    prometheus.series["when"] = [({}, [1000 * (time.time() - 7300)])]
    assert "2 hours ago" in show(panel("table", "when", instant=True, defaults={"unit": "dateTimeFromNow"}))


def test_alert_list_shows_the_worst_first_and_only_what_it_asks_for(show: Show, prometheus: FakePrometheus) -> None:
    for name, severity, state in (("Slow", "warning", "firing"), ("Soon", "critical", "pending"),
                                  ("Down", "critical", "firing"), ("Note", "info", "firing")):  # fmt: skip
        labels = {"alertname": name, "severity": severity}
        prometheus.alerts.append({"labels": labels, "state": state})
    options = {"alertInstanceLabelFilter": '{severity=~"critical|warning"}'}
    page = show({"type": "alertlist", "title": "Alerts", "options": options})
    assert "critical Down firing warning Slow firing critical Soon pending" in words(page)
    assert "Note" not in page
    prometheus.alerts.clear()
    assert "Nothing is firing" in show({"type": "alertlist", "title": "Alerts", "options": options})


def test_text_is_markdown_without_html(show: Show) -> None:
    page = show({"type": "text", "title": "T", "options": {"content": "**bold** <script>alert(1)</script>"}})
    assert "<strong>bold</strong>" in page
    assert "<script" not in page


def test_an_unknown_kind_of_panel_is_a_plain_table(show: Show, prometheus: FakePrometheus) -> None:
    prometheus.series["x"] = [({"name": "one"}, [7.0])]
    assert "The canvas" in (page := words(show(panel("canvas", "x"))))
    assert "one 7" in page


@pytest.mark.parametrize(
    "kind", ["timeseries", "stat", "bargauge", "gauge", "piechart", "table", "state-timeline", "heatmap", "canvas"]
)
def test_labels_cannot_bring_markup(show: Show, prometheus: FakePrometheus, kind: str) -> None:
    prometheus.series["x"] = [({"name": HOSTILE, "le": "1"}, [1, 2]), ({"name": "other", "le": "2"}, [1, 2])]
    links = override("name", "links", [{"url": "/d/other?var-name=${__value.raw}"}])
    page = show(panel(kind, "x", title=HOSTILE, description=HOSTILE, overrides=[links]))
    assert "<script" not in page
    assert "alert(1)" in page
    assert "style=" not in page, "the content security policy would drop it"


def test_a_hostile_refusal_and_hostile_options_are_escaped(show: Show, prometheus: FakePrometheus) -> None:
    prometheus.refused["x"] = HOSTILE
    prometheus.labels["service"] = [HOSTILE]
    prometheus.alerts = [{"labels": {"alertname": HOSTILE, "severity": HOSTILE, "service": HOSTILE}, "state": "firing"}]
    page = show(panel("stat", "x"), {"type": "alertlist", "title": "A"}, templating={"list": [ENVIRONMENT, SERVICE]},
                query="?var-service=%3Cscript%3E")  # fmt: skip
    assert "<script" not in page
    assert "Prometheus refuses the query: <script>" in unescape(page)


def test_a_refused_query_is_told_in_its_panel_and_the_others_show(show: Show, prometheus: FakePrometheus) -> None:
    prometheus.refused["bad("] = "parse error: unclosed"
    prometheus.series["good"] = [({}, [42.0])]
    page = words(show(panel("stat", "bad("), panel("stat", "good")))
    assert "Prometheus refuses the query: parse error: unclosed" in page
    assert "42" in page


def test_a_panel_with_an_undefined_variable_says_so(show: Show) -> None:
    assert "the variable $nowhere is not defined" in show(panel("stat", "up{a='$nowhere'}"))


def test_without_prometheus_every_panel_says_so(show: Show, prometheus: FakePrometheus) -> None:
    prometheus.down = True
    page = show(panel("stat", "a"), panel("table", "b"), templating={"list": [ENVIRONMENT]})
    assert page.count("Prometheus does not answer: connection refused") == 2
    assert show(panel("stat", "a")).count("Prometheus does not answer: connection refused") == 1


def test_an_empty_panel_says_what_its_dashboard_says(show: Show) -> None:
    assert "no requests" in show(panel("stat", "x", defaults={"noValue": "no requests"}))
    assert "no data" in show(panel("timeseries", "x"))


def test_one_broken_panel_does_not_take_the_page_along(show: Show, prometheus: FakePrometheus) -> None:
    prometheus.series["x"] = [({}, [1.0])]
    page = words(show(panel("stat", "x", defaults={"decimals": "many"}), panel("stat", "x")))
    assert "could not be drawn" in page
    assert page.endswith("The stat i What it shows. 1")


def test_identical_queries_are_asked_once(show: Show, prometheus: FakePrometheus) -> None:
    show(*[panel("stat", "same") for _ in range(5)])
    assert prometheus.asked == ["same"]


def query_variable(name: str, query: str, **more: Any) -> dict[str, Any]:
    return {"type": "query", "name": name, "label": name.title(), "query": {"query": query}, **more}


ENVIRONMENT = query_variable("environment", "label_values(up, environment)")
SERVICE = query_variable(
    "service", 'label_values(up{environment="$environment"}, service)', multi=True, includeAll=True, allValue=".*"
)


def test_variables_take_their_options_from_prometheus_and_stand_in_queries(
    show: Show, prometheus: FakePrometheus
) -> None:
    prometheus.labels["service"] = ["web", "a.b"]
    dashboard = {"templating": {"list": [ENVIRONMENT, SERVICE]},
                 "links": [{"title": "Other", "url": "/d/other"}]}  # fmt: skip
    query = panel("stat", 'up{environment="$environment",service=~"$service"}')
    show(query, **dashboard)
    assert prometheus.asked == ["up", 'up{environment="demo"}', 'up{environment="demo",service=~".*"}']
    page = show(query, query="?var-environment=live&var-service=web&var-service=a.b&range=3h", **dashboard)
    assert prometheus.asked[-2:] == ['up{environment="live"}', 'up{environment="live",service=~"web|a\\\\.b"}']
    assert "<option selected>live</option>" in page
    assert 'value="web" checked' in page
    assert 'href="/d/other?range=3h&amp;var-environment=live&amp;var-service=web&amp;var-service=a.b"' in page
    show(query, query="?var-service=$__all", **dashboard)
    assert prometheus.asked[-1] == 'up{environment="demo",service=~".*"}'


def test_a_value_that_is_no_option_is_left_out_with_a_notice(show: Show, prometheus: FakePrometheus) -> None:
    prometheus.labels["service"] = ["web"]
    page = show(panel("stat", 'up{environment="$environment",service=~"$service"}'), query='?var-service="} or x{',
                templating={"list": [ENVIRONMENT, SERVICE]})  # fmt: skip
    assert prometheus.asked[-1] == 'up{environment="demo",service=~".*"}'
    assert "Service: there is no '\"} or x{' here, so it is left out." in unescape(page)


@pytest.mark.parametrize("chosen", ["15m", "1h", "3h", "6h", "24h"])
def test_every_range_asks_for_a_bounded_number_of_points(show: Show, prometheus: FakePrometheus, chosen: str) -> None:
    page = show(panel("timeseries", "x"), query=f"?range={chosen}")
    assert 0 < prometheus.points[0] <= 240
    assert re.search(rf'aria-current="true">{chosen}</a>', page)


def test_the_range_is_the_dashboards_unless_asked_otherwise(show: Show) -> None:
    assert re.search(r'aria-current="true">6h</a>', show(time={"from": "now-6h", "to": "now"}))
    assert re.search(r'aria-current="true">1h</a>', show(time={"from": "now-5y", "to": "now"}))
    assert "range=9y is not one of 15m, 1h, 3h, 6h, 24h" in show(query="?range=9y", status=400)


def test_rows_are_headings_and_collapsed_ones_fold(show: Show, prometheus: FakePrometheus) -> None:
    prometheus.series["x"] = [({}, [5.0])]
    row = {"type": "row", "gridPos": {"x": 0, "y": 0, "w": 24, "h": 1}}
    folded = {**row, "title": "Folded", "gridPos": {"y": 9}, "collapsed": True, "panels": [panel("gauge", "x")]}
    inside = {**panel("stat", "x"), "gridPos": {"x": 6, "y": 1, "w": 6, "h": 4}}
    page = show({**row, "title": "Open row"}, inside, folded)
    assert "<h2>Open row</h2>" in page
    assert '<section class="panel x6 w6 h4 p-stat">' in page
    assert re.search(r'<details class="row"><summary>Folded</summary>.*The gauge', page, re.DOTALL)


def test_an_unknown_dashboard_is_a_page_that_says_so(client: TestClient, directory: Path) -> None:
    answer = client.get("/d/<script>")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "There is no dashboard '<script>'." in unescape(answer.text)
    assert "<script" not in answer.text


def test_only_the_administrator_sees_dashboards(client: TestClient, directory: Path) -> None:
    for path in ("/d/", "/d/platform-overview"):
        assert client.get(path, auth=("admin", "wrong")).status_code == 401


def test_the_list_names_every_dashboard_and_each_is_drawn(client: TestClient, directory: Path) -> None:
    files = sorted((REPOSITORY / "grafana" / "dashboards").glob("*.json"))
    for file in files:
        (directory / file.name).write_bytes(file.read_bytes())
    (directory / "broken.json").write_text("{")
    page = client.get("/d/").text
    assert "broken.json:1: not valid JSON" in page
    for file in files:
        document = json.loads(file.read_text())
        assert f'<a href="/d/{document["uid"]}"><b>{document["title"]}</b></a>' in page
        drawn = client.get(f"/d/{document['uid']}").text
        assert drawn.count('<section class="panel') == sum(panel["type"] != "row" for panel in document["panels"])
        assert "could not be drawn" not in drawn
