"""What every panel has: a title, a description, a size, queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Self, TypeVar

from grafana_foundation_sdk.builders.common import ReduceDataOptions
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef, Panel, ValueMap, ValueMapping, ValueMappingResult

from neomon.dashboards.queries import DATASOURCE, Query, referenced

PanelBuilder = Builder[Panel]

NO_DATA = "no data"


class _Framed(Protocol):
    """The part all of the SDK's panel builders share."""

    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def datasource(self, datasource: DataSourceRef) -> Self: ...
    def span(self, w: int) -> Self: ...
    def height(self, h: int) -> Self: ...
    def no_value(self, no_value: str) -> Self: ...
    def targets(self, targets: list[Builder[Dataquery]]) -> Self: ...


P = TypeVar("P", bound=_Framed)


def framed(
    panel: P, title: str, description: str, queries: tuple[Query, ...], *, w: int, h: int, no_value: str = NO_DATA
) -> P:
    """Give a panel its frame; `w` is in the grid's 24 columns, `h` in its rows of 30 pixels."""
    return (
        panel.title(title)
        .description(description)
        .datasource(DATASOURCE)
        .span(w)
        .height(h)
        .no_value(no_value)
        .targets(list[Builder[Dataquery]](referenced(queries)))
    )


def last_value() -> ReduceDataOptions:
    """Show the newest value that is not null."""
    return ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")


def value_names(names: Mapping[str, tuple[str, str]]) -> list[ValueMapping]:
    """Show values as words: `{"0": ("Down", "red")}`."""
    results = {
        value: ValueMappingResult(text=word, color=colour, index=index)
        for index, (value, (word, colour)) in enumerate(names.items())
    }
    return [ValueMap(options=results)]
