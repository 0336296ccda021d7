"""Platform Overview: is anything wrong, and where to look next."""

from __future__ import annotations

from neomon.dashboards import colours, events, thresholds, variables
from neomon.dashboards.board import Board, section
from neomon.dashboards.boards import changes, requests
from neomon.dashboards.boards.alerts import firing_table
from neomon.dashboards.panels import Column, alert_list, bar_gauge, heatmap, stat, state_timeline, table, timeseries
from neomon.dashboards.panels.frame import PanelBuilder
from neomon.dashboards.queries import buckets, now, rows, select, series

CHOSEN = ('service=~"$service"', 'tenant=~"$tenant"')
NAME = "{{service}} {{tenant}}"


def _health() -> tuple[PanelBuilder, ...]:
    up = requests.up(*CHOSEN)
    return (
        stat(
            "Targets down",
            "Scrape targets that did not answer their last scrape. Anything but zero: the state timeline below shows "
            "which service and since when.",
            now(f"count({up}) - sum({up})", "Down"),
            unit="none",
            limit=thresholds.ANY_IS_CRITICAL,
            trend=False,
            no_value="no targets",
        ),
        requests.alerts_stat("Critical alerts", "critical"),
        requests.alerts_stat("Warnings", "warning", critical=False),
        requests.error_stat(*CHOSEN),
        requests.p95_stat("Slowest P95", *CHOSEN),
        requests.rate_stat("Requests", *CHOSEN),
        firing_table('severity=~"critical|warning"', w=16),
        alert_list(
            "Alerts and what is about to fire",
            "Firing and pending alerts. Pending means the condition holds but not yet for long enough: a chance to act "
            "before anyone is paged.",
            labels='{severity=~"critical|warning"}',
            w=8,
        ),
    )


def _status() -> tuple[PanelBuilder, ...]:
    wanted = requests.up(*CHOSEN)
    return (
        state_timeline(
            "Service status",
            "Whether every instance of each service answered its scrapes. Red: the service, or the way to it, is down; "
            "one red bar alone is that service, many at once are a machine or the network.",
            series(f"min by (service, tenant) ({wanted})", NAME),
            names=requests.UP_NAMES,
            no_value="no targets",
            w=12,
            h=12,
        ),
        table(
            "Services",
            "Every service that answers requests, the worst first. Click a name to see only that service here.",
            rows(f"max by (service, tenant) ({select(requests.ERROR_RATIO, *CHOSEN)})"),
            rows(f"max by (service, tenant) ({select('service:http_request_duration_seconds:p95_5m', *CHOSEN)})"),
            rows(f"sum by (service, tenant) ({select(requests.REQUESTS, *CHOSEN)})"),
            columns=(
                Column("service", "Service", link=("platform-overview", "service")),
                Column("tenant", "Tenant", link=("tenant-overview", "tenant")),
                Column("Value #A", "Errors", unit="percentunit", limit=thresholds.ERROR_RATIO, decimals=2),
                Column("Value #B", "P95", unit="s", limit=thresholds.LATENCY, decimals=2),
                Column("Value #C", "Requests", unit="reqps", decimals=1),
            ),
            sort="Errors",
            no_value=requests.NO_REQUESTS,
            w=12,
            h=12,
        ),
    )


def _traffic() -> tuple[PanelBuilder, ...]:
    return (
        timeseries(
            "Request rate by service",
            "Requests each second by service, stacked. A service that falls to nothing while those before it do not "
            "has lost its callers or its route.",
            series(select(requests.REQUESTS, *CHOSEN), NAME),
            unit="reqps",
            stacked=True,
            no_value=requests.NO_REQUESTS,
        ),
        requests.by_status(*CHOSEN),
    )


def _errors() -> tuple[PanelBuilder, ...]:
    return (
        requests.error_ratio_chart("Error rate by service", *CHOSEN),
        timeseries(
            "Errors by service",
            "Requests answered 5xx each second. Tells how many people an error rate means: 50 % of two requests an "
            "hour can wait, 5 % of a thousand a second cannot.",
            series(select(requests.ERRORS, *CHOSEN), NAME),
            unit="reqps",
            no_value=requests.NO_REQUESTS,
        ),
    )


def _latency() -> tuple[PanelBuilder, ...]:
    return (
        timeseries(
            "Response time P95 by service",
            "95 of 100 requests are answered within this time. The dashed line is 2 s, where HighLatency fires. Slow "
            "callers of a slow service are slow too: start with the one deepest in the chain.",
            series(select("service:http_request_duration_seconds:p95_5m", *CHOSEN), NAME),
            unit="s",
            limit=thresholds.LATENCY,
            no_value=requests.NO_REQUESTS,
            w=8,
        ),
        requests.quantiles_chart("Slowest service P50, P95, P99", *CHOSEN, w=8),
        heatmap(
            "Response times",
            "How the response times of all chosen services spread; darker is more requests.",
            buckets(
                f"sum by (le) ({select('service:http_request_duration_seconds_bucket:rate5m', *CHOSEN)})",
                exemplars=False,
            ),
            w=8,
        ),
    )


