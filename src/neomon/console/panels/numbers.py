"""Panels of single values: numbers, gauges, bars and shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from neomon.console.panels.charts import MOST_ROWS, MOST_SERIES, sparkline
from neomon.console.panels.data import Series, Window
from neomon.console.panels.fields import Field
from neomon.dashboards.documents import JsonObject

_MOST_STATS: Final = 8


def stat(panel: JsonObject, series: Sequence[Series], window: Window) -> Markup:
    """The last value, large, with its course behind it where the panel asks for one."""
    area = (panel.get("options") or {}).get("graphMode") == "area"
    parts = []
    for one in series[:_MOST_STATS]:
        value = one.known[-1]
        colour = one.field.series_colour(one.name, value)
        name = Markup("<span>{}</span>").format(one.name) if len(series) > 1 else ""
        line = sparkline(one, colour, window) if area else ""
        parts.append(
            Markup('<div class="stat">{}<b class="c-{}">{}</b>{}</div>').format(
                name, colour, one.field.text(value), line
            )
        )
    return Markup('<div class="stats">{}</div>').format(Markup("").join(parts))


def bars(panel: JsonObject, series: Sequence[Series], window: Window) -> Markup:
    """A horizontal bar for each last value, the largest first."""
    ordered = sorted(series, key=lambda one: one.known[-1], reverse=True)
    rows = []
    for one in ordered[:MOST_ROWS]:
        value = one.known[-1]
        share = _share(one.field, value, max(abs(other.known[-1]) for other in series))
        rows.append(Markup(
            '<li><span title="{}">{}</span><svg class="plot" viewBox="0 0 100 10" preserveAspectRatio="none">'
            '<rect class="rest" width="100" height="10"/><rect class="c-{}" width="{:.1f}" height="10"/></svg>'
            '<b class="c-{}">{}</b></li>'
        ).format(one.name, one.name or "value", one.field.series_colour(one.name, value), 100 * share,
                 one.field.series_colour(one.name, value), one.field.text(value)))  # fmt: skip
    if len(series) > MOST_ROWS:
        rows.append(Markup('<li class="quiet">and {} more</li>').format(len(series) - MOST_ROWS))
    return Markup('<ul class="bars">{}</ul>').format(Markup("").join(rows))


def gauge(panel: JsonObject, series: Sequence[Series], window: Window) -> Markup:
    """A half circle for each last value, with its thresholds as an outer ring."""
    return Markup('<div class="gauges">{}</div>').format(
        Markup("").join(_dial(one) for one in series[:_MOST_STATS])
    )  # fmt: skip


def _dial(one: Series) -> Markup:
    value = one.known[-1]
    steps = one.field.steps
    ends = [_share(one.field, bound, abs(value)) for bound, _ in steps[1:]] + [1.0]
    ring = [
        Markup('<path class="ring c-{}" d="{}"/>').format(colour, _arc(0 if index == 0 else ends[index - 1], end, 47))
        for index, ((_, colour), end) in enumerate(zip(steps, ends, strict=True))
    ]
    return Markup(
        '<svg class="gauge" viewBox="0 0 100 58"><path class="dial rest" d="{}"/><path class="dial c-{}" d="{}"/>{}'
        '<text class="c-{}" x="50" y="50">{}</text><title>{}</title></svg>'
    ).format(_arc(0, 1, 39), one.field.threshold_colour(value), _arc(0, _share(one.field, value, abs(value)), 39),
             Markup("").join(ring), one.field.threshold_colour(value), one.field.text(value), one.name)  # fmt: skip


def shares(panel: JsonObject, series: Sequence[Series], window: Window) -> Markup:
    """A ring of parts with their values and percentages."""
    parts = sorted(series, key=lambda one: one.known[-1], reverse=True)[:MOST_SERIES]
    whole = sum(max(one.known[-1], 0) for one in parts)
    ring, keys, turned, colours = [], [], 0.0, list[str]()
    for one in parts:
        value = max(one.known[-1], 0)
        share = 100 * value / whole if whole else 0
        colours.append(one.field.series_colour(one.name, value, colours))
        ring.append(Markup('<circle class="c-{}" cx="21" cy="21" r="15.9155" stroke-dasharray="{:.2f} {:.2f}" '
                           'stroke-dashoffset="{:.2f}"><title>{}</title></circle>')
                    .format(colours[-1], share, 100 - share, 25 - turned, one.name))  # fmt: skip
        keys.append(Markup('<li><i class="c-{}"></i><span>{}</span> <b>{}</b> <em>{:.0f} %</em></li>').format(
            colours[-1], one.name or "value", one.field.text(value), share))  # fmt: skip
        turned += share
    if len(series) > len(parts):
        keys.append(Markup("<li>and {} more</li>").format(len(series) - len(parts)))
    return Markup('<div class="shares"><svg viewBox="0 0 42 42">{}</svg><ul class="legend">{}</ul></div>').format(
        Markup("").join(ring), Markup("").join(keys)
    )


def _share(field: Field, value: float, largest: float) -> float:
    low = float(field.settings.get("min") or 0)
    given = field.settings.get("max")
    # A share with no stated maximum is of the whole.
    natural = max(1.0, largest) if field.unit == "percentunit" else largest
    high = float(given) if given is not None else natural
    return min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 0.0


def _arc(start: float, end: float, radius: float) -> str:
    (x1, y1), (x2, y2) = (
        (50 - radius * math.cos(math.pi * share), 52 - radius * math.sin(math.pi * share)) for share in (start, end)
    )
    return f"M{x1:.2f} {y1:.2f}A{radius} {radius} 0 0 1 {x2:.2f} {y2:.2f}"
