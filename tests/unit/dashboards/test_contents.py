"""What people were promised to find on the dashboards, and how it is presented."""

from __future__ import annotations

import re
from typing import Any

import pytest

from neomon.dashboards.documents import JsonObject, annotation_queries, panel_queries, variables, walk_panels

PROMISED = [
    ("platform-overview", "system health", "Targets down"),
    ("platform-overview", "system health", "Critical alerts"),
    ("platform-overview", "system health", "Firing alerts"),
    ("platform-overview", "service status", "Service status"),
    ("platform-overview", "request rates", "Request rate by service"),
    ("platform-overview", "error rates", "Error rate by service"),
    ("platform-overview", "response times", "Response time P95 by service"),
    ("api-gateway", "request metrics", "Requests by status"),
    ("api-gateway", "request metrics", "Requests by method"),
    ("api-gateway", "rate limiting", "Rate limit decisions"),
    ("api-gateway", "rate limiting", "Limited share by tenant"),
    ("api-gateway", "latency P50/P95/P99", "Latency P50, P95, P99"),
    ("api-gateway", "error rates", "Error rate"),
    ("api-gateway", "error rates", "Errors by route"),
    ("api-gateway", "top endpoints", "Top endpoints"),
    ("auth-service", "login success/failure rates", "Logins by result"),
    ("auth-service", "login success/failure rates", "Login failure rate"),
    ("auth-service", "token generation", "Tokens issued"),
    ("auth-service", "active sessions", "Active sessions"),
    ("auth-service", "MFA usage", "MFA challenges by result"),
    ("auth-service", "MFA usage", "MFA enrolment"),
    ("auth-service", "LDAP sync status", "LDAP sync status"),
    ("tenant-manager", "tenant creation rate", "Tenant creation rate"),
    ("tenant-manager", "active tenants", "Active tenants"),
    ("tenant-manager", "resource usage", "Resource usage against quota"),
    ("tenant-manager", "database connections", "Database connections"),
    ("tenant-manager", "query performance", "Query duration P95"),
    ("tenant-manager", "query performance", "Most expensive statements"),
    ("infrastructure", "CPU usage", "CPU usage"),
    ("infrastructure", "memory usage", "Memory usage"),
    ("infrastructure", "disk I/O", "Disk I/O"),
    ("infrastructure", "network I/O", "Network I/O"),
    ("infrastructure", "container stats", "Container stats"),
    ("tenant-overview", "status", "Service status"),
    ("tenant-overview", "requests", "Requests by service"),
    ("tenant-overview", "errors", "Error rate by service"),
    ("tenant-overview", "latency", "Latency P50, P95, P99"),
    ("tenant-overview", "resource usage against quota", "Resource usage against quota"),
    ("tenant-overview", "its alerts", "Firing alerts"),
]
EVENTS = {"Deployments", "Configuration changes", "Backups"}


def panels(document: JsonObject) -> list[dict[str, Any]]:
    return [panel for _, panel in walk_panels(document) if panel["type"] != "row"]


@pytest.mark.parametrize(("uid", "item", "title"), PROMISED)
def test_every_promised_item_has_its_panel(dashboards: dict[str, JsonObject], uid: str, item: str, title: str) -> None:
    found = [panel for panel in panels(dashboards[uid]) if panel["title"] == title]
    assert len(found) == 1, f"{item}: {title}"
    assert found[0]["targets"]


def test_a_title_names_one_panel_of_a_dashboard(dashboards: dict[str, JsonObject]) -> None:
    for uid, document in dashboards.items():
        titles = [panel["title"] for panel in panels(document)]
        assert sorted(titles) == sorted(set(titles)), uid


def test_every_panel_says_what_it_shows(dashboards: dict[str, JsonObject]) -> None:
    for uid, document in dashboards.items():
        for panel in panels(document):
            assert len(panel["description"]) > 40, f"{uid}: {panel['title']}"
            assert panel["description"].endswith("."), f"{uid}: {panel['title']}"


