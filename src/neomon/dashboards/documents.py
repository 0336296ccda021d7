"""Reading dashboards as they lie on disk: Grafana's JSON, walked without Grafana."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from neomon.errors import InputError, NotFoundError

MAY_BE_EMPTY: Final = "neomonMayBeEmpty"
"""Field of a query that may rightly find nothing; its value says why. Grafana keeps and ignores it."""

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class DashboardQuery:
    """One PromQL expression of a dashboard, still with its variables."""

    dashboard: str
    """Uid of the dashboard."""
    panel: str
    """Title of the panel, or `annotation <name>`."""
    name: str
    """The query's letter; empty for an annotation."""
    expression: str
    instant: bool
    may_be_empty: str
    path: tuple[str | int, ...]
    """Where the expression stands in the document."""


def dashboard_files(directory: Path) -> list[Path]:
    """The dashboard files of a directory, by name.

    Raises:
        NotFoundError: The directory does not exist or holds no dashboard.
    """
    files = sorted(directory.glob("*.json"))
    if not files:
        raise NotFoundError(f"no dashboards in {directory}; `neomon dashboards render` writes them")
    return files


def load_dashboard(path: Path) -> JsonObject:
    """One dashboard.

    Raises:
        InputError: The file is not a JSON object; the message says where.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not valid JSON: {error.msg}") from error
    if not isinstance(document, dict):
        raise InputError(f"{path}:1: a dashboard must be a JSON object")
    return document


def walk_panels(document: JsonObject) -> Iterator[tuple[tuple[str | int, ...], JsonObject]]:
    """Every panel with its path, rows included, also those inside collapsed rows."""
    for index, panel in enumerate(document.get("panels") or []):
        yield ("panels", index), panel
        for inner, nested in enumerate(panel.get("panels") or []):
            yield ("panels", index, "panels", inner), nested


def panel_queries(document: JsonObject) -> Iterator[DashboardQuery]:
    """Every query of every panel that Grafana would run."""
    uid = str(document.get("uid", ""))
    for path, panel in walk_panels(document):
        for index, target in enumerate(panel.get("targets") or []):
            if target.get("hide"):
                continue
            yield DashboardQuery(
                dashboard=uid,
                panel=str(panel.get("title", "")),
                name=str(target.get("refId", "")),
                expression=str(target.get("expr", "")),
                instant=bool(target.get("instant")),
                may_be_empty=str(target.get(MAY_BE_EMPTY, "")),
                path=(*path, "targets", index, "expr"),
            )


def annotation_queries(document: JsonObject) -> Iterator[DashboardQuery]:
    """Every annotation that is a PromQL query (Grafana's own annotations have none)."""
    for index, annotation in enumerate((document.get("annotations") or {}).get("list") or []):
        if "expr" in annotation:
            yield DashboardQuery(
                dashboard=str(document.get("uid", "")),
                panel=f"annotation {annotation.get('name', '')}",
                name="",
                expression=str(annotation["expr"]),
                instant=False,
                may_be_empty=str(annotation.get(MAY_BE_EMPTY, "")),
                path=("annotations", "list", index, "expr"),
            )


def variables(document: JsonObject) -> list[JsonObject]:
    """The variables of a dashboard in their order, which is the order they may refer to one another."""
    return list((document.get("templating") or {}).get("list") or [])


def variable_query(variable: JsonObject) -> str:
    """The query a variable takes its values from; empty when it has none."""
    query = variable.get("query", "")
    return str(query.get("query", "")) if isinstance(query, dict) else str(query)
