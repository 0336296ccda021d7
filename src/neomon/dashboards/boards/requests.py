"""Panels every HTTP service has: is it up, how much traffic, how many errors, how slow."""

from __future__ import annotations

from typing import Final

from neomon.dashboards import colours, thresholds, variables
from neomon.dashboards.panels import heatmap, stat, state_timeline, timeseries
from neomon.dashboards.panels.frame import PanelBuilder
from neomon.dashboards.queries import buckets, now, quantile, rate, select, series, share
from neomon.dashboards.variables import VariableBuilder

REQUESTS: Final = "service:http_requests:rate5m"
ERRORS: Final = "service:http_requests_errors:rate5m"
ERROR_RATIO: Final = "service:http_requests_errors:ratio_rate5m"
UP_NAMES: Final = {"0": ("Down", colours.CRITICAL), "1": ("Up", colours.GOOD)}
STATUS_COLOURS: Final = {
    "/^2/": colours.GOOD,
    "/^3/": colours.NEUTRAL,
    "/^4/": colours.WARNING,
    "/^5/": colours.CRITICAL,
}
"""Colour of an HTTP status by its first digit."""
QUANTILE_COLOURS: Final = {"/P50/": colours.GOOD, "/P95/": colours.WARNING, "/P99/": colours.CRITICAL}
NO_REQUESTS: Final = "no requests"
EXEMPLAR_NOTE: Final = "The dots are single requests with their trace id. "


def up(*matchers: str) -> str:
    """Targets and whether their last scrape succeeded; probes excluded, whose `up` only says the prober works."""
    return select("up", 'job!~"probe-.+"', *matchers)


def overall_error_ratio(*matchers: str) -> str:
    """Share of all requests answered 5xx, over every service together."""
    return share(f"sum({select(ERRORS, *matchers)})", f"sum({select(REQUESTS, *matchers)})")


def instance_variable(name: str, service: str) -> VariableBuilder:
    """The choice of a service's instances."""
    return variables.choices(
        "instance", "Instance", f"Instances of {name}, for the raw figures", "up", service, 'job!~"probe-.+"'
    )


def status_stat(name: str, *matchers: str) -> PanelBuilder:
    """Whether every instance of a service answers."""
    return stat(
        "Status",
        f"Down as soon as one instance of {name} fails its scrape. Down: see which one under Instances, then its log; "
        "the alert ServiceDown has the runbook.",
        now(f"min({up(*matchers)})", "Status"),
        unit="none",
        names=UP_NAMES,
        limit=thresholds.ALL_UP,
        trend=False,
        no_value="no target",
    )


def rate_stat(title: str, *matchers: str) -> PanelBuilder:
    """Requests a second, all together."""
    return stat(
        title,
        "Requests answered each second, five-minute average. A fall to nothing while callers are active points at "
        "the network or the load balancer in front.",
        series(f"sum({select(REQUESTS, *matchers)})", "Requests"),
        unit="reqps",
        colour=colours.NEUTRAL,
        no_value=NO_REQUESTS,
    )


def error_stat(*matchers: str, detail: str | None = None) -> PanelBuilder:
    """Share of errors, all together."""
    return stat(
        "Error rate now",
        "Share of requests answered with a 5xx status over five minutes. Red above 5 %, where HighErrorRate fires: "
        "look at the error panels below for the service and route, and at the deployments drawn over the charts.",
        series(overall_error_ratio(*matchers), "Errors"),
        unit="percentunit",
        limit=thresholds.ERROR_RATIO,
        decimals=2,
        no_value=NO_REQUESTS,
        detail=detail,
    )


def p95_stat(title: str, *matchers: str) -> PanelBuilder:
    """The slowest service's P95."""
    return stat(
        title,
        "95 of 100 requests are answered within this time (of several services, the slowest counts). Red above 2 s, "
        "where HighLatency fires: compare P50 and P99 below to tell a slow tail from slowness for all.",
        series(f"max({select('service:http_request_duration_seconds:p95_5m', *matchers)})", "P95"),
        unit="s",
        limit=thresholds.LATENCY,
        decimals=2,
        no_value=NO_REQUESTS,
    )


def alerts_stat(title: str, severities: str, *matchers: str, w: int = 4, critical: bool = True) -> PanelBuilder:
    """How many alerts fire."""
    selector = ",".join(('alertstate="firing"', f'severity=~"{severities}"', 'environment=~"$environment|"', *matchers))
    return stat(
        title,
        "Alerts firing at this moment. Anything but zero: the alert's runbook says what to do.",
        # ALERTS has no series at all while nothing fires, which is the good case and means zero.
        series(f"count(ALERTS{{{selector}}}) or vector(0)", "Firing"),
        unit="none",
        limit=thresholds.ANY_IS_CRITICAL if critical else thresholds.ANY_IS_WARNING,
        w=w,
    )