def _objectives() -> tuple[PanelBuilder, ...]:
    return (
        bar_gauge(
            "Error budget burn, 1 h",
            "How fast the last hour used up the error budget of 99.9 % success: 1 uses exactly the budget over its "
            "period, 14.4 uses it in two days and pages (ErrorBudgetBurnFast).",
            now(select("service:slo_errors_burn:rate1h", *CHOSEN), NAME),
            unit="none",
            limit=thresholds.BURN,
            maximum=20,
            no_value=requests.NO_REQUESTS,
            w=6,
        ),
        bar_gauge(
            "Latency budget burn, 1 h",
            "How fast the last hour used up the budget of 99 % of requests under 2 s: 1 uses exactly the budget over "
            "its period, 14.4 pages (LatencyBudgetBurnFast).",
            now(select("service:slo_latency_burn:rate1h", *CHOSEN), NAME),
            unit="none",
            limit=thresholds.BURN,
            maximum=20,
            no_value=requests.NO_REQUESTS,
            w=6,
        ),
        timeseries(
            "Error budget burn, 6 h",
            "The slow burn: above 1 for long, the objective will be missed without anyone having been paged. Plan the "
            "repair before new features.",
            series(select("service:slo_errors_burn:rate6h", *CHOSEN), NAME),
            unit="none",
            limit=thresholds.BURN,
            no_value=requests.NO_REQUESTS,
        ),
    )


def _monitoring() -> tuple[PanelBuilder, ...]:
    heartbeat = select("neomon_heartbeat_last_timestamp_seconds", 'name="watchdog"')
    return (
        stat(
            "Watchdog heartbeat",
            "Time since the alert that always fires last came back to us. Amber: alerts may not reach anyone; check "
            "Prometheus, then Alertmanager, with `neomon status`.",
            now(f"time() - max({heartbeat})", "Age"),
            unit="s",
            limit=thresholds.HEARTBEAT,
            trend=False,
            no_value="never heard",
            w=6,
        ),
        stat(
            "Configuration",
            "Whether Prometheus and Alertmanager accepted their last configuration. Rejected: `neomon check` names the "
            "file and line; the old configuration stays in force.",
            now(
                f"min({select('prometheus_config_last_reload_successful')} "
                f"or {select('alertmanager_config_last_reload_successful')})",
                "Configuration",
            ),
            unit="none",
            names={"0": ("Rejected", colours.CRITICAL), "1": ("In force", colours.GOOD)},
            limit=thresholds.ALL_UP,
            trend=False,
            w=6,
        ),
        stat(
            "Failed rule evaluations, 1 h",
            "Rules that could not be evaluated in the last hour; their alerts are blind meanwhile. Prometheus' log "
            "names the rule.",
            now(f"sum(increase({select('prometheus_rule_evaluation_failures_total')}[1h]))", "Failures"),
            unit="short",
            limit=thresholds.ANY_IS_CRITICAL,
            trend=False,
            w=6,
        ),
        stat(
            "Undelivered notifications, 1 h",
            "Notifications Alertmanager failed to deliver in the last hour, retries included. Check the mail server, "
            "the chat address and neomon's webhook.",
            now(f"sum(increase({select('alertmanager_notifications_failed_total')}[1h]))", "Failures"),
            unit="short",
            limit=thresholds.ANY_IS_CRITICAL,
            trend=False,
            w=6,
        ),
    )


BOARD = Board(
    uid="platform-overview",
    description="Is anything wrong on the platform, and where to look next.",
    tags=("overview",),
    variables=(
        variables.datasource(),
        variables.environment(),
        variables.choices("service", "Service", "Services to show", "up"),
        variables.choices(
            "tenant", "Tenant", "Tenants whose own stacks to show; All includes the platform", "up", 'tenant!=""'
        ),
    ),
    annotations=(
        events.DEPLOYMENTS,
        events.CONFIGURATION,
        events.BACKUPS,
        events.firing_alerts(),
    ),
    sections=(
        section("System health", *_health()),
        section("Service status", *_status()),
        section("Request rates", *_traffic()),
        section("Error rates", *_errors()),
        section("Response times", *_latency()),
        section("Service levels", *_objectives()),
        section("What changed", *changes.tables()),
        section("The monitoring itself", *_monitoring()),
    ),
)
