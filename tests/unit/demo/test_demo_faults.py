"""Switching faults on and off, in files and on the command line."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neomon.cli import demo
from neomon.demo.faults.board import FaultBoard
from neomon.demo.faults.catalogue import FAULTS, find_fault
from neomon.errors import NotFoundError

ALERTING_RULES = Path(__file__).parents[3] / "prometheus" / "alerting_rules.yml"


def seen_by(board: FaultBoard) -> set[str]:
    """What a long-running process sees, once it looks again."""
    board._looked = float("-inf")
    return set(board.active())


def test_a_fault_is_seen_by_other_processes_and_stays(tmp_path: Path) -> None:
    ours, theirs = FaultBoard(tmp_path / "faults"), FaultBoard(tmp_path / "faults")
    assert seen_by(theirs) == set()
    assert ours.switch_on("errors")
    assert not ours.switch_on("errors")
    assert seen_by(theirs) == {"errors"}
    assert seen_by(FaultBoard(tmp_path / "faults")) == {"errors"}
    assert ours.switch_off("errors")
    assert not ours.switch_off("errors")
    assert seen_by(theirs) == set()


def test_since_when_is_remembered(tmp_path: Path) -> None:
    FaultBoard(tmp_path).switch_on("cpu")
    assert FaultBoard(tmp_path).active()["cpu"] == pytest.approx(time.time(), abs=5)


def test_a_file_made_by_hand_counts(tmp_path: Path) -> None:
    (tmp_path / "latency.json").touch()
    assert FaultBoard(tmp_path).is_on("latency")


def test_a_draft_does_not_count(tmp_path: Path) -> None:
    (tmp_path / ".latency.json").touch()
    assert not FaultBoard(tmp_path).active()


def test_a_long_running_process_notices_within_a_second(tmp_path: Path) -> None:
    board = FaultBoard(tmp_path)
    assert not board.is_on("down")
    FaultBoard(tmp_path).switch_on("down")
    deadline = time.monotonic() + 1
    while not board.is_on("down"):
        assert time.monotonic() < deadline


def test_unknown_fault_suggests_the_nearest() -> None:
    with pytest.raises(NotFoundError, match="did you mean latency"):
        find_fault("latencies")
    with pytest.raises(NotFoundError, match="demo list"):
        find_fault("zzzzzz")


def test_every_expected_alert_exists() -> None:
    rules = ALERTING_RULES.read_text(encoding="utf-8")
    for fault in FAULTS:
        for alert in fault.alerts:
            assert f"alert: {alert}\n" in rules, (fault.name, alert)


def test_fault_names_are_unique() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("NEOMON_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("NEOMON_CONFIG", raising=False)
    monkeypatch.setenv("NEOMON_DEMO__PORTS__API_GATEWAY", "1")
    monkeypatch.setenv("COLUMNS", "200")
    return CliRunner()


def test_break_list_and_heal(cli: CliRunner) -> None:
    broken = cli.invoke(demo.app, ["break", "errors", "cpu"])
    assert broken.exit_code == 0
    assert "HighErrorRate" in broken.output
    assert "not running" in broken.output
    listed = json.loads(cli.invoke(demo.app, ["list", "--json"]).output)
    assert {entry["name"] for entry in listed if entry["on"]} == {"errors", "cpu"}
    assert json.loads(cli.invoke(demo.app, ["heal", "errors", "--json"]).output) == {"healed": ["errors"]}
    assert json.loads(cli.invoke(demo.app, ["heal", "all", "--json"]).output) == {"healed": ["cpu"]}
    assert "Nothing to heal" in cli.invoke(demo.app, ["heal"]).output


def test_break_says_when_it_was_on_already(cli: CliRunner) -> None:
    cli.invoke(demo.app, ["break", "errors"])
    assert "on already" in cli.invoke(demo.app, ["break", "errors"]).output


def test_an_unknown_name_changes_nothing(cli: CliRunner, tmp_path: Path) -> None:
    result = cli.invoke(demo.app, ["break", "errors", "eror"])
    assert isinstance(result.exception, NotFoundError)
    assert result.exception.exit_status == 2
    assert not list(tmp_path.rglob("*.json"))


def test_list_names_every_fault_and_its_alert(cli: CliRunner) -> None:
    output = cli.invoke(demo.app, ["list"]).output
    for fault in FAULTS:
        assert fault.name in output


def test_the_documentation_lists_every_fault() -> None:
    text = (Path(__file__).parents[3] / "docs" / "demo.md").read_text(encoding="utf-8")
    for fault in FAULTS:
        assert f"| `{fault.name}` | {fault.does} | {', '.join(fault.alerts) or 'none'} | {fault.after} |" in text
