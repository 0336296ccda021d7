"""Tenant Overview: one tenant's services, its alerts, and what it uses of its quota."""

from __future__ import annotations

from typing import Final

from neomon.dashboards import colours, events, thresholds, variables
from neomon.dashboards.board import Board, section
from neomon.dashboards.boards import requests
from neomon.dashboards.boards.alerts import firing_table
from neomon.dashboards.boards.tenant_manager import PLATFORM, QUOTA, RESOURCES, USAGE
from neomon.dashboards.panels import bar_gauge, stat, state_timeline, timeseries
from neomon.dashboards.panels.frame import PanelBuilder
from neomon.dashboards.queries import now, or_zero, rate, select, series, share

TENANT: Final = 'tenant="$tenant"'
CHOSEN: Final = (TENANT, 'service=~"$service"')
QUOTA_USED: Final = share(
    f"sum by (resource_type) ({select(USAGE, PLATFORM, TENANT)})",
    f"sum by (resource_type) ({select(QUOTA, PLATFORM, TENANT)})",
)


def _now() -> tuple[PanelBuilder, ...]:
    up = requests.up(*CHOSEN)
    return (
        stat(
            "Services down",
            "Instances of this tenant's services that did not answer. Anything but zero: the timeline below shows "
            "which and since when.",
            now(f"count({up}) - sum({up})", "Down"),
            unit="none",
            limit=thresholds.ANY_IS_CRITICAL,
            trend=False,
            no_value="no services",
        ),
        requests.alerts_stat("Alerts firing", "critical|warning", TENANT),
        requests.error_stat(*CHOSEN),
        requests.p95_stat("Slowest P95", *CHOSEN),
        requests.rate_stat("Requests", *CHOSEN),
        stat(
            "Fullest quota",
            "The quota this tenant has used most of; amber from 80 %, red when full, where more is refused.",
            series(f"max({QUOTA_USED})", "Used"),
            unit="percentunit",
            limit=thresholds.QUOTA,
            decimals=1,
            no_value="no quota",
        ),
    )


def _traffic() -> tuple[PanelBuilder, ...]:
    return (
        timeseries(
            "Requests by service",
            "Requests each second to each of this tenant's services. A service that falls to nothing has lost "
            "its callers.",
            series(f"sum by (service) ({select(requests.REQUESTS, *CHOSEN)})", "{{service}}"),
            unit="reqps",
            stacked=True,
            no_value=requests.NO_REQUESTS,
            w=8,
        ),
        requests.by_status(*CHOSEN, w=8),
        requests.error_ratio_chart("Error rate by service", *CHOSEN, legend="{{service}}", w=8),
    )


def _latency() -> tuple[PanelBuilder, ...]:
    return (
        requests.quantiles_chart("Latency P50, P95, P99", *CHOSEN, w=8),
        requests.duration_heatmap("Latency distribution", *CHOSEN, w=8),
        requests.latency_by_instance(*CHOSEN, w=8),
    )


def _resources() -> tuple[PanelBuilder, ...]:
    return (
        bar_gauge(
            "Resource usage against quota",
            "Share of each quota in use; amber from 80 %, red when full. Free something, or ask for a larger quota "
            "before it is needed.",
            now(QUOTA_USED, "{{resource_type}}"),
            unit="percentunit",
            limit=thresholds.QUOTA,
            maximum=1,
            no_value="no quota",
        ),
        timeseries(
            "Quota used over time",
            "Share of each quota in use over time. Extend the line to see when it will be full.",
            series(QUOTA_USED, "{{resource_type}}"),
            unit="percentunit",
            limit=thresholds.QUOTA,
            no_value="no quota",
            w=8,
        ),
        _gateway_limit(),
        *(_amount(kind, name, unit) for kind, name, unit in RESOURCES),
    )


def _gateway_limit() -> PanelBuilder:
    decisions = "api_gateway_rate_limit_decisions_total"
    limited = 'decision="limited"'
    every = f"sum({rate(decisions, TENANT)})"
    refused = f"sum({rate(decisions, TENANT, limited)})"
    return timeseries(
        "Requests refused by the rate limit",
        "Share of this tenant's requests the API Gateway refused with 429. More than a few percent: spread the "
        "requests, or ask for a higher limit.",
        series(share(or_zero(refused, every), every), "refused"),
        unit="percentunit",
        series_colours={"/refused/": colours.WARNING},
        no_value=requests.NO_REQUESTS,
        w=8,
    )


def _amount(kind: str, name: str, unit: str) -> PanelBuilder:
    matcher = f'resource_type="{kind}"'
    return timeseries(
        name,
        f"{name} in use (blue) and the quota (red). Where they meet, the Tenant Manager refuses more.",
        series(f"sum({select(USAGE, PLATFORM, TENANT, matcher)})", "used"),
        series(f"sum({select(QUOTA, PLATFORM, TENANT, matcher)})", "quota"),
        unit=unit,
        series_colours={"/used/": colours.NEUTRAL, "/quota/": colours.CRITICAL},
        no_value="no quota",
        w=6,
        h=6,
    )


BOARD = Board(
    uid="tenant-overview",
    description="One tenant: its services, its alerts, and what it uses of its quota.",
    tags=("tenant",),
    variables=(
        variables.datasource(),
        variables.environment(),
        variables.choice("tenant", "Tenant", "The tenant to show", "up", 'tenant!=""'),
        variables.choices("service", "Service", "The tenant's services to show", "up", TENANT),
    ),
    annotations=(events.firing_alerts(TENANT),),
    sections=(
        section("The tenant now", *_now()),
        section("Alerts", firing_table(TENANT, h=6)),
        section(
            "Service status",
            state_timeline(
                "Service status",
                "Whether every instance of each of this tenant's services answered its scrapes. Red: read its "
                "log from when the bar begins.",
                series(f"min by (service) ({requests.up(*CHOSEN)})", "{{service}}"),
                names=requests.UP_NAMES,
                no_value="no services",
                h=6,
            ),
        ),
        section("Requests and errors", *_traffic()),
        section("Latency", *_latency()),
        section("Resource usage", *_resources()),
    ),
)
