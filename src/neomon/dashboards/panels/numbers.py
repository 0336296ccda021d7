"""Panels that show where a figure stands now."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import bargauge, piechart
from grafana_foundation_sdk.builders import gauge as gauges
from grafana_foundation_sdk.builders import stat as stats
from grafana_foundation_sdk.builders.common import VizTooltipOptions
from grafana_foundation_sdk.builders.dashboard import FieldColor
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import piechart as pie_models

from neomon.dashboards import colours, thresholds
from neomon.dashboards.links import detail_link
from neomon.dashboards.panels.frame import NO_DATA, framed, last_value, value_names
from neomon.dashboards.queries import Query
from neomon.dashboards.thresholds import Limit


def stat(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    limit: Limit = thresholds.NONE,
    names: Mapping[str, tuple[str, str]] | None = None,
    colour: str | None = None,
    decimals: int | None = None,
    trend: bool = True,
    detail: str | None = None,
    no_value: str = NO_DATA,
    w: int = 4,
    h: int = 4,
) -> stats.Panel:
    """One figure, coloured by its limit (or always `colour`), with its trend behind it.

    `detail` is the uid of the dashboard that explains the figure.
    """
    panel = (
        framed(stats.Panel(), title, description, queries, w=w, h=h, no_value=no_value)
        .unit(unit)
        .thresholds(limit.config())
        .color_scheme(colours.fixed(colour) if colour else FieldColor().mode(colours.BY_THRESHOLD))
        .reduce_options(last_value())
        .color_mode(common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.AREA if trend else common.BigValueGraphMode.NONE)
        .text_mode(common.BigValueTextMode.AUTO)
        .justify_mode(common.BigValueJustifyMode.AUTO)
        .wide_layout(True)
    )
    if names:
        panel.mappings(value_names(names))
    if decimals is not None:
        panel.decimals(decimals)
    if detail:
        panel.links([detail_link(detail)])
    return panel


def gauge(
    title: str,
    description: str,
    *queries: Query,
    limit: Limit,
    unit: str = "percentunit",
    maximum: float = 1,
    no_value: str = NO_DATA,
    w: int = 6,
    h: int = 8,
) -> gauges.Panel:
    """How full something is, on a dial whose colours are its limits."""
    return (
        framed(gauges.Panel(), title, description, queries, w=w, h=h, no_value=no_value)
        .unit(unit)
        .min(0)
        .max(maximum)
        .thresholds(limit.config())
        .color_scheme(FieldColor().mode(colours.BY_THRESHOLD))
        .reduce_options(last_value())
        .show_threshold_markers(True)
        .show_threshold_labels(False)
    )


def bar_gauge(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    limit: Limit = thresholds.NONE,
    maximum: float | None = None,
    colour: str | None = None,
    no_value: str = NO_DATA,
    w: int = 8,
    h: int = 8,
) -> bargauge.Panel:
    """Several of a kind side by side, to see which stands out."""
    panel = (
        framed(bargauge.Panel(), title, description, queries, w=w, h=h, no_value=no_value)
        .unit(unit)
        .min(0)
        .thresholds(limit.config())
        .color_scheme(colours.fixed(colour) if colour else FieldColor().mode(colours.BY_THRESHOLD))
        .reduce_options(last_value())
        .display_mode(common.BarGaugeDisplayMode.BASIC)
        .orientation(common.VizOrientation.HORIZONTAL)
        .value_mode(common.BarGaugeValueMode.COLOR)
        .show_unfilled(True)
    )
    return panel.max(maximum) if maximum is not None else panel


def pie(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    series_colours: Mapping[str, str] | None = None,
    no_value: str = NO_DATA,
    w: int = 6,
    h: int = 8,
) -> piechart.Panel:
    """How a whole is divided now; only for a handful of parts."""
    panel = (
        framed(piechart.Panel(), title, description, queries, w=w, h=h, no_value=no_value)
        .unit(unit)
        .color_scheme(FieldColor().mode(colours.PALETTE))
        .reduce_options(last_value())
        .pie_type(pie_models.PieChartType.DONUT)
        .tooltip(VizTooltipOptions().mode(common.TooltipDisplayMode.SINGLE).sort(common.SortOrder.NONE))
        .legend(
            piechart.PieChartLegendOptions()
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
            .values([pie_models.PieChartLegendValues.VALUE, pie_models.PieChartLegendValues.PERCENT])
        )
    )
    for name, colour in (series_colours or {}).items():
        panel.override_by_name(name, [colours.property_of(colour)])
    return panel
