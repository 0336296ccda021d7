"""Charts over time as SVG: lines, areas, sparklines, heat maps and bars of states.

The drawing is stretched to its panel, so texts stand beside it, not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from markupsafe import Markup

from neomon.console.panels.data import Series, Window
from neomon.console.panels.units import scale
from neomon.dashboards.documents import JsonObject

MOST_SERIES: Final = 12
MOST_ROWS: Final = 20
_HEIGHT: Final = 1000
"""Units of the drawing from bottom to top."""
_COLUMNS: Final = 80
"""Columns of a heat map, at most."""
_TIME_STEPS: Final = (60, 180, 300, 600, 1800, 3600, 7200, 14_400, 21_600)

Line = Sequence[float | None]


def lines(panel: JsonObject, series: Sequence[Series], window: Window) -> Markup:
    """A time series panel: the chart, its axes and its legend."""
    drawn = series
    if len(series) > MOST_SERIES:
        highest = sorted(series, key=lambda one: max(map(abs, one.known)), reverse=True)[:MOST_SERIES]
        drawn = [one for one in series if one in highest]
    settings = (panel.get("fieldConfig") or {}).get("defaults") or {}
    custom = settings.get("custom") or {}
    stacked = (custom.get("stacking") or {}).get("mode") == "normal"
    colours: list[str] = []
    for one in drawn:
        colours.append(one.field.series_colour(one.name, one.known[-1], colours))
    tops, bottoms = _stack(drawn) if stacked else ([_signed(one) for one in drawn], [])
    low, high = _bounds(settings, tops)
    shown = (custom.get("thresholdsStyle") or {}).get("mode", "off") != "off"
    limits = [(bound, colour) for bound, colour in drawn[0].field.steps if shown and bound != float("-inf")]
    # A limit far above the values would press them flat; the legend names it then.
    high = max([high, *(bound * 1.02 for bound, _ in limits if bound <= 3 * high)])
    ticks = scale(low, high, drawn[0].field.unit)
    low, high = ticks[0], ticks[-1]

    def y(value: float) -> int:
        return round(_HEIGHT * (1 - (value - low) / (high - low)))

    shapes = [Markup('<path class="grid" d="{}"/>').format(_grid(window, [y(tick) for tick in ticks]))]
    for index, (one, colour, top) in enumerate(zip(drawn, colours, tops, strict=True)):
        if float(custom.get("fillOpacity") or 0) > 0 and (stacked or len(drawn) <= 4):
            bottom = bottoms[index] if stacked else [max(low, 0.0)] * len(top)
            shapes.append(Markup('<path class="{} c-{}" d="{}"/>').format(
                "area stacked" if stacked else "area", colour, _area(top, bottom, y)))  # fmt: skip
        shapes.append(Markup('<path class="line c-{}" d="{}"><title>{}</title></path>').format(
            colour, _path(top, y), one.name))  # fmt: skip
    for bound, colour in limits:
        if low <= bound <= high:
            shapes.append(Markup('<path class="limit c-{}" d="M0 {}H{}"/>').format(colour, y(bound), window.points - 1))
    keys = [
        Markup('<li title="mean {}, max {}"><i class="c-{}"></i><span>{}</span> <b>{}</b></li>').format(
            one.field.text(sum(one.known) / len(one.known)), one.field.text(max(one.known)),
            colour, one.name or "value", one.field.text(one.known[-1]))
        for one, colour in zip(drawn, colours, strict=True)
    ]  # fmt: skip
    keys += [Markup('<li><i class="dash c-{}"></i>limit <b>{}</b></li>').format(colour, drawn[0].field.text(bound))
             for bound, colour in limits]  # fmt: skip
    keys += [Markup("<li>and {} more</li>").format(len(series) - len(drawn))] * (len(series) > len(drawn))
    labels = [drawn[0].field.text(abs(tick) if _mirrored(drawn) else tick) for tick in ticks]
    return _framed(_svg(window.points - 1, shapes), labels, window) + Markup('<ul class="legend">{}</ul>').format(
        Markup("").join(keys)
    )


def sparkline(one: Series, colour: str, window: Window) -> Markup:
    """The course of a single number, without axes."""
    if len(one.values) < 2:
        return Markup("")
    low, high = _bounds({"min": one.field.settings.get("min")}, [one.values])
    span = high - low

    def y(value: float) -> int:
        return round(_HEIGHT * (0.95 - 0.8 * (value - low) / span))

    floor = low - span * 0.0625
    shapes = [Markup('<path class="area" d="{}"/>').format(_area(one.values, [floor] * len(one.values), y)),
              Markup('<path class="line" d="{}"/>').format(_path(one.values, y))]  # fmt: skip
    return Markup('<div class="spark c-{}">{}</div>').format(colour, _svg(window.points - 1, shapes))


def states(series: Sequence[Series], window: Window) -> Markup:
    """A row of coloured bars for each series."""
    rows = []
    for one in series[:MOST_ROWS]:
        bars, position = [], 0
        for value, group in groupby(one.values):
            width = len(list(group))
            if value is not None:
                since = _clock(window.start + position * window.step)
                bars.append(Markup('<rect class="c-{}" x="{}" width="{}" height="{}"><title>{} from {}</title></rect>')
                            .format(one.field.threshold_colour(value), position, width, _HEIGHT,
                                    one.field.text(value), since))  # fmt: skip
            position += width
        last = one.values[-1] if one.values[-1] is not None else None
        word = Markup('<b class="c-{}">{}</b>').format(one.field.threshold_colour(last), one.field.text(last)) if (
            last is not None) else Markup('<b class="quiet">gone</b>')  # fmt: skip
        rows.append(
            Markup('<li><span title="{}">{}</span>{}{}</li>').format(
                one.name, one.name or "value", _svg(window.points, bars), word
            )
        )
    if len(series) > MOST_ROWS:
        rows.append(Markup('<li class="quiet">and {} more</li>').format(len(series) - MOST_ROWS))
    return Markup('<ul class="states">{}<li class="when">{}</li></ul>').format(
        Markup("").join(rows), _time_axis(window)
    )


def heat(series: Sequence[Series], window: Window) -> Markup:
    """Cumulative buckets (label `le`) as cells, the darker the more."""
    buckets = sorted(series, key=lambda one: float(one.labels.get("le", "inf")))
    group = -(-window.points // _COLUMNS)
    columns = -(-window.points // group)
    rows: list[list[float]] = []
    below: list[float] = [0.0] * window.points
    for one in buckets:
        known = [value or 0.0 for value in one.values]
        rows.append([
            max(0.0, sum(known[at : at + group]) - sum(below[at : at + group])) for at in range(0, window.points, group)
        ])  # fmt: skip
        below = known
    most = max(max(row) for row in rows) or 1
    cells = [
        f'<rect x="{column}" y="{len(rows) - 1 - index}" width="1" height="1" '
        f'fill-opacity="{0.08 + 0.92 * (value / most) ** 0.5:.2f}"/>'
        for index, row in enumerate(rows)
        for column, value in enumerate(row)
        if value > most * 1e-6
    ]
    field = buckets[0].field
    bounds = [field.text(float(one.labels.get("le", "inf"))) for one in buckets]
    drawing = Markup('<svg class="heat" viewBox="0 0 {} {}" preserveAspectRatio="none">{}</svg>').format(
        columns,
        len(rows),
        Markup("".join(cells)),  # noqa: S704 - numbers only
    )
    every = -(-len(bounds) // 7)
    return _framed(drawing, ["0", *(text if at % every == 0 else "" for at, text in enumerate(bounds, 1))], window)


def _framed(drawing: Markup, labels: Sequence[str], window: Window) -> Markup:
    ticks = Markup("").join(Markup("<span>{}</span>").format(label) for label in labels)
    return Markup('<div class="chart"><div class="axis">{}</div>{}{}</div>').format(ticks, drawing, _time_axis(window))


def _time_axis(window: Window) -> Markup:
    step = _tick_seconds(window)
    span = window.end - window.start
    texts = [
        Markup('<text x="{:.2f}%" y="12">{}</text>').format(100 * (moment - window.start) / span, _clock(moment))
        for moment in _moments(window, step)
    ]
    return Markup('<svg class="time">{}</svg>').format(Markup("").join(texts))


def _tick_seconds(window: Window) -> int:
    return next((step for step in _TIME_STEPS if step * 6 >= window.end - window.start), _TIME_STEPS[-1])


def _moments(window: Window, step: int) -> list[int]:
    first = -(-window.start // step) * step
    margin = (window.end - window.start) * 0.03
    return [at for at in range(first, window.end + 1, step) if window.start + margin < at < window.end - margin]


def _clock(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M")


def _grid(window: Window, levels: Sequence[int]) -> str:
    across = "".join(f"M0 {level}H{window.points - 1}" for level in levels)
    upright = (round((at - window.start) / window.step, 1) for at in _moments(window, _tick_seconds(window)))
    return across + "".join(f"M{x} 0V{_HEIGHT}" for x in upright)


def _svg(width: int, shapes: Sequence[Markup]) -> Markup:
    return Markup('<svg class="plot" viewBox="0 0 {} {}" preserveAspectRatio="none">{}</svg>').format(
        max(width, 1), _HEIGHT, Markup("").join(shapes)
    )


def _mirrored(drawn: Sequence[Series]) -> bool:
    return any(one.field.settings.get("custom.transform") == "negative-Y" for one in drawn)


def _signed(one: Series) -> Line:
    sign = -1 if one.field.settings.get("custom.transform") == "negative-Y" else 1
    return [None if value is None else sign * value for value in one.values]


def _stack(drawn: Sequence[Series]) -> tuple[list[Line], list[Line]]:
    tops: list[Line] = []
    bottoms: list[Line] = []
    base = [0.0] * len(drawn[0].values)
    for one in drawn:
        bottoms.append(base)
        tops.append([None if value is None else under + value for value, under in zip(one.values, base, strict=True)])
        base = [under + (value or 0) for value, under in zip(one.values, base, strict=True)]
    return tops, bottoms


def _bounds(settings: JsonObject, tops: Sequence[Line]) -> tuple[float, float]:
    known = [value for top in tops for value in top if value is not None]
    low, high = min(known), max(known)
    if settings.get("min") is not None:
        low = min(low, float(settings["min"]))
    if settings.get("max") is not None:
        high = max(high, float(settings["max"]))
    return low, high if high > low else low + (abs(low) or 1)


def _runs(line: Line) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = []
    for present, group in groupby(enumerate(line), key=lambda pair: pair[1] is not None):
        if present:
            runs.append([(index, value) for index, value in group if value is not None])
    return runs


def _path(line: Line, y: Callable[[float], int]) -> str:
    # A lone point gets a short stroke, or it would not show.
    return "".join(
        "M" + "L".join(f"{index} {y(value)}" for index, value in run) + ("h.4" if len(run) == 1 else "")
        for run in _runs(line)
    )


def _area(top: Line, bottom: Line, y: Callable[[float], int]) -> str:
    drawn = []
    for run in _runs(top):
        back = [(index, bottom[index] or 0.0) for index, _ in reversed(run)]
        drawn.append("M" + "L".join(f"{index} {y(value)}" for index, value in [*run, *back]) + "Z")
    return "".join(drawn)
