"""Tables: rows of several queries joined and arranged as the panel says, and lists of alerts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

import orjson
from markupsafe import Markup

from neomon.console.panels.data import Series
from neomon.console.panels.fields import field_for
from neomon.dashboards.documents import JsonObject

MOST_ROWS: Final = 50
_REFERENCE: Final = re.compile(r"\$\{(\w+)(?:[:.](\w+))?\}")
_MATCHER: Final = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_SEVERITIES: Final = ("critical", "warning", "info")

Cell = float | str | None
Kept = Mapping[str, str]
"""Query strings a link keeps: `range`, and each variable's own."""


def table(panel: JsonObject, series: Sequence[Series], now: float, kept: Kept) -> Markup:
    """The last value of every series with its labels, as Grafana's merge and organize arrange them."""
    columns, rows = _joined(panel, series)
    organize = next((step.get("options") or {} for step in panel.get("transformations") or []
                     if step.get("id") == "organize"), {})  # fmt: skip
    excluded, order = organize.get("excludeByName") or {}, organize.get("indexByName") or {}
    names = {column: str((organize.get("renameByName") or {}).get(column) or column) for column in columns}
    shown = sorted((name for name in columns if not excluded.get(name)), key=lambda name: order.get(name, len(order)))
    for sort in reversed((panel.get("options") or {}).get("sortBy") or []):
        by = next((name for name in shown if names[name] == sort.get("displayName")), None)
        if by is not None:
            rows.sort(key=lambda row: _rank(row.get(by)), reverse=bool(sort.get("desc")))
    numeric = {name for name in shown if any(isinstance(row.get(name), float) for row in rows)}
    head = Markup("").join(
        Markup("<th{}>{}</th>").format(Markup(' class="n"') if name in numeric else "", names[name]) for name in shown
    )
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(_cell(panel, names[name], row.get(name), now, kept, name in numeric) for name in shown)
        )
        for row in rows[:MOST_ROWS]
    )
    more = Markup('<p class="quiet">and {} more</p>').format(len(rows) - MOST_ROWS) if len(rows) > MOST_ROWS else ""
    return Markup('<div class="scroll"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>{}</div>').format(
        head, body, more
    )


def plain(panel: JsonObject, series: Sequence[Series]) -> Markup:
    """Name and last value of every series, for a kind of panel nobody draws here."""
    rows = Markup("").join(
        Markup('<tr><td>{}</td><td class="n">{}</td></tr>').format(one.name or "value", one.field.text(one.known[-1]))
        for one in series[:MOST_ROWS]
    )
    return Markup('<div class="scroll"><table><tbody>{}</tbody></table></div>').format(rows)


def alerts(panel: JsonObject, text: str) -> Markup:
    """Firing and pending alerts of Prometheus, the worst first; empty when there are none."""
    options = panel.get("options") or {}
    states = [state for state in ("firing", "pending") if (options.get("stateFilter") or {}).get(state, True)]
    matchers = _MATCHER.findall(str(options.get("alertInstanceLabelFilter") or ""))
    found = [
        alert for alert in orjson.loads(text)["data"]["alerts"]
        if alert["state"] in states and all(_matches(alert["labels"], *matcher) for matcher in matchers)
    ]  # fmt: skip
    found.sort(
        key=lambda alert: (states.index(alert["state"]), _severity(alert["labels"]), alert["labels"]["alertname"])
    )
    most = int(options.get("maxItems") or 20)
    items = [
        Markup('<li><span class="severity {}">{}</span><span>{} <small>{}</small></span><em>{}</em></li>').format(
            alert["labels"].get("severity", "none"), alert["labels"].get("severity", "none"),
            alert["labels"]["alertname"],
            " ".join(alert["labels"][name] for name in ("service", "tenant", "instance") if alert["labels"].get(name)),
            alert["state"])
        for alert in found[:most]
    ]  # fmt: skip
    if len(found) > most:
        items.append(Markup('<li class="quiet">and {} more</li>').format(len(found) - most))
    return Markup('<ul class="alerts scroll">{}</ul>').format(Markup("").join(items)) if items else Markup("")


def _joined(panel: JsonObject, series: Sequence[Series]) -> tuple[list[str], list[dict[str, Cell]]]:
    several = len(panel.get("targets") or []) > 1
    columns: dict[str, None] = {}
    values: dict[str, None] = {}
    rows: dict[tuple[tuple[str, str], ...], dict[str, Cell]] = {}
    for one in series:
        labels = {name: value for name, value in sorted(one.labels.items()) if name != "__name__"}
        name = f"Value #{one.query}" if several else "Value"
        rows.setdefault(tuple(labels.items()), {**labels})[name] = one.known[-1]
        columns |= dict.fromkeys(labels)
        values[name] = None
    return [*columns, *values], list(rows.values())


def _rank(cell: Cell) -> tuple[int, float, str]:
    if cell is None:
        return (0, 0, "")
    return (1, cell, "") if isinstance(cell, float) else (2, 0, cell)


def _cell(panel: JsonObject, name: str, value: Cell, now: float, kept: Kept, numeric: bool) -> Markup:
    classes = Markup(' class="n"') if numeric else ""
    if value is None or value == "":
        return Markup("<td{}></td>").format(classes)
    field = field_for(panel, name, now)
    text: Markup | str = field.text(value)
    if (field.settings.get("custom.cellOptions") or {}).get("type") == "color-text":
        text = Markup('<b class="c-{}">{}</b>').format(field.threshold_colour(value), text)
    links = field.settings.get("links") or []
    if links and str(links[0].get("url", "")).startswith("/d/"):
        text = Markup('<a href="{}">{}</a>').format(filled_link(str(links[0]["url"]), str(value), kept), text)
    return Markup("<td{}>{}</td>").format(classes, text)


def filled_link(url: str, value: str, kept: Kept) -> str:
    """An address of Grafana's with the value it leads from, the time and the choices filled in."""

    def replacement(match: re.Match[str]) -> str:
        if match[1] == "__value":
            return quote(value, safe="")
        return kept.get("range" if match[1] == "__url_time_range" else match[1], "")

    return _REFERENCE.sub(replacement, url)


def _severity(labels: Mapping[str, str]) -> int:
    severity = labels.get("severity", "")
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)


def _matches(labels: Mapping[str, str], name: str, operator: str, wanted: str) -> bool:
    value = labels.get(name, "")
    equal = re.fullmatch(wanted, value) is not None if "~" in operator else value == wanted
    return equal is not operator.startswith("!")