def by_status(*matchers: str, w: int = 12) -> PanelBuilder:
    """Requests by HTTP status."""
    return timeseries(
        "Requests by status",
        "Requests each second by HTTP status: 2xx green, 3xx blue, 4xx amber, 5xx red. Growing amber means callers "
        "send what is refused (429 is the rate limit); growing red means the service fails.",
        series(f"sum by (status) ({select('service_status:http_requests:rate5m', *matchers)})", "{{status}}"),
        unit="reqps",
        stacked=True,
        series_colours=STATUS_COLOURS,
        no_value=NO_REQUESTS,
        w=w,
    )


def error_ratio_chart(title: str, *matchers: str, legend: str = "{{service}} {{tenant}}", w: int = 12) -> PanelBuilder:
    """Share of errors over time, per service."""
    return timeseries(
        title,
        "Share of requests answered 5xx, per service. The dashed line is 5 %, where HighErrorRate fires. A step at a "
        "deployment mark: roll that deployment back first, ask why second.",
        series(select(ERROR_RATIO, *matchers), legend),
        unit="percentunit",
        limit=thresholds.ERROR_RATIO,
        no_value=NO_REQUESTS,
        w=w,
    )


def quantiles_chart(title: str, *matchers: str, w: int = 12) -> PanelBuilder:
    """P50, P95 and P99 of one service (of several, the slowest)."""
    return timeseries(
        title,
        "Half, 95 and 99 of 100 requests are answered within these times. The dashed line is 2 s, where HighLatency "
        "fires. P99 alone high: a few slow routes or callers; all three high: the service or what it waits for.",
        *(
            series(f"max({select(f'service:http_request_duration_seconds:p{percent}_5m', *matchers)})", f"P{percent}")
            for percent in (50, 95, 99)
        ),
        unit="s",
        limit=thresholds.LATENCY,
        series_colours=QUANTILE_COLOURS,
        no_value=NO_REQUESTS,
        w=w,
    )


def duration_heatmap(title: str, *matchers: str, w: int = 12) -> PanelBuilder:
    """How response times spread, with single requests on top."""
    return heatmap(
        title,
        f"How response times spread over the histogram's buckets; darker is more requests. {EXEMPLAR_NOTE}Two "
        "separate bands mean two kinds of requests, such as cache hits and misses.",
        buckets(f"sum by (le) ({rate('http_request_duration_seconds_bucket', *matchers)})", exemplars=True),
        w=w,
    )


def latency_by_instance(*matchers: str, w: int = 12) -> PanelBuilder:
    """P95 of each instance, from the raw histogram."""
    return timeseries(
        "P95 by instance",
        f"P95 response time of each chosen instance. {EXEMPLAR_NOTE}One slow instance among fast ones: its machine or "
        "its state is at fault, restart it; all slow: the cause is shared.",
        series(quantile(0.95, "instance", "http_request_duration_seconds", *matchers), "{{instance}}", exemplars=True),
        unit="s",
        limit=thresholds.LATENCY,
        no_value=NO_REQUESTS,
        w=w,
    )


def instance_panels(*matchers: str) -> tuple[PanelBuilder, ...]:
    """What the processes of a service use, instance by instance."""
    return (
        state_timeline(
            "Instance status",
            "Whether each chosen instance answered its scrapes. A bar that keeps changing is a process that restarts: "
            "read its log around the change.",
            series(f"min by (instance) ({up(*matchers)})", "{{instance}}"),
            names=UP_NAMES,
            w=12,
        ),
        latency_by_instance(*matchers),
        timeseries(
            "Requests in flight by instance",
            "Requests being worked on at this moment. Rising without more traffic means that something the service "
            "waits for has slowed down.",
            series(f"sum by (instance) ({select('http_requests_in_flight', *matchers)})", "{{instance}}"),
            unit="short",
            w=8,
        ),
        timeseries(
            "CPU by instance",
            "Cores each process keeps busy. A Python process cannot use much more than one: near one, add instances.",
            series(f"sum by (instance) ({rate('process_cpu_seconds_total', *matchers)})", "{{instance}}"),
            unit="short",
            w=8,
        ),
        timeseries(
            "Memory by instance",
            "Resident memory of each process. A line that only ever rises is a leak: restart the instance and compare "
            "with the version before.",
            series(f"sum by (instance) ({select('process_resident_memory_bytes', *matchers)})", "{{instance}}"),
            unit="bytes",
            w=8,
        ),
    )
