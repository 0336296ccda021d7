"""Reads what prometheus/ holds and runs promtool over it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
PROMETHEUS = REPOSITORY / "prometheus"
RUNBOOK = REPOSITORY / "docs" / "alerting.md"
DASHBOARDS = frozenset(
    {"platform-overview", "api-gateway", "auth-service", "tenant-manager", "infrastructure", "tenant-overview"}
)


@dataclass(frozen=True)
class Expectation:
    """One `alert_rule_test` entry of a promtool test file."""

    file: str
    case: str
    position: int
    alerts: tuple[dict[str, Any], ...]


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rules(name: str) -> list[dict[str, Any]]:
    return [rule for group in read(PROMETHEUS / name)["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return rules("alerting_rules.yml")


def test_files() -> list[Path]:
    return sorted((PROMETHEUS / "tests").glob("*.yml"))


def expectations() -> dict[str, list[Expectation]]:
    """What the promtool tests expect of each alert, in the order of time within a case."""
    found: dict[str, list[Expectation]] = {}
    for path in test_files():
        for case in read(path)["tests"]:
            for position, entry in enumerate(case.get("alert_rule_test", [])):
                expected = Expectation(path.name, case["name"], position, tuple(entry.get("exp_alerts") or ()))
                found.setdefault(entry["alertname"], []).append(expected)
    return found


def promtool(*arguments: str | Path, directory: Path = PROMETHEUS) -> subprocess.CompletedProcess[str]:
    command = ["promtool", *map(str, arguments)]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=240, check=False)


def runbook_sections() -> dict[str, str]:
    """Heading -> text of the sections of third level, which are the alerts'."""
    parts = re.split(r"^### (.+)$", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {
        heading.strip(): re.split(r"^## ", text, flags=re.MULTILINE)[0]
        for heading, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def promql_blocks(text: str) -> list[str]:
    """The queries of the ```promql blocks; a blank line separates two in one block."""
    blocks = re.findall(r"^```promql\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [query.strip() for block in blocks for query in block.split("\n\n") if query.strip()]
