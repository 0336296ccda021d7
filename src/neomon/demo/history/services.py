"""History of the four services."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from neomon.demo.catalogue import (
    AUTH,
    DEPLOYER,
    GATEWAY,
    PLATFORM_VERSION,
    PREVIOUS_VERSION,
    TENANTS,
    TENANTS_SERVICE,
    Service,
    rate_limit,
)
from neomon.demo.history.context import Context
from neomon.demo.history.http import route_series, service_series
from neomon.demo.history.requests import Requests
from neomon.demo.history.series import Durations, Series, constant, counter, draw_count, histogram, portion
from neomon.demo.levels import sessions_at
from neomon.demo.origin import DEPLOYMENT_AGE
from neomon.demo.rhythm import ripple
from neomon.demo.services.statements import DURATION_BUCKETS
from neomon.demo.services.users import enrolled_users
from neomon.demo.traffic import (
    CACHE_HIT_SHARE,
    DEPLOYMENT_FAILURES,
    DEPLOYMENT_LATENCY,
    GATEWAY_OVERHEAD_SECONDS,
    LOGIN_METHODS,
    MFA_METHODS,
    OPERATION_BY_NAME,
    Latency,
)
from neomon.exporters.instrument import BUCKETS

DEPLOYMENT_BUCKETS = (1, 2, 5, 10, 30, 60, 120, 300)
_DATABASE_SHARE = 0.8
_HOP = 0.0015
"""Seconds the HTTP request to another service takes by itself."""
_READS = {"tenants": "tenants_list", "tenant": "tenant_get", "usage": "usage_get", "invoices": "invoices_list"}
"""Operation -> the statement it runs when the cache has no answer."""


def gateway_series(context: Context, requests: Requests) -> Iterator[Series]:
    """The API Gateway."""
    target = context.service_target(GATEWAY)
    slowdown, failing = context.timeline.slowdown(GATEWAY.name), context.timeline.failing(GATEWAY.name)
    for counts in requests.operations:
        operation = counts.operation
        spoilt = portion(counts.statuses[operation.success], failing)
        statuses = {
            **counts.statuses,
            operation.success: _less(counts.statuses[operation.success], spoilt),
            "502": spoilt,
        }
        latency = operation.latency.plus(GATEWAY_OVERHEAD_SECONDS + _HOP)
        yield from route_series(
            context, target, operation.method, operation.route, statuses, latency, slowdown, counts.limited
        )
    yield from service_series(context, target, _gateway_versions(context), _in_flight(context, 0.045))
    for tenant in TENANTS:
        for decision, counted in (("allowed", requests.allowed), ("limited", requests.limited)):
            labels = {**target, "tenant": tenant.name, "decision": decision}
            yield _counted(context, "api_gateway_rate_limit_decisions_total", labels, counted[tenant.name])
        limit = rate_limit(tenant, context.peak)
        labels = {**target, "tenant": tenant.name}
        yield constant("api_gateway_rate_limit_requests_per_second", labels, limit, context.length)
    for service in (AUTH, TENANTS_SERVICE, DEPLOYER):
        chosen = [counts for counts in requests.operations if counts.operation.upstream is service]
        parts = [
            Durations(counts.forwarded, latency.share_within, latency.mean, slowdown)
            for counts in chosen
            for latency in (counts.operation.latency.plus(_HOP),)
        ]
        labels = {**target, "upstream": service.name}
        yield from histogram(
            "api_gateway_upstream_request_duration_seconds", labels, parts, BUCKETS, context.base_steps
        )
        errors = _sum(
            *(counts.statuses["500"] for counts in chosen),
            *(portion(counts.statuses[counts.operation.success], failing) for counts in chosen),
        )
        yield _counted(context, "api_gateway_upstream_errors_total", labels, errors)


def upstream_series(context: Context, requests: Requests, service: Service) -> Iterator[Series]:
    """What every service behind the gateway has."""
    target = context.service_target(service)
    slowdown = context.timeline.slowdown(service.name)
    for counts in requests.operations:
        operation = counts.operation
        if operation.upstream is service:
            yield from route_series(
                context,
                target,
                operation.method,
                operation.upstream_route,
                counts.statuses,
                operation.latency,
                slowdown,
            )
    always = [1] * context.length
    yield from service_series(context, target, {PLATFORM_VERSION: always}, _in_flight(context, 0.012))


def auth_series(context: Context, requests: Requests) -> Iterator[Series]:
    """The Auth Service."""
    yield from upstream_series(context, requests, AUTH)
    target = context.service_target(AUTH)
    for name, metric, methods in (
        ("login", "auth_logins_total", LOGIN_METHODS),
        ("mfa", "auth_mfa_challenges_total", MFA_METHODS),
    ):
        statuses = requests.of(name).statuses
        for method, share in methods.items():
            for result, status in (("success", "200"), ("failure", "401")):
                labels = {**target, "method": method, "result": result}
                yield _counted(context, metric, labels, portion(statuses[status], [share] * context.length))
    direct = portion(requests.of("login").statuses["200"], [1 - enrolled_users() / _users()] * context.length)
    signed_in = _sum(direct, requests.of("mfa").statuses["200"])
    renewed = requests.of("token").statuses["200"]
    issued = {"access": _sum(signed_in, renewed), "refresh": _sum(signed_in, portion(renewed, [0.2] * context.length))}
    for kind, counts in issued.items():
        yield _counted(context, "auth_tokens_issued_total", {**target, "type": kind}, counts)
    times = context.timeline.times
    sessions = [round(sessions_at(time, context.peak) * (1 + 0.04 * ripple(time, 2.0))) for time in times]
    yield Series("auth_active_sessions", target, sessions)
    for state, users in (("enrolled", enrolled_users()), ("none", _users() - enrolled_users())):
        yield constant("auth_users", {**target, "mfa": state}, users, context.length)


def tenant_manager_series(context: Context, requests: Requests) -> Iterator[Series]:
    """The Tenant Manager."""
    yield from upstream_series(context, requests, TENANTS_SERVICE)
    target = context.service_target(TENANTS_SERVICE)
    for result, share in (("hit", CACHE_HIT_SHARE), ("miss", 1 - CACHE_HIT_SHARE)):
        reads = [portion(requests.of(name).forwarded, [share] * context.length) for name in _READS]
        yield _counted(context, "tenant_manager_cache_requests_total", {**target, "result": result}, _sum(*reads))
    for query, counts, latency in database_statements(context, requests):
        parts = [Durations(counts, latency.share_within, latency.mean, [1.0] * context.length)]
        labels = {**target, "query": query}
        yield from histogram(
            "tenant_manager_db_query_duration_seconds", labels, parts, DURATION_BUCKETS, context.base_steps
        )
    rng = context.rng("pool")
    used = [min(3, draw_count(rng, 0.35 * load)) for load in context.timeline.load]
    yield Series("tenant_manager_db_pool_connections", {**target, "state": "used"}, used)
    yield Series("tenant_manager_db_pool_connections", {**target, "state": "idle"}, [4 - count for count in used])


def database_statements(context: Context, requests: Requests) -> Iterator[tuple[str, list[int], Latency]]:
    """Every statement of the Tenant Manager: its name, how often it ran at each step, and how long it takes."""
    missed = [1 - CACHE_HIT_SHARE] * context.length
    for operation, query in _READS.items():
        latency = OPERATION_BY_NAME[operation].latency
        yield query, portion(requests.of(operation).forwarded, missed), _in_database(latency)
    created = requests.of("create").statuses["201"]
    invoiced = requests.of("invoice").statuses["201"]
    measured = [int(time % 30 < context.step) for time in context.timeline.times]
    quick = Latency(0.0016, 0.3)
    yield "tenant_create", created, _in_database(OPERATION_BY_NAME["create"].latency)
    yield "tenant_log", created, quick
    yield "invoice_create", invoiced, _in_database(OPERATION_BY_NAME["invoice"].latency)
    yield "usage_update", measured, quick


def deployer_series(context: Context, requests: Requests) -> Iterator[Series]:
    """The Stack Deployer."""
    yield from upstream_series(context, requests, DEPLOYER)
    target = context.service_target(DEPLOYER)
    done = requests.of("deploy").statuses["202"]
    failed = portion(done, [DEPLOYMENT_FAILURES] * context.length)
    for result, counts in (("success", _less(done, failed)), ("failure", failed)):
        yield _counted(context, "stack_deployer_deployments_total", {**target, "result": result}, counts)
    parts = [Durations(done, DEPLOYMENT_LATENCY.share_unbounded, DEPLOYMENT_LATENCY.mean, [1.0] * context.length)]
    yield from histogram(
        "stack_deployer_deployment_duration_seconds", target, parts, DEPLOYMENT_BUCKETS, context.base_steps
    )
    rng = context.rng("queue")
    per_second = [count / context.step for count in _smoothed(done)]
    queue = [draw_count(rng, rate * DEPLOYMENT_LATENCY.mean()) for rate in per_second]
    yield Series("stack_deployer_queue_length", target, queue)


def _gateway_versions(context: Context) -> dict[str, list[int | None]]:
    changed = context.timeline.origin.at - DEPLOYMENT_AGE
    times = context.timeline.times
    versions: dict[str, list[int | None]] = {PLATFORM_VERSION: [1 if time >= changed else None for time in times]}
    if times[0] < changed:
        versions[PREVIOUS_VERSION] = [1 if time < changed else None for time in times]
    return versions


def _in_flight(context: Context, seconds: float) -> list[int]:
    rng = context.rng("in flight", str(seconds))
    return [draw_count(rng, context.peak * load * seconds) for load in context.timeline.load]


def _in_database(latency: Latency) -> Latency:
    return Latency(latency.median * _DATABASE_SHARE + 0.001, latency.sigma)


def _counted(context: Context, name: str, labels: dict[str, str], increments: Sequence[int]) -> Series:
    return counter(name, labels, increments, round(context.base_steps * sum(increments) / context.length))


def _users() -> int:
    return sum(tenant.users for tenant in TENANTS)


def _sum(*columns: Sequence[int]) -> list[int]:
    return [sum(values) for values in zip(*columns, strict=True)]


def _less(counts: Sequence[int], part: Sequence[int]) -> list[int]:
    return [count - taken for count, taken in zip(counts, part, strict=True)]


def _smoothed(counts: Sequence[int], width: int = 8) -> list[float]:
    return [sum(counts[max(0, i - width) : i + 1]) / len(counts[max(0, i - width) : i + 1]) for i in range(len(counts))]
