"""History of the demo's PostgreSQL, under the names of postgres_exporter 0.11."""

from __future__ import annotations

from collections.abc import Iterator

from neomon.demo.catalogue import DATABASES
from neomon.demo.history.context import Context
from neomon.demo.history.requests import Requests
from neomon.demo.history.series import Series, constant, counter, draw_count
from neomon.demo.history.services import database_statements
from neomon.demo.origin import BACKUP_BYTES
from neomon.demo.services import statements
from neomon.demo.traffic import Latency

_FIRST_OID = 16_386
"""Object id of the first database created after two roles; the others follow."""
_BILLING = frozenset(("invoices_list", "invoice_create"))
_WRITES = frozenset(("tenant_create", "tenant_log", "invoice_create", "usage_update"))
_SQL = {
    "tenants_list": statements.TENANTS_LIST,
    "tenant_get": statements.TENANT_GET,
    "tenant_create": statements.TENANT_CREATE,
    "tenant_log": statements.TENANT_LOG,
    "usage_get": statements.USAGE_GET,
    "usage_update": statements.USAGE_UPDATE,
    "invoices_list": statements.INVOICES_LIST,
    "invoice_create": statements.INVOICE_CREATE,
}
_ROWS = {"tenants_list": 9, "tenant_get": 1, "usage_get": 4, "invoices_list": 20, "usage_update": 12}
_WATCHING = {"tenant_manager": 2.4, "billing": 0.08, "auth": 0.17}
"""Transactions a second of the exporters and of background work."""
_CONNECTIONS = {"tenant_manager": 12, "billing": 2, "auth": 2}
_TUPLES = {"tenant_manager": 14.0, "billing": 450.0, "auth": 8.0}
"""Rows read in a transaction; counting all invoices reads them all."""
_QUERY_LENGTH = 80
"""What exporters/postgres_exporter/queries.yaml leaves of a statement."""
_STATES = (
    "active",
    "idle",
    "idle in transaction",
    "idle in transaction (aborted)",
    "fastpath function call",
    "disabled",
)


def postgres_series(context: Context, requests: Requests) -> Iterator[Series]:
    """Everything of the job `postgres`."""
    target = context.component_target("postgres")
    yield constant("pg_up", target, 1, context.length)
    yield constant("pg_exporter_last_scrape_error", target, 0, context.length)
    server = {**target, "server": context.runtime.address("postgres")}
    yield constant("pg_settings_max_connections", server, 40, context.length)
    executed = list(database_statements(context, requests))
    for number, database in enumerate(DATABASES):
        ran = [(name, counts) for name, counts, _ in executed if (name in _BILLING) == (database == "billing")]
        labels = {**server, "datname": database, "datid": str(_FIRST_OID + number)}
        yield from _database(context, labels, ran if database != "auth" else [])
        yield constant(
            "pg_database_size_bytes", {**server, "datname": database}, BACKUP_BYTES[database], context.length
        )
        yield from _connections(context, {**server, "datname": database})
    for number, (name, counts, latency) in enumerate(executed):
        database = "billing" if name in _BILLING else "tenant_manager"
        labels = {**server, "datname": database, "queryid": str(7_400_000_000_000_000_000 + number)}
        yield from _statement(
            context, {**labels, "query": statement_text(_SQL[name])[:_QUERY_LENGTH]}, name, counts, latency
        )


def statement_text(sql: str) -> str:
    """A statement as pg_stat_statements shows it: placeholders numbered in the order of their first use."""
    text, number = " ".join(sql.split()), 0
    while (begin := text.find("%(")) >= 0:
        number += 1
        text = text.replace(text[begin : text.index(")s", begin) + 2], f"${number}")
    return text


def _database(context: Context, labels: dict[str, str], ran: list[tuple[str, list[int]]]) -> Iterator[Series]:
    rng = context.rng("database", labels["datname"])
    background = [draw_count(rng, _WATCHING[labels["datname"]] * context.step) for _ in range(context.length)]
    reads = [sum(values) for values in zip(*(counts for _, counts in ran), [0] * context.length, strict=True)]
    writes = [
        sum(values) for values in zip(*(c for name, c in ran if name in _WRITES), [0] * context.length, strict=True)
    ]
    commits = [count + other for count, other in zip(reads, background, strict=True)]
    per_commit = {
        "pg_stat_database_xact_commit": 1.0,
        "pg_stat_database_tup_returned": _TUPLES[labels["datname"]],
        "pg_stat_database_tup_fetched": 5.0,
        "pg_stat_database_blks_hit": 12.0,
        "pg_stat_database_blks_read": 0.06,
    }
    for name, factor in per_commit.items():
        yield _grown(context, name, labels, [count * factor for count in commits])
    yield _grown(context, "pg_stat_database_tup_inserted", labels, [count * 0.8 for count in writes])
    yield _grown(context, "pg_stat_database_tup_updated", labels, [count * 4.0 for count in writes])
    for name in ("xact_rollback", "tup_deleted", "deadlocks", "conflicts", "temp_bytes", "temp_files"):
        yield constant(f"pg_stat_database_{name}", labels, 0, context.length)
    connections = [_CONNECTIONS[labels["datname"]] + int(draw_count(rng, 0.3) > 0) for _ in range(context.length)]
    yield Series("pg_stat_database_numbackends", labels, connections)


def _connections(context: Context, labels: dict[str, str]) -> Iterator[Series]:
    rng = context.rng("connections", labels["datname"])
    most = _CONNECTIONS[labels["datname"]]
    active = [min(most, draw_count(rng, 0.3 * load)) for load in context.timeline.load]
    for state in _STATES:
        at = {**labels, "state": state}
        values = active if state == "active" else [most - count for count in active] if state == "idle" else None
        yield Series("pg_stat_activity_count", at, values or [0] * context.length)
        if values is not None:
            yield Series("pg_connections_count", at, values)


def _statement(
    context: Context, labels: dict[str, str], name: str, counts: list[int], latency: Latency
) -> Iterator[Series]:
    yield _grown(context, "pg_stat_statements_calls_total", labels, counts)
    yield _grown(context, "pg_stat_statements_seconds_total", labels, [count * latency.mean() for count in counts])
    yield _grown(context, "pg_stat_statements_rows_total", labels, [count * _ROWS.get(name, 1) for count in counts])


def _grown(context: Context, name: str, labels: dict[str, str], increments: list[int] | list[float]) -> Series:
    """A counter of whole numbers, unless it counts seconds."""
    base = context.base_steps * sum(increments) / context.length
    series = counter(name, labels, increments, base)
    if "seconds" in name:
        return series
    return Series(name, labels, [int(value or 0) for value in series.values])
