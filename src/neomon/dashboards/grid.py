"""Whether panels lie on Grafana's grid without covering one another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from neomon.dashboards.documents import JsonObject
from neomon.dashboards.positions import Path

COLUMNS: Final = 24


def grid_problems(document: JsonObject) -> Iterator[tuple[Path, str]]:
    """Panels that lie outside the grid or on another panel, each with its place in the document.

    Panels inside a collapsed row share the page only with one another.
    """
    yield from _layer(("panels",), document.get("panels") or [])
    for index, row in enumerate(document.get("panels") or []):
        yield from _layer(("panels", index, "panels"), row.get("panels") or [])


def _layer(where: Path, panels: list[JsonObject]) -> Iterator[tuple[Path, str]]:
    taken: dict[tuple[int, int], str] = {}
    for index, panel in enumerate(panels):
        place = (*where, index, "gridPos")
        name = str(panel.get("title") or panel.get("id"))
        position = panel.get("gridPos") or {}
        x, y, w, h = (position.get(key) for key in "xywh")
        if not (isinstance(x, int) and isinstance(y, int) and isinstance(w, int) and isinstance(h, int)):
            yield place, f"{name!r} has no position on the grid"
            continue
        if x < 0 or y < 0 or w < 1 or h < 1 or x + w > COLUMNS:
            yield place, f"{name!r} reaches beyond the grid of {COLUMNS} columns"
        cells = [(column, row) for column in range(x, x + w) for row in range(y, y + h)]
        covered = next((taken[cell] for cell in cells if cell in taken), None)
        if covered is not None:
            yield place, f"{name!r} overlaps {covered!r}"
        taken.update(dict.fromkeys(cells, name))
