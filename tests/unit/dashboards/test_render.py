"""The committed JSON is what the code renders."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from neomon.dashboards.board import Board, section
from neomon.dashboards.panels import text
from neomon.dashboards.render import render_dashboards, stale_dashboards, write_dashboards


def test_committed_files_are_up_to_date(dashboards_dir: Path) -> None:
    assert stale_dashboards(dashboards_dir) == []


def test_rendering_is_deterministic_across_processes() -> None:
    script = "from neomon.dashboards.render import render_dashboards; print([f.content for f in render_dashboards()])"
    runs = {
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_files_are_readable_json_with_a_final_newline() -> None:
    for file in render_dashboards():
        assert file.content.endswith("}\n")
        assert "\\u" not in file.content
        json.loads(file.content)


def test_stale_files_are_named_and_mended(copied_dashboards: Path) -> None:
    changed, missing, foreign = (
        copied_dashboards / name for name in ("api-gateway.json", "auth-service.json", "old.json")
    )
    changed.write_text(changed.read_text().replace("API Gateway", "Gate", 1))
    missing.unlink()
    foreign.write_text("{}")
    assert set(stale_dashboards(copied_dashboards)) == {changed, missing, foreign}
    assert set(write_dashboards(copied_dashboards)) == {changed, missing, foreign}
    assert not foreign.exists()
    assert stale_dashboards(copied_dashboards) == []


@pytest.mark.parametrize(
    ("sizes", "complaint"),
    [
        (((12, 4), (8, 4)), "leaves 4 of 24 columns empty"),
        (((12, 4), (12, 5)), "5 high beside panels 4 high"),
        (((12, 4), (13, 4)), "does not fit"),
    ],
)
def test_a_layout_with_gaps_is_refused(sizes: tuple[tuple[int, int], ...], complaint: str) -> None:
    panels = [text(f"{w}x{h}", "A note.", "", w=w, h=h) for w, h in sizes]
    with pytest.raises(ValueError, match=complaint):
        Board("api-gateway", "", (), (section("Row", *panels),)).build()
