"""Panels of containers and supervised services (cAdvisor's metric names)."""

from __future__ import annotations

from typing import Final

from neomon.dashboards import colours, thresholds
from neomon.dashboards.panels import Column, table, timeseries
from neomon.dashboards.panels.frame import PanelBuilder
from neomon.dashboards.queries import rate, rows, select, series

CHOSEN: Final = ('name=~"$container"', 'name!=""')
CPU: Final = "name:container_cpu_usage_cores:rate5m"
MEMORY: Final = "name:container_memory_working_set_bytes:sum"
NO_CONTAINERS: Final = "no containers"


def panels() -> tuple[PanelBuilder, ...]:
    """Who uses what, and who was throttled or killed."""
    return (_stats(), *_charts())


def _stats() -> PanelBuilder:
    limit = f"max by (name) ({select('container_spec_memory_limit_bytes', *CHOSEN)} > 0)"
    return table(
        "Container stats",
        "Every container with what it uses now. Memory near its limit ends in an OOM kill; a recent start nobody asked "
        "for is a crash.",
        rows(f"sum by (name) ({select(CPU, *CHOSEN)})"),
        rows(f"sum by (name) ({select(MEMORY, *CHOSEN)})"),
        rows(
            f"sum by (name) ({select(MEMORY, *CHOSEN)}) / on (name) {limit}",
            may_be_empty="no container has a memory limit",
        ),
        rows(f"sum by (name) ({select('container_processes', *CHOSEN)})"),
        rows(f"max by (name) ({select('container_start_time_seconds', *CHOSEN)}) * 1000"),
        rows(f"sum by (name) (increase({select('container_oom_events_total', *CHOSEN)}[1h]))"),
        columns=(
            Column("name", "Container"),
            Column("Value #A", "CPU cores", unit="short", decimals=3),
            Column("Value #B", "Memory", unit="bytes", decimals=1),
            Column("Value #C", "Of its limit", unit="percentunit", limit=thresholds.MEMORY, decimals=1),
            Column("Value #D", "Processes", unit="short"),
            Column("Value #E", "Started", unit="dateTimeFromNow"),
            Column("Value #F", "OOM kills, 1 h", unit="short", limit=thresholds.ANY_IS_WARNING, decimals=0),
        ),
        sort="Memory",
        no_value=NO_CONTAINERS,
        w=24,
        h=10,
    )


def _charts() -> tuple[PanelBuilder, ...]:
    throttled = rate("container_cpu_cfs_throttled_seconds_total", *CHOSEN)
    read = rate("container_fs_reads_bytes_total", *CHOSEN)
    written = rate("container_fs_writes_bytes_total", *CHOSEN)
    return (
        timeseries(
            "Container CPU",
            "Cores each container keeps busy. The widest band on a machine whose CPU is full is what to move or limit.",
            series(f"sum by (name) ({select(CPU, *CHOSEN)})", "{{name}}"),
            unit="short",
            stacked=True,
            no_value=NO_CONTAINERS,
            w=6,
        ),
        timeseries(
            "Container memory",
            "Working set of each container: what the kernel cannot take back. A line that only rises is a leak.",
            series(f"sum by (name) ({select(MEMORY, *CHOSEN)})", "{{name}}"),
            unit="bytes",
            stacked=True,
            no_value=NO_CONTAINERS,
            w=6,
        ),
        timeseries(
            "Container disk I/O",
            "Bytes each container reads (upwards) and writes (downwards) each second. A widening band here and a busy "
            "disk above belong together.",
            series(f"sum by (name) ({read})", "{{name}} read"),
            series(f"sum by (name) ({written})", "{{name}} written"),
            unit="Bps",
            minimum=None,
            below_axis="/written/",
            no_value=NO_CONTAINERS,
            w=6,
        ),
        timeseries(
            "Container CPU throttling",
            "Seconds each second a container had to wait because it used up its CPU quota. Above zero for long, it is "
            "slow by configuration: raise the quota.",
            series(
                f"sum by (name) ({throttled})", "{{name}}", may_be_empty="without CPU quotas the kernel reports nothing"
            ),
            unit="s",
            series_colours={"/.*/": colours.WARNING},
            no_value="no CPU quotas",
            w=6,
        ),
    )
