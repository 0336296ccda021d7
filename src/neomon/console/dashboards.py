"""Server-rendered dashboards: the list at /d/ and each dashboard at the address alerts link to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from neomon.api.access import admin_only
from neomon.console.dashboards_data import Asker, Choice
from neomon.console.pages import templates
from neomon.console.panels.data import Answers, Window
from neomon.console.panels.draw import draw
from neomon.console.panels.tables import filled_link
from neomon.dashboards.documents import JsonObject, dashboard_files, load_dashboard
from neomon.errors import InputError, NeomonError, NotFoundError
from neomon.settings import Settings

router = APIRouter(include_in_schema=False, dependencies=[Depends(admin_only)])

RANGES: Final = {"15m": 900, "1h": 3600, "3h": 10_800, "6h": 21_600, "24h": 86_400}
"""Seconds a page may show."""
INTERVALS: Final = 180
"""A range is cut into this many steps, or fewer where that would be finer than Prometheus scrapes."""


@dataclass(frozen=True)
class DrawnPanel:
    """A panel ready for the page."""

    title: str
    description: str
    link: str
    kind: str
    place: str
    """Classes that put it on the grid."""
    inside: Markup


@dataclass(frozen=True)
class Section:
    """A row's heading and the panels under it."""

    title: str
    collapsed: bool
    panels: tuple[DrawnPanel, ...]


@router.get("/d/")
async def list_dashboards(request: Request) -> HTMLResponse:
    """Every dashboard of this installation."""
    found, problems = await asyncio.to_thread(_documents, request.app.state.settings)
    return templates.TemplateResponse(request, "dashboards.html", {"dashboards": found, "problems": problems})


@router.get("/d/{uid}")
async def show_dashboard(request: Request, uid: str) -> HTMLResponse:
    """One dashboard, with `range` and `var-<name>` as Grafana's addresses have them."""
    settings: Settings = request.app.state.settings
    try:
        document = await asyncio.to_thread(_find, settings, uid)
        chosen = _range(document, request.query_params.get("range"))
    except InputError as error:
        return templates.TemplateResponse(
            request, "dashboard_problem.html", {"problem": str(error)}, status_code=error.http_status
        )
    window = _window(RANGES[chosen], settings.prometheus.scrape_interval)
    asker = Asker(request.app.state.components, settings.url("prometheus"), window, settings.prometheus.scrape_interval)
    wanted = {
        key.removeprefix("var-"): request.query_params.getlist(key)
        for key in request.query_params
        if key.startswith("var-")
    }
    panels = [panel for _, _, panels in _rows(document) for panel in panels]
    choices: list[Choice] = []
    notices: list[str] = []
    try:
        choices, notices = await asker.choices(document, wanted)
    except NeomonError as error:
        # Without its variables no query can be asked; every panel says so.
        answers = [Answers(problems=(str(error),))] * len(panels)
    else:
        values = {choice.name: choice.value for choice in choices}
        answers = await asyncio.gather(*(asker.panel(panel, values) for panel in panels))
    live = request.query_params.get("refresh") == "30s"
    page = _Page(document, choices, notices, chosen, live, window, answers)
    # Drawing is computing: in a thread, so that other requests need not wait for it.
    return await asyncio.to_thread(_respond, request, page)


@dataclass(frozen=True)
class _Page:
    document: JsonObject
    choices: Sequence[Choice]
    notices: Sequence[str]
    chosen: str
    live: bool
    window: Window
    answers: Sequence[Answers]


def _respond(request: Request, page: _Page) -> HTMLResponse:
    kept = {"range": f"range={page.chosen}" + ("&refresh=30s" if page.live else "")}
    kept |= {choice.name: choice.query_string for choice in page.choices}
    given = iter(page.answers)
    sections = [
        Section(title, collapsed, tuple(_panel(panel, next(given), page.window, kept) for panel in panels))
        for title, collapsed, panels in _rows(page.document)
    ]
    variables = "&".join(choice.query_string for choice in page.choices if choice.chosen and choice.shown)
    links = [
        (str(link.get("title")), "?".join((str(link["url"]), "&".join(filter(None, (kept["range"], variables))))))
        for link in page.document.get("links") or []
        if str(link.get("url", "")).startswith("/d/")
    ]
    context = {
        "document": page.document,
        "choices": page.choices,
        "notices": page.notices,
        "ranges": list(RANGES),
        "chosen": page.chosen,
        "live": page.live,
        "settings": request.app.state.settings,
        "sections": sections,
        "links": links,
        "variables": variables,
    }
    return templates.TemplateResponse(request, "dashboard.html", context)


def _panel(panel: JsonObject, answers: Answers, window: Window, kept: Mapping[str, str]) -> DrawnPanel:
    place = panel.get("gridPos") or {}
    x, width, height = int(place.get("x", 0)), int(place.get("w", 24)), int(place.get("h", 8))
    link = next((str(link.get("url", "")) for link in panel.get("links") or []), "")
    return DrawnPanel(
        title=str(panel.get("title") or ""),
        description=str(panel.get("description") or ""),
        link=filled_link(link, "", kept) if link.startswith("/d/") else "",
        kind=str(panel.get("type")),
        place=f"x{x} w{width} h{min(height, 16)}",
        inside=draw(panel, answers, window, time.time(), kept),
    )


def _rows(document: JsonObject) -> Iterator[tuple[str, bool, list[JsonObject]]]:
    title, collapsed, panels = "", False, list[JsonObject]()
    for panel in sorted(document.get("panels") or [], key=_position):
        if panel.get("type") != "row":
            panels.append(panel)
            continue
        if panels:
            yield title, collapsed, panels
        title, collapsed = str(panel.get("title") or ""), bool(panel.get("collapsed"))
        panels = sorted(panel.get("panels") or [], key=_position)
    if panels:
        yield title, collapsed, panels


def _position(panel: JsonObject) -> tuple[int, int]:
    place = panel.get("gridPos") or {}
    return int(place.get("y", 0)), int(place.get("x", 0))


def _range(document: JsonObject, asked: str | None) -> str:
    if asked is None:
        stated = str((document.get("time") or {}).get("from", "")).removeprefix("now-")
        return stated if stated in RANGES else "1h"
    if asked not in RANGES:
        raise InputError(f"range={asked[:20]} is not one of {', '.join(RANGES)}")
    return asked


def _window(seconds: int, scrape_interval: float) -> Window:
    step = max(round(scrape_interval), seconds // INTERVALS, 1)
    end = int(time.time())
    return Window(end - seconds // step * step, end, step)


def _documents(settings: Settings) -> tuple[list[JsonObject], list[str]]:
    found, problems = [], []
    try:
        for path in dashboard_files(settings.base_dir / "grafana" / "dashboards"):
            try:
                found.append(load_dashboard(path))
            except InputError as error:
                problems.append(str(error))
    except NotFoundError as error:
        problems.append(str(error))
    return sorted(found, key=lambda document: str(document.get("title"))), problems


def _find(settings: Settings, uid: str) -> JsonObject:
    directory = settings.base_dir / "grafana" / "dashboards"
    # The file is usually called as the dashboard is.
    for path in sorted(directory.glob("*.json"), key=lambda path: path.stem != uid):
        document = load_dashboard(path)
        if document.get("uid") == uid:
            return document
    raise NotFoundError(f"There is no dashboard {uid[:60]!r}.")
