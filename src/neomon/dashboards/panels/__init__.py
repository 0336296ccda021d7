"""The kinds of panels our dashboards are made of, each with one house style."""

from neomon.dashboards.panels.charts import heatmap, state_timeline, timeseries
from neomon.dashboards.panels.notes import alert_list, text
from neomon.dashboards.panels.numbers import bar_gauge, gauge, pie, stat
from neomon.dashboards.panels.tables import Column, table

__all__ = [
    "Column",
    "alert_list",
    "bar_gauge",
    "gauge",
    "heatmap",
    "pie",
    "stat",
    "state_timeline",
    "table",
    "text",
    "timeseries",
]
