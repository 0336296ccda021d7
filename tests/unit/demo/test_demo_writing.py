"""How history is written: blocks, rules in order, and attempts that were cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from neomon.demo.history import fill
from neomon.demo.history.blocks import BlockWriter, block_directories
from neomon.demo.history.recording import layers, read_rules
from neomon.demo.history.series import Series
from neomon.settings import Settings

RULES = """
groups:
  - name: one
    rules:
      - {record: "c:x", expr: "b:x / (a:x > 0)"}
      - {record: "b:x", expr: "sum(a:x)"}
      - {record: "a:x", expr: "sum(rate(raw_total[5m]))", labels: {team: x}}
      - {alert: Alert, expr: "a:x > 1"}
  - name: two
    interval: 1m
    rules:
      - {record: "d:x", expr: "avg_over_time(c:x[6h])"}
"""


def test_rules_are_evaluated_after_what_they_use(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(RULES)
    rules = read_rules([tmp_path / "rules.yml"])
    assert [[rule.record for rule in layer] for layer in layers(rules)] == [["a:x"], ["b:x"], ["c:x"], ["d:x"]]
    assert {rule.record: rule.interval for rule in rules}["d:x"] == 60
    assert rules[2].labels == {"team": "x"}


def test_the_shipped_rules_have_an_order() -> None:
    shipped = Path(__file__).parents[3] / "prometheus" / "recording_rules.yml"
    rules = read_rules([shipped])
    ordered = [rule for layer in layers(rules) for rule in layer]
    assert len(ordered) == len(rules) > 20


def test_samples_are_split_into_blocks_and_absent_ones_left_out(tmp_path: Path) -> None:
    times = [7200 - 15, 7200, 7215]
    with BlockWriter(tmp_path / "out", times) as writer:
        writer.write(Series("x_total", {"a": 'q"\\\n', "empty": ""}, [1, None, 2.5]))
        writer.write(Series("y", {}, [None, 3, 4]))
    first, second = sorted((tmp_path / "out").glob("*.om"))
    assert first.read_text() == 'x_total{a="q\\"\\\\\\n"} 1 7185\n# EOF\n'
    assert second.read_text() == 'x_total{a="q\\"\\\\\\n"} 2.5 7215\ny 3 7200\ny 4 7215\n# EOF\n'


def fake_build(blocks: tuple[str, ...]) -> object:
    def build(_settings: Settings, _rules: list[Path], work: fill._Work, _progress: object) -> None:
        for name in blocks:
            (work.storage / name).mkdir()
            (work.storage / name / "meta.json").write_text("{}")

    return build


def moved(settings: Settings) -> list[str]:
    return [path.name for path in block_directories(settings.data_dir / "prometheus" / "data")]


def quiet(_text: str, _share: float) -> None:
    return


def test_history_is_filled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path)
    monkeypatch.setattr(fill, "_build", fake_build(("A", "B")))
    fill.fill_history(settings, [], quiet)
    assert moved(settings) == ["A", "B"]
    monkeypatch.setattr(fill, "_build", fake_build(("C",)))
    fill.fill_history(settings, [], quiet)
    assert moved(settings) == ["A", "B"]


def test_an_attempt_that_failed_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path)

    def cut_off(settings: Settings, rules: list[Path], work: fill._Work, progress: object) -> None:
        fake_build(("HALF",))(settings, rules, work, progress)  # type: ignore[operator]
        raise KeyboardInterrupt

    monkeypatch.setattr(fill, "_build", cut_off)
    with pytest.raises(KeyboardInterrupt):
        fill.fill_history(settings, [], quiet)
    assert moved(settings) == []
    monkeypatch.setattr(fill, "_build", fake_build(("A", "B")))
    fill.fill_history(settings, [], quiet)
    assert moved(settings) == ["A", "B"]


def test_an_attempt_cut_off_while_moving_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path)
    monkeypatch.setattr(fill, "_build", fake_build(("A", "B", "C")))
    rename, renamed = Path.rename, []

    def rename_once(self: Path, target: Path) -> Path:
        if renamed:
            raise KeyboardInterrupt
        renamed.append(target)
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename_once)
        with pytest.raises(KeyboardInterrupt):
            fill.fill_history(settings, [], quiet)
    assert moved(settings) == ["A"]
    monkeypatch.setattr(fill, "_build", fake_build(("NEVER",)))
    fill.fill_history(settings, [], quiet)
    assert moved(settings) == ["A", "B", "C"]
    assert not (settings.demo_dir / "history" / "staging").exists()


def test_no_history_when_none_is_wanted(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, demo={"history_hours": 0})
    fill.fill_history(settings, [], quiet)
    assert moved(settings) == []