def test_every_panel_says_something_when_it_is_empty(dashboards: dict[str, JsonObject]) -> None:
    for uid, document in dashboards.items():
        for panel in panels(document):
            if panel.get("targets"):
                assert panel["fieldConfig"]["defaults"]["noValue"], f"{uid}: {panel['title']}"


def test_rows_have_titles_and_come_first(dashboards: dict[str, JsonObject]) -> None:
    for uid, document in dashboards.items():
        assert document["panels"][0]["type"] == "row", uid
        assert all(panel["title"] for panel in document["panels"] if panel["type"] == "row")


def test_every_row_of_the_grid_is_full(dashboards: dict[str, JsonObject]) -> None:
    for uid, document in dashboards.items():
        cells = [
            (x, y)
            for panel in document["panels"]
            for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
            for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
        ]
        height = max(y for _, y in cells) + 1
        assert len(cells) == len(set(cells)) == 24 * height, uid


def test_links_lead_to_dashboards_that_exist_and_keep_the_choices(dashboards: dict[str, JsonObject]) -> None:
    for uid, document in dashboards.items():
        assert {link["url"] for link in document["links"]} == {f"/d/{other}" for other in dashboards if other != uid}
        assert all(link["keepTime"] and link["includeVars"] for link in document["links"])
        for target, variable in re.findall(r"/d/([\w-]+)(?:\?var-(\w+)=)?", repr(document["panels"])):
            assert target in dashboards
            if variable:
                assert variable in {entry["name"] for entry in variables(dashboards[target])}


def test_links_of_panels_keep_time_and_environment(dashboards: dict[str, JsonObject]) -> None:
    links = [
        link
        for document in dashboards.values()
        for link in re.findall(r"/d/[^'\"]*\?[^'\"]*", repr(document["panels"]))
    ]
    assert links
    assert all("${__url_time_range}" in link and "${environment:queryparam}" in link for link in links)


def test_changes_and_alerts_are_drawn_over_the_charts(dashboards: dict[str, JsonObject]) -> None:
    for uid, document in dashboards.items():
        names = {query.panel.removeprefix("annotation ") for query in annotation_queries(document)}
        # A tenant sees its own alerts; what the platform deploys is not told to it.
        assert names == ({"Firing alerts"} if uid == "tenant-overview" else EVENTS | {"Firing alerts"})
        for entry in document["annotations"]["list"]:
            if entry["name"] in EVENTS:
                assert entry["useValueForTime"] == "on"
                assert entry["expr"].endswith("* 1000")


def test_exemplars_are_asked_for_where_latencies_come_from_raw_histograms(dashboards: dict[str, JsonObject]) -> None:
    shown = 0
    for document in dashboards.values():
        for panel in panels(document):
            for target in panel.get("targets") or []:
                raw = "_seconds_bucket{" in target["expr"] and "rate(" in target["expr"]
                assert bool(target.get("exemplar")) >= raw, panel["title"]
                shown += raw
    assert shown >= 8


def test_rates_of_raw_counters_follow_the_resolution(dashboards: dict[str, JsonObject]) -> None:
    for document in dashboards.values():
        for query in panel_queries(document):
            if not query.instant:
                fixed = re.findall(r"(?<!increase\()\brate\([^)]*\[(?!\$__rate_interval)[^\]]*\]", query.expression)
                assert not fixed, query


def test_one_tenants_dashboard_asks_for_nobody_elses_series(dashboards: dict[str, JsonObject]) -> None:
    document = dashboards["tenant-overview"]
    for query in (*panel_queries(document), *annotation_queries(document)):
        selectors = re.findall(r"\{([^}]*)\}", query.expression)
        assert selectors
        assert all('tenant="$tenant"' in selector for selector in selectors), query


def test_the_sdk_library_is_not_loaded_by_reading_and_checking() -> None:
    import subprocess
    import sys

    script = (
        "import sys, neomon.dashboards.check, neomon.dashboards.lint, neomon.cli.dashboards\n"
        "print([name for name in sys.modules if name.startswith('grafana_foundation_sdk')])"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
