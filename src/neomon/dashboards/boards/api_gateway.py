"""API Gateway: what comes in, what is refused, what fails, what is slow."""

from __future__ import annotations

from typing import Final

from neomon.dashboards import colours, events, thresholds, variables
from neomon.dashboards.board import Board, section
from neomon.dashboards.boards import requests
from neomon.dashboards.panels import Column, bar_gauge, pie, stat, table, timeseries
from neomon.dashboards.panels.frame import PanelBuilder
from neomon.dashboards.queries import now, or_zero, quantile, rate, rows, select, series, share

SERVICE: Final = 'service="api-gateway"'
INSTANCE: Final = 'instance=~"$instance"'
TENANT: Final = 'tenant=~"$tenant"'
DECISIONS: Final = "api_gateway_rate_limit_decisions_total"
DECISION_COLOURS: Final = {"/allowed/": colours.GOOD, "/limited/": colours.WARNING}
ENDPOINTS: Final = 15
"""Endpoints in the table of the busiest."""


def _limited_share(by: str = "") -> str:
    aggregate = f"sum by ({by})" if by else "sum"
    every = f"{aggregate} ({rate(DECISIONS, SERVICE, TENANT)})"
    return share(or_zero(_limited(aggregate), every), every)


def _limited(aggregate: str) -> str:
    matcher = 'decision="limited"'
    return f"{aggregate} ({rate(DECISIONS, SERVICE, TENANT, matcher)})"


def _now() -> tuple[PanelBuilder, ...]:
    return (
        requests.status_stat("the API Gateway", SERVICE),
        requests.alerts_stat("Alerts firing", "critical|warning", SERVICE),
        requests.error_stat(SERVICE),
        requests.p95_stat("P95", SERVICE),
        requests.rate_stat("Requests", SERVICE),
        stat(
            "Limited requests",
            "Share of requests refused because a tenant went over its rate limit. A little is normal; a jump is one "
            "tenant's runaway client or a limit set too low: see Rate limiting.",
            series(_limited_share(), "Limited"),
            unit="percentunit",
            colour=colours.WARNING,
            decimals=2,
            no_value=requests.NO_REQUESTS,
        ),
    )


def _requests() -> tuple[PanelBuilder, ...]:
    return (
        requests.by_status(SERVICE),
        timeseries(
            "Requests by method",
            "Requests each second by HTTP method. More writes than usual load the services behind far more than reads.",
            series(f"sum by (method) ({rate('http_requests_total', SERVICE, INSTANCE)})", "{{method}}"),
            unit="reqps",
            stacked=True,
            no_value=requests.NO_REQUESTS,
            w=6,
        ),
        timeseries(
            "Requests in flight",
            "Requests being answered at this moment, all chosen instances together. Rising without more traffic: a "
            "service behind has slowed down, see Upstream latency.",
            series(f"sum({select('http_requests_in_flight', SERVICE, INSTANCE)})", "in flight"),
            unit="short",
            w=6,
        ),
    )


def _errors() -> tuple[PanelBuilder, ...]:
    matcher = 'status=~"5.."'
    by_route = or_zero(
        f"sum by (route) ({rate('http_requests_total', SERVICE, INSTANCE, matcher)})",
        f"sum by (route) ({rate('http_requests_total', SERVICE, INSTANCE)})",
    )
    upstream = or_zero(
        f"sum by (upstream) ({rate('api_gateway_upstream_errors_total', SERVICE, INSTANCE)})",
        f"sum by (upstream) ({rate('api_gateway_upstream_request_duration_seconds_count', SERVICE, INSTANCE)})",
    )
    return (
        requests.error_ratio_chart("Error rate", SERVICE, legend="5xx", w=8),
        timeseries(
            "Errors by route",
            "Requests answered 5xx each second, by route. One route alone: its handler or the service it leads to; all "
            "routes: the gateway itself.",
            series(by_route, "{{route}}"),
            unit="reqps",
            no_value=requests.NO_REQUESTS,
            w=8,
        ),
        timeseries(
            "Upstream errors",
            "Calls to the services behind that failed, each second. The service named here is where to look, on its "
            "own dashboard.",
            series(upstream, "{{upstream}}"),
            unit="reqps",
            no_value=requests.NO_REQUESTS,
            w=8,
        ),
    )


def _latency() -> tuple[PanelBuilder, ...]:
    return (
        requests.quantiles_chart("Latency P50, P95, P99", SERVICE, w=8),
        requests.duration_heatmap("Latency distribution", SERVICE, INSTANCE, w=8),
        timeseries(
            "Upstream latency P95",
            f"P95 of the calls to each service behind. {requests.EXEMPLAR_NOTE}A line as high as the gateway's own P95 "
            "is the cause of it.",
            series(
                quantile(0.95, "upstream", "api_gateway_upstream_request_duration_seconds", SERVICE, INSTANCE),
                "{{upstream}}",
                exemplars=True,
            ),
            unit="s",
            limit=thresholds.LATENCY,
            no_value=requests.NO_REQUESTS,
            w=8,
        ),
    )


