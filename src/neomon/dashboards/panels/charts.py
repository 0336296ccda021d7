"""Panels that show how a figure moved."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import heatmap as heatmaps
from grafana_foundation_sdk.builders import statetimeline
from grafana_foundation_sdk.builders import timeseries as charts
from grafana_foundation_sdk.builders.common import (
    GraphThresholdsStyleConfig,
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import FieldColor
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from neomon.dashboards import colours, thresholds
from neomon.dashboards.panels.frame import NO_DATA, framed, value_names
from neomon.dashboards.queries import Query
from neomon.dashboards.thresholds import Limit


def timeseries(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    limit: Limit | None = None,
    stacked: bool = False,
    minimum: float | None = 0,
    maximum: float | None = None,
    series_colours: Mapping[str, str] | None = None,
    below_axis: str | None = None,
    no_value: str = NO_DATA,
    w: int = 12,
    h: int = 8,
) -> charts.Panel:
    """Lines over time; a limit is drawn as a dashed line where its alert fires.

    `series_colours` maps a regular expression on series names to a colour. Series matching `below_axis` are drawn
    downwards (what is written, sent), which needs `minimum=None`.
    """
    panel = (
        framed(charts.Panel(), title, description, queries, w=w, h=h, no_value=no_value)
        .unit(unit)
        .color_scheme(FieldColor().mode(colours.PALETTE))
        .line_width(1)
        .fill_opacity(35 if stacked else 8)
        .gradient_mode(common.GraphGradientMode.NONE)
        .show_points(common.VisibilityMode.NEVER)
        .line_interpolation(common.LineInterpolation.LINEAR)
        .stacking(StackingConfig().mode(common.StackingMode.NORMAL if stacked else common.StackingMode.NONE))
        .thresholds((limit or thresholds.NONE).config())
        .thresholds_style(
            GraphThresholdsStyleConfig().mode(
                common.GraphThresholdsStyleMode.DASHED if limit else common.GraphThresholdsStyleMode.OFF
            )
        )
        .legend(_legend())
        .tooltip(VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
    )
    if minimum is not None:
        panel.min(minimum)
    if maximum is not None:
        panel.max(maximum)
    for pattern, colour in (series_colours or {}).items():
        panel.override_by_regexp(pattern, [colours.property_of(colour)])
    if below_axis:
        panel.override_by_regexp(below_axis, [DynamicConfigValue(id_val="custom.transform", value="negative-Y")])
    return panel


def _legend() -> VizLegendOptions:
    return (
        VizLegendOptions()
        .display_mode(common.LegendDisplayMode.TABLE)
        .placement(common.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs(["lastNotNull", "mean", "max"])
        .sort_by("Max")
        .sort_desc(True)
    )


def heatmap(title: str, description: str, query: Query, *, unit: str = "s", w: int = 12, h: int = 8) -> heatmaps.Panel:
    """How a histogram's observations spread over its buckets; the darker, the more."""
    return (
        framed(heatmaps.Panel(), title, description, (query,), w=w, h=h)
        .unit(unit)
        .calculate(False)
        .color(
            heatmaps.HeatmapColorOptions()
            .mode(heatmap_models.HeatmapColorMode.SCHEME)
            .scheme("Oranges")
            .scale(heatmap_models.HeatmapColorScale.EXPONENTIAL)
            .exponent(0.5)
            .steps(64)
            .reverse(False)
        )
        .cell_gap(1)
        .cell_values(heatmaps.CellValues().unit("reqps"))
        .filter_values(heatmaps.FilterValueRange().le(1e-9))
        .rows_frame(heatmaps.RowsHeatmapOptions().layout(common.HeatmapCellLayout.AUTO))
        .y_axis(heatmaps.YAxisConfig().unit(unit).axis_placement(common.AxisPlacement.LEFT))
        .mode(common.TooltipDisplayMode.SINGLE)
        .show_y_histogram()
        .exemplars_color("rgba(255,0,255,0.7)")
    )


def state_timeline(
    title: str,
    description: str,
    *queries: Query,
    names: Mapping[str, tuple[str, str]],
    no_value: str = NO_DATA,
    w: int = 24,
    h: int = 8,
) -> statetimeline.Panel:
    """Which state each thing was in, as bars over time."""
    return (
        framed(statetimeline.Panel(), title, description, queries, w=w, h=h, no_value=no_value)
        .unit("none")
        .mappings(value_names(names))
        .thresholds(thresholds.steps((None, colours.QUIET)))
        .color_scheme(FieldColor().mode(colours.BY_THRESHOLD))
        .fill_opacity(80)
        .line_width(0)
        .row_height(0.85)
        .merge_values(True)
        .show_value(common.VisibilityMode.NEVER)
        .align_value(common.TimelineValueAlignment.LEFT)
        .legend(
            VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(VizTooltipOptions().mode(common.TooltipDisplayMode.SINGLE).sort(common.SortOrder.NONE))
    )
