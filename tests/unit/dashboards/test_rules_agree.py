"""Dashboards, recording rules and alerts speak of the same series and the same limits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from neomon.dashboards.documents import JsonObject, annotation_queries, panel_queries, variable_query, variables
from neomon.dashboards.interpolate import referenced_variables
from neomon.dashboards.thresholds import ALERTED, Limit
from neomon.settings import REPOSITORY

# Names of raw metrics as the services, exporters and programs give them.
RAW = frozenset(Path(__file__).with_name("raw_metrics.txt").read_text(encoding="utf-8").split())


def rules(name: str) -> list[dict[str, Any]]:
    document = yaml.safe_load((REPOSITORY / "prometheus" / name).read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def metrics(expression: str) -> set[str]:
    """Metric names of an expression: here every one is followed by its selector's brace."""
    return set(re.findall(r"([a-zA-Z_:][\w:]*)\{", re.sub(r"\$\{\w+\}", "", expression)))


def test_every_metric_is_recorded_or_exported(dashboards: dict[str, JsonObject]) -> None:
    known = RAW | {rule["record"] for rule in rules("recording_rules.yml")}
    used: set[str] = set()
    for document in dashboards.values():
        for query in (*panel_queries(document), *annotation_queries(document)):
            assert metrics(query.expression) <= known, query
            used |= metrics(query.expression)
        for variable in variables(document):
            if variable["type"] == "query":
                used |= metrics(variable_query(variable))
    assert used - known == set()
    assert RAW - used == set(), "listed here, but on no dashboard"


def test_no_panel_computes_what_is_recorded(dashboards: dict[str, JsonObject]) -> None:
    for document in dashboards.values():
        for query in panel_queries(document):
            for raw in ("1 - node_memory", 'rate(node_cpu_seconds_total{environment="$environment",mode="idle"'):
                assert raw not in query.expression, query


@pytest.mark.parametrize("limit", ALERTED, ids=lambda limit: limit.critical_alert or limit.warning_alert)
def test_panels_turn_amber_and_red_where_alerts_fire(limit: Limit) -> None:
    alerts = {rule["alert"]: rule for rule in rules("alerting_rules.yml") if "alert" in rule}
    for name, value, severity in (
        (limit.warning_alert, limit.warning, "warning"),
        (limit.critical_alert, limit.critical, "critical"),
    ):
        if name is None:
            continue
        assert alerts[name]["labels"]["severity"] == severity
        comparison = "<" if limit.falling else ">"
        fires_at = {
            _number(text) for text in re.findall(rf"{comparison}=? *([\d.]+(?: *\* *[\d.]+)?)", alerts[name]["expr"])
        }
        assert value in fires_at, f"{name} fires at {fires_at}, panels change colour at {value}"


def _number(text: str) -> float:
    product = 1.0
    for factor in text.split("*"):
        product *= float(factor)
    return product


def test_every_severity_with_a_limit_has_its_alert() -> None:
    for limit in ALERTED:
        assert (limit.warning is None) == (limit.warning_alert is None)
        assert (limit.critical is None) == (limit.critical_alert is None)


def test_alerts_named_in_descriptions_exist(dashboards: dict[str, JsonObject]) -> None:
    alerts = {rule["alert"] for rule in rules("alerting_rules.yml") if "alert" in rule}
    known = alerts | {"WebAuthn", "PostgreSQL", "OpenMetrics"}
    for document in dashboards.values():
        for panel in document["panels"]:
            named = set(re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", panel.get("description", "")))
            assert named <= known, panel["title"]


def test_queries_use_only_variables_their_dashboard_has(dashboards: dict[str, JsonObject]) -> None:
    for document in dashboards.values():
        names = {variable["name"] for variable in variables(document)}
        used = {
            name
            for query in (*panel_queries(document), *annotation_queries(document))
            for name in referenced_variables(query.expression)
            if not name.startswith("__")
        }
        assert used <= names
        in_variables = {
            name for variable in variables(document) for name in referenced_variables(variable_query(variable))
        }
        assert names - used - in_variables == {"datasource"}, "a variable that changes nothing"