def _rate_limiting() -> tuple[PanelBuilder, ...]:
    by_tenant = f"sum by (tenant) ({rate(DECISIONS, SERVICE, TENANT)})"
    limit = f"max by (tenant) ({select('api_gateway_rate_limit_requests_per_second', SERVICE, TENANT)})"
    return (
        timeseries(
            "Rate limit decisions",
            "Requests let through (green) and refused with 429 (amber) each second.",
            series(f"sum by (decision) ({rate(DECISIONS, SERVICE, TENANT)})", "{{decision}}"),
            unit="reqps",
            stacked=True,
            series_colours=DECISION_COLOURS,
            no_value=requests.NO_REQUESTS,
            w=8,
        ),
        timeseries(
            "Limited share by tenant",
            "Share of each tenant's requests that were refused. One tenant alone: talk to it about its client, or "
            "raise its limit.",
            series(_limited_share("tenant"), "{{tenant}}"),
            unit="percentunit",
            no_value=requests.NO_REQUESTS,
            w=8,
        ),
        bar_gauge(
            "Limit in use by tenant",
            "Each tenant's requests as a share of its limit, averaged over the resolution. Amber from 80 %: the next "
            "peak will be refused in part.",
            now(f"{by_tenant} / {limit}", "{{tenant}}"),
            unit="percentunit",
            limit=thresholds.QUOTA,
            maximum=1,
            no_value=requests.NO_REQUESTS,
            w=4,
        ),
        pie(
            "Requests by tenant",
            "Who sends the traffic now. A tenant that suddenly makes up most of it is worth a look.",
            now(by_tenant, "{{tenant}}"),
            unit="reqps",
            no_value=requests.NO_REQUESTS,
            w=4,
        ),
    )


def _endpoints() -> tuple[PanelBuilder, ...]:
    matcher = 'status=~"5.."'
    busiest = f"topk({ENDPOINTS}, sum by (route) ({select('service_route:http_requests:rate5m', SERVICE)}))"
    p95 = f"max by (route) ({select('service_route:http_request_duration_seconds:p95_5m', SERVICE)})"
    every = f"sum by (route) (rate({select('http_requests_total', SERVICE)}[5m]))"
    failed = f"sum by (route) (rate({select('http_requests_total', SERVICE, matcher)}[5m]))"
    return (
        table(
            "Top endpoints",
            f"The {ENDPOINTS} busiest routes with their errors and P95 over five minutes. Sort by Errors or P95 to "
            "find the worst; a busy, slow route is the best one to make faster.",
            rows(busiest),
            rows(f"{share(or_zero(failed, every), every)} and on (route) {busiest}"),
            rows(f"{p95} and on (route) {busiest}"),
            columns=(
                Column("route", "Route"),
                Column("Value #A", "Requests", unit="reqps", decimals=2),
                Column("Value #B", "Errors", unit="percentunit", limit=thresholds.ERROR_RATIO, decimals=2),
                Column("Value #C", "P95", unit="s", limit=thresholds.LATENCY, decimals=3),
            ),
            sort="Requests",
            no_value=requests.NO_REQUESTS,
            w=14,
            h=10,
        ),
        bar_gauge(
            "Slowest endpoints P95",
            "The ten routes with the highest P95 over five minutes, red above 2 s. A slow route that is hardly called "
            "can wait; one that Top endpoints also lists cannot.",
            now(f"sort_desc(topk(10, {p95}))", "{{route}}"),
            unit="s",
            limit=thresholds.LATENCY,
            no_value=requests.NO_REQUESTS,
            w=10,
            h=10,
        ),
    )


BOARD = Board(
    uid="api-gateway",
    description="What comes in through the API Gateway, what is refused, what fails and what is slow.",
    tags=("service",),
    variables=(
        variables.datasource(),
        variables.environment(),
        requests.instance_variable("the gateway", SERVICE),
        variables.choices("tenant", "Tenant", "Tenants whose requests to show under Rate limiting", DECISIONS, SERVICE),
    ),
    annotations=(
        events.DEPLOYMENTS,
        events.CONFIGURATION,
        events.BACKUPS,
        events.firing_alerts(SERVICE),
    ),
    sections=(
        section("The gateway now", *_now()),
        section("Error rates", *_errors()),
        section("Latency", *_latency()),
        section("Request metrics", *_requests()),
        section("Rate limiting", *_rate_limiting()),
        section("Top endpoints", *_endpoints()),
        section("Instances", *requests.instance_panels(SERVICE, INSTANCE)),
    ),
)
