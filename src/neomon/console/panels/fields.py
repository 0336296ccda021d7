"""How a value is to look: unit, threshold, mapping and colour, read from a panel's field configuration."""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from neomon.console.panels.units import written
from neomon.dashboards.documents import JsonObject

PALETTE: Final = 12
"""Colours s0 to s11 of the style sheet."""
_NAMED: Final = frozenset({"green", "orange", "red", "blue", "purple", "text"})


@dataclass(frozen=True)
class Field:
    """What applies to one series or column."""

    settings: JsonObject = field(default_factory=dict)
    now: float = 0
    """Unix time of the page."""

    @property
    def unit(self) -> str:
        """Grafana's name of the unit."""
        return str(self.settings.get("unit") or "")

    @property
    def steps(self) -> list[tuple[float, str]]:
        """Lower bounds of the thresholds with their colours, ascending."""
        steps = (self.settings.get("thresholds") or {}).get("steps") or []
        bounds = [(step.get("value"), named(str(step.get("color")))) for step in steps]
        return sorted(((float("-inf") if bound is None else float(bound)), colour) for bound, colour in bounds)

    def text(self, value: float | str) -> str:
        """The value as its mapping or unit writes it."""
        mapped = self._mapping(value).get("text")
        if mapped:
            return str(mapped)
        return value if isinstance(value, str) else written(value, self.unit, self.settings.get("decimals"), self.now)

    def threshold_colour(self, value: float | str) -> str:
        """The colour of the value's mapping, else of the threshold it passed; empty when there is none."""
        mapped = self._mapping(value).get("color")
        if mapped or isinstance(value, str):
            return named(str(mapped)) if mapped else ""
        return next((colour for bound, colour in reversed(self.steps) if value >= bound), "")

    def series_colour(self, name: str, value: float, taken: Collection[str] = ()) -> str:
        """The colour of a series: fixed, by threshold, or drawn from its name and not yet taken."""
        colour = self.settings.get("color") or {}
        if colour.get("mode") == "fixed":
            return named(str(colour.get("fixedColor")))
        if colour.get("mode") == "thresholds":
            return self.threshold_colour(value)
        first = zlib.crc32(name.encode()) % PALETTE
        choices = [f"s{(first + offset) % PALETTE}" for offset in range(PALETTE)]
        return next((choice for choice in choices if choice not in taken), choices[0])

    def _mapping(self, value: float | str) -> JsonObject:
        key = value if isinstance(value, str) else f"{value:g}"
        for mapping in self.settings.get("mappings") or []:
            if mapping.get("type") == "value" and key in (mapping.get("options") or {}):
                found: JsonObject = mapping["options"][key]
                return found
        return {}


def named(colour: str) -> str:
    """A class of the style sheet for a colour of Grafana's; grey for one we do not know."""
    plain = re.sub(r"^(dark|semi-dark|light|super-light)-", "", colour)
    return "orange" if plain == "yellow" else plain if plain in _NAMED else "text"


def field_for(panel: JsonObject, name: str, now: float) -> Field:
    """The defaults of a panel with the overrides for one series or column."""
    config = panel.get("fieldConfig") or {}
    settings: dict[str, Any] = dict(config.get("defaults") or {})
    for override in config.get("overrides") or []:
        if _matches(override.get("matcher") or {}, name):
            settings |= {change["id"]: change.get("value") for change in override.get("properties") or []}
    return Field(settings, now)


def _matches(matcher: JsonObject, name: str) -> bool:
    wanted = str(matcher.get("options", ""))
    if matcher.get("id") == "byName":
        return wanted == name
    if matcher.get("id") != "byRegexp":
        return False
    try:
        return re.search(wanted.removeprefix("/").removesuffix("/"), name) is not None
    except re.error:
        return False
