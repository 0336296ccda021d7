"""Putting a dashboard together: rows of panels on Grafana's grid, with variables, links and annotations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders.dashboard import Dashboard, TimePicker
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import TimeZoneBrowser

from neomon.dashboards import events
from neomon.dashboards.events import Annotation
from neomon.dashboards.links import TITLES, navigation
from neomon.dashboards.panels.frame import PanelBuilder
from neomon.dashboards.variables import VariableBuilder

COLUMNS = 24
TAG = "neomon"


@dataclass(frozen=True)
class Section:
    """A titled row and the panels under it, which fill the grid's width line by line."""

    title: str
    panels: tuple[PanelBuilder, ...]


def section(title: str, *panels: PanelBuilder) -> Section:
    """A titled row and its panels."""
    return Section(title, panels)


@dataclass(frozen=True)
class Board:
    """A dashboard before it is laid out."""

    uid: str
    description: str
    variables: Sequence[VariableBuilder]
    sections: Sequence[Section]
    tags: tuple[str, ...] = ()
    annotations: Sequence[Annotation] = (events.DEPLOYMENTS, events.CONFIGURATION, events.BACKUPS)

    def build(self) -> models.Dashboard:
        """The dashboard in Grafana's form.

        Raises:
            ValueError: A line of panels does not fill the grid's width, or its panels differ in height.
        """
        built = (
            Dashboard(TITLES[self.uid])
            .uid(self.uid)
            .description(self.description)
            .tags([TAG, *self.tags])
            .timezone(TimeZoneBrowser)
            .time("now-1h", "now")
            .timepicker(TimePicker().refresh_intervals(["5s", "15s", "30s", "1m", "5m", "15m", "1h"]))
            .refresh("30s")
            .tooltip(models.DashboardCursorSync.CROSSHAIR)
            .editable()
            .variables(list(self.variables))
            .annotations(list(self.annotations))
            .links(list(navigation(self.uid)))
            .version(1)
            .build()
        )
        built.panels = list(_placed(self.sections))
        return built


def _placed(sections: Sequence[Section]) -> Iterator[models.Panel | models.RowPanel]:
    y, identifier = 0, 1
    for part in sections:
        yield models.RowPanel(
            title=part.title, id_val=identifier, grid_pos=models.GridPos(h=1, w=COLUMNS, x=0, y=y), panels=[]
        )
        y, identifier = y + 1, identifier + 1
        x, height = 0, 0
        for builder in part.panels:
            panel = builder.build()
            size = panel.grid_pos or models.GridPos()
            if x and size.h != height:
                raise ValueError(f"{part.title}: {panel.title} is {size.h} high beside panels {height} high")
            if x + size.w > COLUMNS:
                raise ValueError(f"{part.title}: {panel.title} does not fit beside the panels left of it")
            panel.id_val, panel.grid_pos = identifier, models.GridPos(h=size.h, w=size.w, x=x, y=y)
            yield panel
            identifier, x, height = identifier + 1, x + size.w, size.h
            if x == COLUMNS:
                x, y = 0, y + height
        if x:
            raise ValueError(f"{part.title}: the last line leaves {COLUMNS - x} of {COLUMNS} columns empty")
