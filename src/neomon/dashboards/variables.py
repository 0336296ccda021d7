"""The choices a reader makes at the top of a dashboard."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders.dashboard import DatasourceVariable, QueryVariable
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    VariableHide,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from neomon.dashboards.queries import DATASOURCE, ENVIRONMENT

VariableBuilder = Builder[VariableModel]

ALL: Final = "$__all"
PROMETHEUS_UID: Final = "prometheus"
"""Uid of the data source in grafana/datasources."""


def datasource() -> VariableBuilder:
    """Which Prometheus to ask."""
    return (
        DatasourceVariable("datasource")
        .label("Data source")
        .description("The Prometheus the panels ask")
        .type("prometheus")
        .current(VariableOption(selected=True, text="Prometheus", value=PROMETHEUS_UID))
        .hide(VariableHide.DONT_HIDE)
    )


def environment() -> VariableBuilder:
    """Which environment; one at a time, because figures of several must not be added up."""
    return _query("environment", "Environment", "Where the services run", "label_values(up, environment)")


def choice(name: str, label: str, description: str, metric: str, *matchers: str) -> VariableBuilder:
    """One value of the label `name` in the chosen environment."""
    return _query(name, label, description, _label_values(metric, matchers, name))


def choices(
    name: str, label: str, description: str, metric: str, *matchers: str, source: str | None = None
) -> VariableBuilder:
    """Any number of values of a label in the chosen environment, at first all.

    The label is `source`, by default the variable's name.
    """
    return (
        _query(name, label, description, _label_values(metric, matchers, source or name))
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(VariableOption(selected=True, text=["All"], value=[ALL]))
    )


def _label_values(metric: str, matchers: tuple[str, ...], label: str) -> str:
    return f"label_values({metric}{{{','.join((ENVIRONMENT, *matchers))}}}, {label})"


def _query(name: str, label: str, description: str, query: str) -> QueryVariable:
    return (
        QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(DATASOURCE)
        .query({"qryType": 5, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
        .hide(VariableHide.DONT_HIDE)
    )
