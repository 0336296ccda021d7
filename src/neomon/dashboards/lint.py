"""Static validation of dashboard files: what Grafana would reject, draw wrongly, or draw without saying so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from neomon.dashboards.documents import (
    DashboardQuery,
    JsonObject,
    annotation_queries,
    panel_queries,
    variables,
    walk_panels,
)
from neomon.dashboards.expressions import invalid_expressions
from neomon.dashboards.findings import Finding
from neomon.dashboards.grid import grid_problems
from neomon.dashboards.interpolate import UnknownVariableError, built_in_values, interpolate
from neomon.dashboards.limits import threshold_problems
from neomon.dashboards.positions import Path as Place
from neomon.dashboards.positions import line_numbers, line_of

_WITHOUT_QUERY: Final = frozenset({"text", "alertlist", "row", "dashlist", "news"})
_WITHOUT_UNIT: Final = frozenset({*_WITHOUT_QUERY, "table", "state-timeline", "status-history", "logs", "traces"})


@dataclass(frozen=True)
class _File:
    path: Path
    document: JsonObject
    lines: dict[Place, int]

    def finding(self, place: Place, message: str) -> Finding:
        return Finding(self.path, line_of(self.lines, place), message)


def lint_dashboards(directory: Path) -> list[Finding]:
    """Everything wrong with the dashboard files of a directory, by file and line.

    Raises:
        MissingProgramError: promtool, which reads the expressions, is not installed.
    """
    findings: list[Finding] = []
    files: list[_File] = []
    for path in sorted(directory.glob("*.json")):
        read = _read(path)
        if isinstance(read, Finding):
            findings.append(read)
        else:
            files.append(read)
    for file in files:
        findings += _document_findings(file)
        findings += _panel_findings(file)
        findings += [file.finding(place, message) for place, message in grid_problems(file.document)]
        findings += [file.finding(place, message) for place, message in threshold_problems(file.document)]
    findings += _duplicates(files)
    findings += _expression_findings(files)
    return sorted(set(findings))


def _read(path: Path) -> _File | Finding:
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text)
    except json.JSONDecodeError as error:
        return Finding(path, error.lineno, f"not valid JSON: {error.msg} (column {error.colno})")
    except UnicodeDecodeError:
        return Finding(path, 1, "not valid UTF-8")
    if not isinstance(document, dict):
        return Finding(path, 1, "a dashboard must be a JSON object")
    return _File(path, document, line_numbers(text))


def _document_findings(file: _File) -> Iterator[Finding]:
    uid = file.document.get("uid")
    if not uid:
        yield file.finding((), "the dashboard has no uid, so links to it would break at the next import")
    elif uid != file.path.stem:
        yield file.finding(("uid",), f"the uid is {uid}, but the file is called {file.path.name}")
    if not file.document.get("title"):
        yield file.finding((), "the dashboard has no title")


def _panel_findings(file: _File) -> Iterator[Finding]:
    seen: dict[object, str] = {}
    for place, panel in walk_panels(file.document):
        name = f"panel {panel.get('title') or panel.get('id')!r}" if not panel.get("title") else f"{panel['title']!r}"
        if not panel.get("title"):
            yield file.finding(place, f"{name} has no title")
        identifier = panel.get("id")
        if identifier in seen:
            yield file.finding((*place, "id"), f"{name} has the id {identifier} of {seen[identifier]}")
        elif identifier is None:
            yield file.finding(place, f"{name} has no id")
        seen.setdefault(identifier, name)
        if panel.get("type") == "row":
            continue
        if not panel.get("description"):
            yield file.finding(place, f"{name} has no description: say what it shows and what to do")
        if panel.get("type") not in _WITHOUT_QUERY:
            yield from _query_findings(file, place, panel, name)
        if panel.get("type") not in _WITHOUT_UNIT and not _has_unit(panel):
            yield file.finding(place, f"{name} has no unit")


def _query_findings(file: _File, place: Place, panel: JsonObject, name: str) -> Iterator[Finding]:
    targets = panel.get("targets") or []
    if not targets:
        yield file.finding(place, f"{name} has no query")
    if not (panel.get("datasource") or {}).get("uid") and not all(target.get("datasource") for target in targets):
        yield file.finding(place, f"{name} names no data source")
    references: set[str] = set()
    for index, target in enumerate(targets):
        here = (*place, "targets", index)
        if not str(target.get("expr", "")).strip():
            yield file.finding(here, f"{name} has an empty query")
        if target.get("refId") in references:
            yield file.finding((*here, "refId"), f"{name} has two queries {target.get('refId')}")
        references.add(str(target.get("refId")))


def _has_unit(panel: JsonObject) -> bool:
    defaults = (panel.get("fieldConfig") or {}).get("defaults") or {}
    return bool(defaults.get("unit"))


def _duplicates(files: list[_File]) -> Iterator[Finding]:
    for field in ("uid", "title"):
        seen: dict[str, Path] = {}
        for file in files:
            value = file.document.get(field)
            if isinstance(value, str) and value in seen:
                yield file.finding((field,), f"the {field} {value!r} is also that of {seen[value].name}")
            elif isinstance(value, str):
                seen[value] = file.path


def _expression_findings(files: list[_File]) -> Iterator[Finding]:
    found: list[tuple[_File, DashboardQuery, str]] = []
    for file in files:
        values = _example_values(file.document)
        for query in (*panel_queries(file.document), *annotation_queries(file.document)):
            if not query.expression.strip():
                continue
            try:
                found.append((file, query, interpolate(query.expression, values)))
            except UnknownVariableError as error:
                yield file.finding(query.path, f"{query.panel!r}: {error}")
    for index, problem in invalid_expressions([text for _, _, text in found]).items():
        file, query, _ = found[index]
        yield file.finding(query.path, f"{query.panel!r}, query {query.name or 'of the annotation'}: {problem}")


def _example_values(document: JsonObject) -> dict[str, str]:
    built_in = built_in_values(step=15, scrape_interval=15, start=0, end=3600)
    return {**built_in, **{str(variable.get("name")): "x" for variable in variables(document)}}
