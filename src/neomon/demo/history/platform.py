"""History of the business figures and events the platform exporter reads from the databases."""

from __future__ import annotations

from collections.abc import Iterator

from neomon.demo.catalogue import (
    AUTH,
    DORMANT_TENANTS,
    INVOICE_STATUSES,
    LDAP_SYNC_SECONDS,
    RESOURCE_TYPES,
    TENANTS,
    TENANTS_SERVICE,
    TRIAL_TENANTS,
)
from neomon.demo.history.context import Context
from neomon.demo.history.requests import Requests
from neomon.demo.history.series import Series, constant, portion
from neomon.demo.levels import resource_usage
from neomon.demo.origin import BACKUP_BYTES, FIRST_INVOICES, FIRST_TENANTS_CREATED, Event
from neomon.demo.services.ldap_sync import GROUPS, TYPICAL_SECONDS, USERS

_USAGE_EVERY = 30
_QUERIES = (
    "tenants", "tenants_created", "resource_usage", "invoices", "deployments", "configuration_changes", "backups",
    "ldap_sync",
)  # fmt: skip


def platform_series(context: Context, requests: Requests) -> Iterator[Series]:
    """Everything of the job `platform`."""
    yield from _tenants(context, requests)
    yield from _events(context)
    yield from _ldap(context)
    target = context.component_target("platform")
    for query in _QUERIES:
        labels = {**target, "query": query}
        yield constant("platform_exporter_query_up", labels, 1, context.length)
        yield constant("platform_exporter_query_errors_total", labels, 0, context.length)
        yield constant("platform_exporter_query_duration_seconds", labels, 0.0021, context.length)
        times = [time - 4.0 for time in context.timeline.times]
        yield Series("platform_exporter_query_last_success_timestamp_seconds", labels, times)


def _tenants(context: Context, requests: Requests) -> Iterator[Series]:
    # The exporter's series speak about other services, so they carry those services' labels (honor_labels).
    labels = _about(context, TENANTS_SERVICE.name)
    states = {tenant.name: "active" for tenant in TENANTS} | dict.fromkeys(TRIAL_TENANTS, "active") | DORMANT_TENANTS
    for tenant, status in states.items():
        yield constant("tenant_manager_tenants", {**labels, "tenant": tenant, "status": status}, 1, context.length)
    created = requests.of("create").statuses["201"]
    yield _ending_at(FIRST_TENANTS_CREATED, "tenant_manager_tenants_created", labels, created)
    for one in TENANTS:
        for kind in RESOURCE_TYPES:
            of = {**labels, "tenant": one.name, "resource_type": kind}
            times = context.timeline.times
            used = [resource_usage(one, kind, time // _USAGE_EVERY * _USAGE_EVERY) for time in times]
            yield Series("tenant_manager_resource_usage", of, used)
            yield constant("tenant_manager_resource_quota", of, one.quota[kind], context.length)
    invoiced = requests.of("invoice").statuses["201"]
    for status, share in INVOICE_STATUSES.items():
        counts = portion(invoiced, [share] * context.length)
        billing = {**_about(context, "billing"), "status": status}
        yield _ending_at(FIRST_INVOICES[status], "billing_invoices_total", billing, counts)


def _events(context: Context) -> Iterator[Series]:
    origin = context.timeline.origin
    for event, values in _latest(context, origin.deployments):
        labels = {**_about(context, event.service), "version": event.what}
        yield Series("deployment_last_timestamp_seconds", labels, values)
    for service in sorted({event.service for event in origin.configuration_changes}):
        changes = tuple(event for event in origin.configuration_changes if event.service == service)
        merged = _merged([values for _, values in _latest(context, changes)])
        yield Series("configuration_last_change_timestamp_seconds", _about(context, service), merged)
    target = context.component_target("platform")
    for database in sorted({event.service for event in origin.backups}):
        backups = tuple(event for event in origin.backups if event.service == database)
        merged = _merged([values for _, values in _latest(context, backups)])
        labels = {**target, "database": database}
        yield Series("backup_last_completion_timestamp_seconds", labels, merged)
        yield constant("backup_last_size_bytes", labels, BACKUP_BYTES[database], context.length)
        yield constant("backup_last_success", labels, 1, context.length)


def _ldap(context: Context) -> Iterator[Series]:
    labels = _about(context, AUTH.name)
    first = context.timeline.origin.at - 20
    runs = [first + (time - first) // LDAP_SYNC_SECONDS * LDAP_SYNC_SECONDS for time in context.timeline.times]
    yield Series("auth_ldap_sync_last_success_timestamp_seconds", labels, runs)
    yield Series("auth_ldap_sync_last_run_timestamp_seconds", labels, runs)
    rng = context.rng("ldap")
    lengths = {run: round(TYPICAL_SECONDS * rng.uniform(0.8, 1.3), 3) for run in sorted(set(runs))}
    yield Series("auth_ldap_sync_last_duration_seconds", labels, [lengths[run] for run in runs])
    yield constant("auth_ldap_sync_success", labels, 1, context.length)
    for kind, entries in (("users", USERS), ("groups", GROUPS)):
        yield constant("auth_ldap_sync_entries", {**labels, "kind": kind}, entries, context.length)


def _about(context: Context, service: str) -> dict[str, str]:
    return {**context.component_target("platform"), "service": service}


def _ending_at(last: int, name: str, labels: dict[str, str], increments: list[int]) -> Series:
    """A count that reaches, in the present, what the databases start with."""
    values, count = [], last
    for increment in reversed(increments):
        values.append(count)
        count -= increment
    return Series(name, labels, values[::-1])


def _latest(context: Context, events: tuple[Event, ...]) -> Iterator[tuple[Event, list[float | None]]]:
    """For each event its time, from then until the next of the same service."""
    for event in events:
        later = min(
            (other.at for other in events if other.service == event.service and other.at > event.at), default=1e18
        )
        values = [event.at if event.at <= time < later else None for time in context.timeline.times]
        if any(value is not None for value in values):
            yield event, values


def _merged(columns: list[list[float | None]]) -> list[float | None]:
    return [next((value for value in row if value is not None), None) for row in zip(*columns, strict=True)]
