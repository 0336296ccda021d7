"""Whether thresholds can be drawn as they are meant."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from neomon.dashboards.documents import JsonObject, walk_panels
from neomon.dashboards.positions import Path


def threshold_problems(document: JsonObject) -> Iterator[tuple[Path, str]]:
    """Thresholds out of order, without a base, without a colour, or outside what the unit allows."""
    for place, panel in walk_panels(document):
        name = repr(str(panel.get("title")))
        config = panel.get("fieldConfig") or {}
        defaults = config.get("defaults") or {}
        yield from _steps(
            (*place, "fieldConfig", "defaults", "thresholds"), name, defaults.get("thresholds"), defaults.get("unit")
        )
        for index, override in enumerate(config.get("overrides") or []):
            properties = {entry.get("id"): entry.get("value") for entry in override.get("properties") or []}
            yield from _steps(
                (*place, "fieldConfig", "overrides", index),
                name,
                properties.get("thresholds"),
                properties.get("unit", defaults.get("unit")),
            )


def _steps(place: Path, name: str, thresholds: Any, unit: object) -> Iterator[tuple[Path, str]]:
    if not thresholds:
        return
    steps = thresholds.get("steps") or []
    values = [step.get("value") for step in steps]
    if not steps or values[0] is not None:
        yield place, f"{name}: the first threshold must have no value, it colours everything below the second"
        return
    rest = values[1:]
    if not all(isinstance(value, int | float) for value in rest):
        yield place, f"{name}: every threshold but the first needs a number"
        return
    if any(later <= earlier for earlier, later in itertools.pairwise(rest)):
        yield place, f"{name}: thresholds must rise, these are {rest}"
    if not all(step.get("color") for step in steps):
        yield place, f"{name}: a threshold has no colour"
    if unit == "percentunit" and any(not 0 <= value <= 1 for value in rest):
        yield place, f"{name}: the unit counts from 0 to 1, the thresholds are {rest}"
