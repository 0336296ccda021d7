"""From a panel and its answers to HTML: which kind of drawing a panel gets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from markupsafe import Markup

from neomon.console.pages import render_markdown
from neomon.console.panels import charts, numbers, tables
from neomon.console.panels.data import Answers, Series, Window, series_of
from neomon.dashboards.documents import JsonObject

_log = logging.getLogger(__name__)

Drawing = Callable[[JsonObject, Sequence[Series], Window], Markup]

_DRAWINGS: Final[Mapping[str, Drawing]] = {
    "timeseries": charts.lines,
    "state-timeline": lambda panel, series, window: charts.states(series, window),
    "heatmap": lambda panel, series, window: charts.heat(series, window),
    "stat": numbers.stat,
    "bargauge": numbers.bars,
    "gauge": numbers.gauge,
    "piechart": numbers.shares,
}


def draw(panel: JsonObject, answers: Answers, window: Window, now: float, kept: tables.Kept) -> Markup:
    """The inside of one panel. What goes wrong is told in it, so that the others still show."""
    problems = Markup("").join(Markup('<p class="trouble">{}</p>').format(text) for text in answers.problems)
    try:
        inside = _inside(panel, answers, window, now, kept)
    except Exception:
        _log.exception("panel %r could not be drawn", panel.get("title"))
        return problems + Markup('<p class="trouble">This panel could not be drawn; the log tells why.</p>')
    if inside or problems:
        return problems + inside
    nothing = ((panel.get("fieldConfig") or {}).get("defaults") or {}).get("noValue") or (
        "Nothing is firing" if panel.get("type") == "alertlist" else "no data"
    )
    return Markup('<p class="nothing">{}</p>').format(nothing)


def _inside(panel: JsonObject, answers: Answers, window: Window, now: float, kept: tables.Kept) -> Markup:
    kind = panel.get("type")
    if kind == "text":
        # Raw HTML in it is shown as text, never passed on.
        content = render_markdown(str((panel.get("options") or {}).get("content") or ""))
        return Markup('<div class="prose scroll">{}</div>').format(Markup(content))  # noqa: S704
    if kind == "alertlist":
        return Markup("").join(tables.alerts(panel, text) for _, text in answers.texts)
    series = series_of(panel, answers, window, now)
    if not series:
        return Markup("")
    if kind == "table":
        return tables.table(panel, series, now, kept)
    drawing = _DRAWINGS.get(str(kind))
    return drawing(panel, series, window) if drawing else tables.plain(panel, series)
