"""Series that `neomon.exporters.instrument` gives every service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from neomon.demo.catalogue import revision_of
from neomon.demo.history.context import PROCESS_AGE_SECONDS, Context
from neomon.demo.history.series import Durations, Labels, Series, constant, counter, histogram
from neomon.demo.rhythm import ripple
from neomon.demo.traffic import Latency
from neomon.exporters.instrument import BUCKETS

HEALTH_ROUTE = "/health"
_HEALTH_LATENCY = Latency(0.0012, 0.3)
_REFUSAL_LATENCY = Latency(0.0011, 0.3)


def route_series(
    context: Context,
    target: Labels,
    method: str,
    route: str,
    statuses: Mapping[str, Sequence[int]],
    latency: Latency,
    slowdown: Sequence[float],
    refused: Sequence[int] | None = None,
) -> Iterator[Series]:
    """Series of one route: requests by status, and their durations; `refused` requests were answered 429 at once."""
    labels = {**target, "method": method, "route": route}
    counts = [sum(parts) for parts in zip(*statuses.values(), strict=True)]
    parts = [Durations(counts, latency.share_within, latency.mean, slowdown)]
    by_status = dict(statuses)
    if refused is not None and any(refused):
        by_status["429"] = refused
        parts.append(Durations(refused, _REFUSAL_LATENCY.share_within, _REFUSAL_LATENCY.mean, [1.0] * context.length))
    for status, increments in by_status.items():
        if any(increments):
            base = round(context.base_steps * sum(increments) / context.length)
            yield counter("http_requests_total", {**labels, "status": status}, increments, base)
    if any(counts) or len(parts) > 1:
        yield from histogram("http_request_duration_seconds", labels, parts, BUCKETS, context.base_steps)


def service_series(
    context: Context, target: Labels, versions: Mapping[str, Sequence[int | None]], in_flight: Sequence[int]
) -> Iterator[Series]:
    """Series every service has, whatever it does; `versions` says when which version ran."""
    probes = [1] * context.length
    yield from route_series(
        context, target, "GET", HEALTH_ROUTE, {"200": probes}, _HEALTH_LATENCY, [1.0] * context.length
    )
    yield Series("http_requests_in_flight", target, in_flight)
    for version, present in versions.items():
        labels = {**target, "version": version, "revision": revision_of(version)}
        yield Series("service_build_info", labels, present)
    times = context.timeline.times
    memory = [int(62e6 + 1.5e6 * ripple(time, len(target["service"]))) for time in times]
    yield Series("process_resident_memory_bytes", target, memory)
    busy = [0.018 * load * context.step for load in context.timeline.load]
    yield counter("process_cpu_seconds_total", target, busy, 0.015 * PROCESS_AGE_SECONDS)
    started = context.timeline.start - PROCESS_AGE_SECONDS
    yield constant("process_start_time_seconds", target, started, context.length)
    yield constant("process_open_fds", target, 21, context.length)
