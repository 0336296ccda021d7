"""Tables of present values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.builders.common import TableSortByFieldState
from grafana_foundation_sdk.builders.dashboard import FieldColor
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue

from neomon.dashboards import colours, thresholds
from neomon.dashboards.links import field_link
from neomon.dashboards.panels.frame import NO_DATA, framed, value_names
from neomon.dashboards.queries import Query
from neomon.dashboards.thresholds import Limit


@dataclass(frozen=True)
class Column:
    """One column: a label of the series, or `Value` (`Value #B` when there are several queries)."""

    field: str
    title: str
    unit: str | None = None
    limit: Limit | None = None
    decimals: int | None = None
    names: Mapping[str, tuple[str, str]] | None = None
    link: tuple[str, str] | None = None
    """Uid of the dashboard a click leads to, and the variable that takes the cell's value."""
    width: int | None = None
    """Pixels; None shares what is left."""

    def properties(self) -> list[DynamicConfigValue]:
        """What sets this column apart from the rest of the table."""
        found: list[DynamicConfigValue] = []
        if self.unit:
            found.append(DynamicConfigValue(id_val="unit", value=self.unit))
        if self.decimals is not None:
            found.append(DynamicConfigValue(id_val="decimals", value=self.decimals))
        if self.limit:
            found.append(DynamicConfigValue(id_val="thresholds", value=self.limit.config().build()))
        if self.names:
            found.append(DynamicConfigValue(id_val="mappings", value=value_names(self.names)))
        if self.limit or self.names:
            found.append(DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}))
        if self.link:
            found.append(DynamicConfigValue(id_val="links", value=[field_link(*self.link)]))
        if self.width:
            found.append(DynamicConfigValue(id_val="custom.width", value=self.width))
        return found


def table(
    title: str,
    description: str,
    *queries: Query,
    columns: tuple[Column, ...],
    sort: str,
    descending: bool = True,
    no_value: str = NO_DATA,
    w: int = 24,
    h: int = 8,
) -> tables.Panel:
    """A table; the queries are joined on their labels, and only the named columns are shown."""
    panel = (
        framed(tables.Panel(), title, description, queries, w=w, h=h, no_value=no_value)
        .thresholds(thresholds.NONE.config())
        .color_scheme(FieldColor().mode(colours.BY_THRESHOLD))
        .filterable(True)
        .align(common.FieldTextAlignment.AUTO)
        .show_header(True)
        .cell_height(common.TableCellHeight.SM)
        .sort_by([TableSortByFieldState().display_name(sort).desc(descending)])
    )
    if len(queries) > 1:
        panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    panel.with_transformation(_organize(columns))
    for column in columns:
        if properties := column.properties():
            panel.override_by_name(column.title, properties)
    return panel


def _organize(columns: tuple[Column, ...]) -> DataTransformerConfig:
    return DataTransformerConfig(
        id_val="organize",
        options={
            "excludeByName": {"Time": True},
            "indexByName": {column.field: index for index, column in enumerate(columns)},
            "renameByName": {column.field: column.title for column in columns},
        },
    )
