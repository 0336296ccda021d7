"""What panels draw: answers of Prometheus, aligned to the page's time window."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from neomon.console.panels.fields import Field, field_for
from neomon.dashboards.documents import JsonObject

_LABEL: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True)
class Window:
    """The time a page shows."""

    start: int
    """Unix time, a multiple of `step`."""
    end: int
    step: int
    """Seconds between two points."""

    @property
    def points(self) -> int:
        """How many points a series over the window has."""
        return (self.end - self.start) // self.step + 1


@dataclass(frozen=True)
class Series:
    """One line of an answer."""

    labels: Mapping[str, str]
    values: Sequence[float | None]
    """One for each point of the window, or the only one of an instant query."""
    name: str
    field: Field
    query: str
    """The letter of its query."""

    @property
    def known(self) -> list[float]:
        """The values there are."""
        return [value for value in self.values if value is not None]


@dataclass(frozen=True)
class Answers:
    """What the queries of one panel gave, as JSON texts of Prometheus, and what went wrong."""

    texts: tuple[tuple[JsonObject, str], ...] = ()
    """Each query of the panel with its answer."""
    problems: tuple[str, ...] = ()


def series_of(panel: JsonObject, answers: Answers, window: Window, now: float) -> list[Series]:
    """Every series of a panel with at least one value, named by its query's legend."""
    found = []
    for target, text in answers.texts:
        for labels, values in _parsed(text, window):
            name = _legend(str(target.get("legendFormat") or ""), labels)
            if any(value is not None for value in values):
                found.append(Series(labels, values, name, field_for(panel, name, now), str(target.get("refId", ""))))
    return found


def _parsed(text: str, window: Window) -> list[tuple[dict[str, str], list[float | None]]]:
    data: dict[str, Any] = orjson.loads(text)["data"]
    if data["resultType"] in ("scalar", "string"):
        return [({}, [_number(data["result"][1])])]
    parsed = []
    for item in data["result"]:
        if "values" in item:
            values: list[float | None] = [None] * window.points
            for moment, value in item["values"]:
                index = round((moment - window.start) / window.step)
                if 0 <= index < len(values):
                    values[index] = _number(value)
        else:
            values = [_number(item["value"][1])] if "value" in item else []
        parsed.append((item["metric"], values))
    return parsed


def _number(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _legend(template: str, labels: Mapping[str, str]) -> str:
    if template and template != "__auto":
        return " ".join(_LABEL.sub(lambda match: labels.get(match[1], ""), template).split())
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))
