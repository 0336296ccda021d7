"""Tenant Manager: how many tenants, what they use, and how its database copes."""

from __future__ import annotations

from typing import Final

from neomon.dashboards import colours, events, thresholds, variables
from neomon.dashboards.board import Board, section
from neomon.dashboards.boards import database, requests
from neomon.dashboards.panels import Column, bar_gauge, pie, stat, table, timeseries
from neomon.dashboards.panels.frame import PanelBuilder
from neomon.dashboards.queries import now, rows, select, series, share

PLATFORM: Final = 'job="platform"'
"""Business figures count only as told by the platform's own exporter; a stack may export any name it likes."""
SERVICE: Final = 'service="tenant-manager"'
INSTANCE: Final = 'instance=~"$instance"'
TENANT: Final = 'tenant=~"$tenant"'
USAGE: Final = "tenant_manager_resource_usage"
QUOTA: Final = "tenant_manager_resource_quota"
TENANT_COLOURS: Final = {"active": colours.GOOD, "suspended": colours.WARNING, "pending": colours.NEUTRAL}
RESOURCES: Final = (
    ("cpu_cores", "CPU cores", "short"),
    ("memory_bytes", "Memory", "bytes"),
    ("storage_bytes", "Storage", "bytes"),
    ("stacks", "Stacks", "short"),
)
"""Kind of resource, its name, its unit."""


def _now() -> tuple[PanelBuilder, ...]:
    return (
        requests.status_stat("the Tenant Manager", SERVICE),
        requests.alerts_stat("Alerts firing", "critical|warning", SERVICE),
        requests.error_stat(SERVICE),
        requests.p95_stat("P95", SERVICE),
        stat(
            "Active tenants",
            "Tenants with status active. A fall without a cancellation to explain it: see Tenants by status for who "
            "was suspended.",
            series(f"sum({select('platform:tenants_active:count')})", "Active"),
            unit="short",
            colour=colours.NEUTRAL,
        ),
        stat(
            "Tenants created, 24 h",
            "Tenants created during the last day. None on a working day: try the sign-up by hand.",
            series(f"sum({select('platform:tenants_created:increase1d')})", "Created"),
            unit="short",
            colour=colours.NEUTRAL,
            decimals=0,
        ),
    )


def _tenants() -> tuple[PanelBuilder, ...]:
    return (
        timeseries(
            "Tenant creation rate",
            "Tenants created in each hour and each day before a point in time. Compare with sales and with failed "
            "deployments: a tenant that cannot be set up is not created.",
            series(f"sum(increase({select('tenant_manager_tenants_created', PLATFORM)}[1h]))", "each hour"),
            series(f"sum({select('platform:tenants_created:increase1d')})", "each day"),
            unit="short",
            w=8,
        ),
        timeseries(
            "Tenants by status",
            "Tenants that are active, suspended, pending. A growing share of pending ones: setting up new tenants is "
            "stuck, see the Stack Deployer's queue.",
            series(f"count by (status) ({select('tenant_manager_tenants', PLATFORM)})", "{{status}}"),
            unit="short",
            stacked=True,
            series_colours={f"/{status}/": colour for status, colour in TENANT_COLOURS.items()},
            w=8,
        ),
        pie(
            "Tenants",
            "How the tenants divide by status now. Nearly all should be active.",
            now(f"count by (status) ({select('tenant_manager_tenants', PLATFORM)})", "{{status}}"),
            unit="short",
            series_colours=TENANT_COLOURS,
            w=4,
        ),
        stat(
            "Invoices, 24 h",
            "Invoices issued in a day, at the average rate of the last one. None on a billing day: the billing job did "
            "not run.",
            series(f"sum({select('platform:billing_invoices:rate1d')}) * 86400", "Invoices"),
            unit="short",
            colour=colours.NEUTRAL,
            decimals=0,
            no_value="no invoices",
            h=8,
        ),
    )


def _resources() -> tuple[PanelBuilder, ...]:
    quota_used = share(
        f"sum by (tenant, resource_type) ({select(USAGE, PLATFORM, TENANT)})",
        f"sum by (tenant, resource_type) ({select(QUOTA, PLATFORM, TENANT)})",
    )
    return (
        table(
            "Resource usage against quota",
            "Each tenant's share of its quota, fullest first; amber from 80 %, red when full, where the Tenant Manager "
            "refuses more. Click a tenant for its own dashboard.",
            rows(quota_used),
            columns=(
                Column("tenant", "Tenant", link=("tenant-overview", "tenant")),
                Column("resource_type", "Resource"),
                Column("Value", "Used", unit="percentunit", limit=thresholds.QUOTA, decimals=1),
            ),
            sort="Used",
            w=8,
        ),
        bar_gauge(
            "Fullest quotas",
            "The ten fullest quotas. Talk to a tenant near its limit before it runs into it.",
            now(f"sort_desc(topk(10, {quota_used}))", "{{tenant}} {{resource_type}}"),
            unit="percentunit",
            limit=thresholds.QUOTA,
            maximum=1,
            w=8,
        ),
        timeseries(
            "Fullest quota by tenant",
            "Each tenant's fullest quota over time. Extend the line to see when it will be full.",
            series(f"max by (tenant) ({quota_used})", "{{tenant}}"),
            unit="percentunit",
            limit=thresholds.QUOTA,
            w=8,
        ),
        *(_resource(kind, name, unit) for kind, name, unit in RESOURCES),
    )


def _resource(kind: str, name: str, unit: str) -> PanelBuilder:
    matcher = f'resource_type="{kind}"'
    return timeseries(
        f"{name} in use",
        f"{name} in use by all tenants together, the basis for planning capacity.",
        series(f"sum({select('resource_type:tenant_manager_resource_usage:sum', matcher)})", "all tenants"),
        unit=unit,
        w=6,
        h=6,
    )


def _requests() -> tuple[PanelBuilder, ...]:
    return (
        requests.by_status(SERVICE),
        requests.error_ratio_chart("Error rate", SERVICE, legend="5xx"),
        requests.quantiles_chart("Latency P50, P95, P99", SERVICE),
        requests.duration_heatmap("Latency distribution", SERVICE, INSTANCE),
    )


BOARD = Board(
    uid="tenant-manager",
    description="How many tenants there are, what they use, and how the Tenant Manager's database copes.",
    tags=("service",),
    variables=(
        variables.datasource(),
        variables.environment(),
        requests.instance_variable("the Tenant Manager", SERVICE),
        variables.choices("tenant", "Tenant", "Tenants to show under Resource usage", USAGE, PLATFORM),
    ),
    annotations=(
        events.DEPLOYMENTS,
        events.CONFIGURATION,
        events.BACKUPS,
        events.firing_alerts('service=~"tenant-manager|postgresql|redis"'),
    ),
    sections=(
        section("The Tenant Manager now", *_now()),
        section("Database connections", *database.connections(INSTANCE)),
        section("Query performance", *database.queries(INSTANCE)),
        section("Tenants", *_tenants()),
        section("Resource usage", *_resources()),
        section("Requests", *_requests()),
        section("Instances", *requests.instance_panels(SERVICE, INSTANCE)),
    ),
)
