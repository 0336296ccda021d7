"""History of the tenants' own stacks."""

from __future__ import annotations

from collections.abc import Iterator

from neomon.demo.catalogue import STACK_VERSIONS, TENANTS
from neomon.demo.history.context import Context
from neomon.demo.history.http import route_series, service_series
from neomon.demo.history.series import Series, draw_count, portion
from neomon.demo.load import DEFAULT_PEAK
from neomon.demo.runtime import HOST
from neomon.demo.traffic import SERVER_ERROR_EVERY, STACK_ROUTES


def stack_series(context: Context) -> Iterator[Series]:
    """All three stacks."""
    for index, tenant in enumerate(TENANTS):
        address = f"{HOST}:{context.runtime.stack_port(index)}"
        target = context.target("services", address, tenant.stack, tenant.name)
        peak = tenant.stack_requests_per_second * context.peak / DEFAULT_PEAK
        routes = STACK_ROUTES[tenant.stack]
        weight = sum(route.weight for route in routes)
        for route in routes:
            rng = context.rng("stack", tenant.stack, route.method, route.route)
            mean = [peak * load * context.step * route.weight / weight for load in context.timeline.load]
            sent = [draw_count(rng, expected) for expected in mean]
            statuses = {status: portion(sent, [share] * context.length) for status, share in route.client_errors}
            statuses["500"] = portion(sent, [1 / SERVER_ERROR_EVERY] * context.length)
            failed = [sum(parts) for parts in zip(*statuses.values(), strict=True)]
            statuses["200"] = [count - part for count, part in zip(sent, failed, strict=True)]
            slowdown = [1.0] * context.length
            yield from route_series(context, target, route.method, route.route, statuses, route.latency, slowdown)
        rng = context.rng("stack", tenant.stack, "in flight")
        in_flight = [draw_count(rng, peak * load * 0.03) for load in context.timeline.load]
        yield from service_series(context, target, {STACK_VERSIONS[tenant.stack]: [1] * context.length}, in_flight)
