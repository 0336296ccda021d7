"""Panels of the Tenant Manager's PostgreSQL and its cache."""

from __future__ import annotations

from typing import Final

from neomon.dashboards import colours, thresholds
from neomon.dashboards.panels import Column, gauge, table, timeseries
from neomon.dashboards.panels.frame import PanelBuilder
from neomon.dashboards.queries import now, or_zero, quantile, rate, rows, select, series, share

SERVICE: Final = 'service="tenant-manager"'
DATABASES: Final = 'datname!~"template.*|"'
NO_QUERIES: Final = "no queries"


def connections(instance: str) -> tuple[PanelBuilder, ...]:
    """How many connections there are and who holds them."""
    return (
        gauge(
            "Database connections",
            "Connections in use as a share of what PostgreSQL allows. Amber above 80 %, where DatabaseConnectionsHigh "
            "fires: at 100 % every service is refused. Look for idle-in-transaction sessions first.",
            now(f"max({select('service:pg_connections:ratio')})", "in use"),
            limit=thresholds.DATABASE_CONNECTIONS,
        ),
        timeseries(
            "Connections by state",
            "Connections by what they are doing. Idle in transaction keeps locks and rows alive: find and end it; many "
            "active ones at once are slow queries, see below.",
            series(f"sum by (state) ({select('pg_connections_count', DATABASES)})", "{{state}}"),
            unit="short",
            stacked=True,
            w=6,
        ),
        timeseries(
            "Connections by database",
            "Server processes of each database. The one that grows belongs to the service that leaks connections.",
            series(f"sum by (datname) ({select('pg_stat_database_numbackends', DATABASES)})", "{{datname}}"),
            unit="short",
            stacked=True,
            w=6,
        ),
        timeseries(
            "Connection pool",
            "Connections of the Tenant Manager's own pool, used and idle. All used and none idle: requests wait for a "
            "connection before they wait for the database.",
            series(
                f"sum by (state) ({select('tenant_manager_db_pool_connections', SERVICE, instance)})",
                "{{state}}",
            ),
            unit="short",
            stacked=True,
            series_colours={"/used/": colours.WARNING, "/idle/": colours.GOOD},
            w=6,
        ),
    )


def queries(instance: str) -> tuple[PanelBuilder, ...]:
    """How fast the database answers, and which statements cost most."""
    hit = 'result="hit"'
    looked_up = f"sum({rate('tenant_manager_cache_requests_total', SERVICE, instance)})"
    found = f"sum({rate('tenant_manager_cache_requests_total', SERVICE, instance, hit)})"
    read = f"sum by (datname) ({rate('pg_stat_database_blks_read', DATABASES)})"
    cached = f"sum by (datname) ({rate('pg_stat_database_blks_hit', DATABASES)})"
    return (
        timeseries(
            "Query duration P95",
            "P95 of each of the Tenant Manager's queries, seen from the service, waiting for a connection not "
            "included. The dots are single queries with their trace id. One query alone slow: an index or a lock.",
            series(
                quantile(0.95, "query", "tenant_manager_db_query_duration_seconds", SERVICE, instance),
                "{{query}}",
                exemplars=True,
            ),
            unit="s",
            no_value=NO_QUERIES,
            w=8,
        ),
        timeseries(
            "Queries",
            "Queries of the Tenant Manager each second. More queries without more requests: the cache stopped working "
            "or a loop asks row by row.",
            series(
                f"sum by (query) ({rate('tenant_manager_db_query_duration_seconds_count', SERVICE, instance)})",
                "{{query}}",
            ),
            unit="ops",
            stacked=True,
            no_value=NO_QUERIES,
            w=8,
        ),
        timeseries(
            "Cache hit ratios",
            "Share of look-ups answered by Redis, and of blocks PostgreSQL found in memory. Falling PostgreSQL ratio: "
            "the working set outgrew shared_buffers; falling Redis ratio: evictions or a cold start.",
            series(share(or_zero(found, looked_up), looked_up), "Redis"),
            series(f"{cached} / ({cached} + {read} > 0)", "PostgreSQL {{datname}}"),
            unit="percentunit",
            maximum=1,
            w=8,
        ),
        _statements(),
        timeseries(
            "Rows read",
            "Rows PostgreSQL returned from tables each second. A jump without more queries is a scan where an index "
            "was used before.",
            series(
                f"sum by (datname) ({select('datname:pg_stat_database_tup_returned:rate5m', DATABASES)})", "{{datname}}"
            ),
            unit="rowsps",
            h=10,
            w=6,
        ),
        timeseries(
            "Transactions",
            "Transactions each second, committed upwards and rolled back downwards. Growing roll-backs are errors of a "
            "service; its log says which.",
            series(
                f"sum by (datname) ({select('datname:pg_stat_database_xact_commit:rate5m', DATABASES)})",
                "{{datname}} committed",
            ),
            series(
                f"sum by (datname) ({select('datname:pg_stat_database_xact_rollback:rate5m', DATABASES)})",
                "{{datname}} rolled back",
            ),
            unit="ops",
            minimum=None,
            below_axis="/rolled back/",
            h=10,
            w=6,
        ),
    )


def _statements() -> PanelBuilder:
    seconds = f"sum by (query) (rate({select('pg_stat_statements_seconds_total')}[5m]))"
    calls = f"sum by (query) (rate({select('pg_stat_statements_calls_total')}[5m]))"
    return table(
        "Most expensive statements",
        "The statements PostgreSQL spends most time on, over five minutes: load 1 keeps one core busy. High load with "
        "few calls: make the statement faster (EXPLAIN); many calls with a short mean: ask less often.",
        rows(f"topk(10, {seconds})"),
        rows(f"{calls} and on (query) topk(10, {seconds})"),
        rows(f"({seconds} / ({calls} > 0)) and on (query) topk(10, {seconds})"),
        columns=(
            Column("query", "Statement"),
            Column("Value #A", "Load", unit="none", decimals=4, width=90),
            Column("Value #B", "Calls", unit="ops", decimals=2, width=110),
            Column("Value #C", "Mean", unit="s", decimals=2, width=100),
        ),
        sort="Load",
        no_value=NO_QUERIES,
        w=12,
        h=10,
    )
