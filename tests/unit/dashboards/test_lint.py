"""Mistakes seeded into good dashboards are found in the line where they are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from neomon.dashboards.lint import lint_dashboards
from neomon.dashboards.positions import line_numbers

pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def test_the_committed_dashboards_are_clean(dashboards_dir: Path) -> None:
    assert lint_dashboards(dashboards_dir) == []


def line_with(path: Path, text: str, nth: int = 0) -> int:
    numbers = [number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line]
    return numbers[nth]


def spoil(path: Path, old: str, new: str) -> None:
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "marker", "message"),
    [
        ('"uid": "api-gateway"', '"uid": "gateway"', '"uid": "gateway"', "the uid is gateway, but the file is called"),
        ('"title": "Requests in flight"', '"title": ""', None, "has no title"),
        ("topk(15, sum by (route)", "topk(15, sum bye (route)", "sum bye (route)", "parse error"),
        ("$__rate_interval", "$__rate_intervall", "$__rate_intervall", "$__rate_intervall is not defined"),
        ('"value": 2', '"value": "2"', None, "needs a number"),
    ],
)
def test_a_mistake_is_found_where_it_is(
    copied_dashboards: Path, old: str, new: str, marker: str | None, message: str
) -> None:
    path = copied_dashboards / "api-gateway.json"
    spoil(path, old, new)
    found = [finding for finding in lint_dashboards(copied_dashboards) if message in finding.message]
    assert found, message
    assert found[0].file == path
    if marker:
        assert found[0].line == line_with(path, marker)
    assert str(found[0]).startswith(f"{path}:{found[0].line}: ")


def test_broken_json_is_reported_with_its_line_and_the_rest_is_still_checked(copied_dashboards: Path) -> None:
    broken, other = copied_dashboards / "auth-service.json", copied_dashboards / "infrastructure.json"
    lines = broken.read_text().splitlines()
    lines[41] += ",,"
    broken.write_text("\n".join(lines))
    spoil(other, '"uid": "infrastructure"', '"uid": "infra"')
    findings = lint_dashboards(copied_dashboards)
    assert [(finding.file, finding.line) for finding in findings if "not valid JSON" in finding.message] == [
        (broken, 42)
    ]
    assert any(finding.file == other for finding in findings)


def panel(**changes: Any) -> dict[str, Any]:
    good = {
        "id": 1,
        "title": "Panel",
        "type": "timeseries",
        "description": "What it shows and what to do.",
        "datasource": {"type": "prometheus", "uid": "prometheus"},
        "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
        "fieldConfig": {"defaults": {"unit": "s"}},
        "targets": [{"refId": "A", "expr": "up"}],
    }
    return {key: value for key, value in {**good, **changes}.items() if value is not None}


def thresholds(*values: float | None, unit: str = "s") -> dict[str, Any]:
    steps = [{"value": value, "color": "red"} for value in values]
    return {"defaults": {"unit": unit, "thresholds": {"mode": "absolute", "steps": steps}}}


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"title": None}, "has no title"),
        ({"description": None}, "'Second' has no description"),
        ({"fieldConfig": None}, "'Second' has no unit"),
        ({"datasource": None}, "'Second' names no data source"),
        ({"id": 1}, "'Second' has the id 1 of 'Panel'"),
        ({"id": None}, "'Second' has no id"),
        ({"targets": []}, "'Second' has no query"),
        ({"targets": [{"refId": "A", "expr": " "}]}, "'Second' has an empty query"),
        ({"targets": [{"refId": "A", "expr": "up"}, {"refId": "A", "expr": "up"}]}, "'Second' has two queries A"),
        ({"targets": [{"refId": "A", "expr": "rate(up)"}]}, "expected type range vector"),
        ({"gridPos": {"x": 6, "y": 7, "w": 12, "h": 8}}, "'Second' overlaps 'Panel'"),
        ({"gridPos": {"x": 18, "y": 0, "w": 12, "h": 8}}, "'Second' reaches beyond the grid"),
        ({"gridPos": None}, "'Second' has no position"),
        ({"fieldConfig": thresholds(None, 3, 2)}, "thresholds must rise"),
        ({"fieldConfig": thresholds(1, 2)}, "the first threshold must have no value"),
        ({"fieldConfig": thresholds(None, 80, unit="percentunit")}, "counts from 0 to 1"),
    ],
)
def test_each_kind_of_mistake_is_found_in_its_panel(tmp_path: Path, second: dict[str, Any], message: str) -> None:
    defaults = {"id": 2, "title": "Second", "gridPos": {"x": 12, "y": 0, "w": 12, "h": 8}}
    path = tmp_path / "board.json"
    document = {"panels": [panel(), panel(**{**defaults, **second})], "title": "Board", "uid": "board"}
    path.write_text(json.dumps(document, indent=1))
    findings = lint_dashboards(tmp_path)
    assert [message in finding.message for finding in findings] == [True], findings
    start, end = line_with(path, "  {", 1), line_with(path, '"title": "Board"')
    assert start <= findings[0].line < end


def test_good_panels_pass_and_collapsed_rows_are_looked_into(tmp_path: Path) -> None:
    path = tmp_path / "board.json"
    inside = panel(id=3, title="Inside", gridPos={"x": 0, "y": 9, "w": 12, "h": 8})
    row = {"id": 2, "type": "row", "title": "Row", "gridPos": {"x": 0, "y": 8, "w": 24, "h": 1}, "panels": [inside]}
    path.write_text(json.dumps({"uid": "board", "title": "Board", "panels": [panel(), row]}))
    assert lint_dashboards(tmp_path) == []
    inside["description"] = ""
    path.write_text(json.dumps({"uid": "board", "title": "Board", "panels": [panel(), row]}))
    assert ["'Inside' has no description" in finding.message for finding in lint_dashboards(tmp_path)] == [True]


def test_two_dashboards_may_not_share_a_title(tmp_path: Path) -> None:
    for uid in ("one", "two"):
        (tmp_path / f"{uid}.json").write_text(json.dumps({"uid": uid, "title": "Same", "panels": []}))
    assert [(finding.file.name, finding.message) for finding in lint_dashboards(tmp_path)] == [
        ("two.json", "the title 'Same' is also that of one.json")
    ]


def test_lines_are_those_of_the_text() -> None:
    text = '{\n "a": [1,\n  {"b\\"}": "x{\\n"}\n ],\n "c": {}, "d": [],\n "e":\n  -1.5e3\n}'
    assert json.loads(text)
    assert line_numbers(text) == {
        (): 1,
        ("a",): 2,
        ("a", 0): 2,
        ("a", 1): 3,
        ("a", 1, 'b"}'): 3,
        ("c",): 5,
        ("d",): 5,
        ("e",): 6,
    }
