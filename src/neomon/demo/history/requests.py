"""The requests of history: how many of each kind, and how they ended. All other models count from these."""

from __future__ import annotations

from dataclasses import dataclass

from neomon.demo.catalogue import TENANTS, rate_limit
from neomon.demo.history.context import Context
from neomon.demo.history.series import draw_count, portion
from neomon.demo.traffic import (
    BURST_EVERY_SECONDS,
    BURST_FACTOR,
    BURST_SECONDS,
    BURSTING_TENANT,
    OPERATIONS,
    SERVER_ERROR_EVERY,
    TOTAL_WEIGHT,
    Operation,
)

_BUCKET_SECONDS = 3.0


@dataclass(frozen=True)
class OperationCounts:
    """One operation at the gateway: how many requests at each step, by what became of them."""

    operation: Operation
    forwarded: list[int]
    """Requests the service behind got."""
    limited: list[int]
    """Requests over a tenant's limit, answered 429."""
    statuses: dict[str, list[int]]
    """Status -> how many of the forwarded; success comes last and is the rest."""


@dataclass(frozen=True)
class Requests:
    """All requests of history."""

    operations: tuple[OperationCounts, ...]
    allowed: dict[str, list[int]]
    """Tenant -> requests let through."""
    limited: dict[str, list[int]]
    """Tenant -> requests answered 429."""

    def of(self, name: str) -> OperationCounts:
        """One operation's counts."""
        return next(counts for counts in self.operations if counts.operation.name == name)


def model_requests(context: Context) -> Requests:
    """Draw the requests of history."""
    timeline = context.timeline
    allowed: dict[str, list[int]] = {}
    limited: dict[str, list[int]] = {}
    for tenant in TENANTS:
        rng = context.rng("tenant", tenant.name)
        usual = [draw_count(rng, context.peak * tenant.share * load * context.step) for load in timeline.load]
        refused = [0] * context.length
        if tenant.name == BURSTING_TENANT:
            for index, (time, load) in enumerate(zip(timeline.times, timeline.load, strict=True)):
                if time % BURST_EVERY_SECONDS < context.step:
                    sent = round(context.peak * tenant.share * load * BURST_FACTOR * BURST_SECONDS)
                    passed = round(rate_limit(tenant, context.peak) * (BURST_SECONDS + _BUCKET_SECONDS))
                    usual[index] += min(sent, passed)
                    refused[index] = max(0, sent - passed)
        allowed[tenant.name], limited[tenant.name] = usual, refused
    total = [sum(counts) for counts in zip(*allowed.values(), strict=True)]
    refused_total = [sum(counts) for counts in zip(*limited.values(), strict=True)]
    operations = tuple(_operation(context, operation, total, refused_total) for operation in OPERATIONS)
    return Requests(operations, allowed, limited)


def _operation(context: Context, operation: Operation, total: list[int], refused: list[int]) -> OperationCounts:
    share = [operation.weight / TOTAL_WEIGHT] * context.length
    rng = context.rng("operation", operation.name)
    forwarded = [draw_count(rng, count * share[0]) for count in total]
    statuses = {status: portion(forwarded, [part] * context.length) for status, part in operation.client_errors}
    statuses["500"] = portion(forwarded, [1 / SERVER_ERROR_EVERY] * context.length)
    failed = [sum(parts) for parts in zip(*statuses.values(), strict=True)]
    statuses[operation.success] = [count - part for count, part in zip(forwarded, failed, strict=True)]
    return OperationCounts(operation, forwarded, portion(refused, share), statuses)
