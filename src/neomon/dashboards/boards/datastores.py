"""Panels of PostgreSQL and Redis as programs; what the Tenant Manager does with them is on its dashboard."""

from __future__ import annotations

from neomon.dashboards import colours, thresholds
from neomon.dashboards.panels import stat, timeseries
from neomon.dashboards.panels.frame import PanelBuilder
from neomon.dashboards.queries import now, select, series

_UP = {"0": ("Down", colours.CRITICAL), "1": ("Up", colours.GOOD)}


def panels() -> tuple[PanelBuilder, ...]:
    """Up or down, how full, how busy."""
    return (*_postgresql(), *_redis())


def _postgresql() -> tuple[PanelBuilder, ...]:
    databases = 'datname!~"template.*|"'
    return (
        _status("PostgreSQL", "pg_up", "PostgresDown"),
        stat(
            "PostgreSQL connections",
            "Connections in use as a share of what is allowed. Amber above 80 %, where DatabaseConnectionsHigh fires.",
            series(f"max({select('service:pg_connections:ratio')})", "in use"),
            unit="percentunit",
            limit=thresholds.DATABASE_CONNECTIONS,
            decimals=1,
            detail="tenant-manager",
            w=3,
            h=6,
        ),
        timeseries(
            "Database size",
            "Size of each database on disk. A jump is a bulk import or a table that is no longer vacuumed.",
            series(f"max by (datname) ({select('pg_database_size_bytes', databases)})", "{{datname}}"),
            unit="bytes",
            stacked=True,
            w=6,
            h=6,
        ),
    )


def _redis() -> tuple[PanelBuilder, ...]:
    return (
        _status("Redis", "redis_up", "RedisDown"),
        stat(
            "Redis hit ratio",
            "Share of look-ups Redis could answer. Falling after a restart is normal; falling for long: keys expire or "
            "are evicted too early.",
            series(f"min({select('service:redis_keyspace_hit:ratio5m')})", "Hits"),
            unit="percentunit",
            colour=colours.NEUTRAL,
            decimals=1,
            no_value="no look-ups",
            w=3,
            h=6,
        ),
        timeseries(
            "Redis commands",
            "Commands each second. Far more than requests: a service asks key by key.",
            series(f"sum({select('service:redis_commands:rate5m')})", "commands"),
            unit="ops",
            w=3,
            h=6,
        ),
        timeseries(
            "Redis memory",
            "Memory Redis uses. At its limit it evicts keys or refuses writes.",
            series(f"sum by (instance) ({select('redis_memory_used_bytes')})", "{{instance}}"),
            unit="bytes",
            w=3,
            h=6,
        ),
    )


def _status(name: str, metric: str, alert: str) -> PanelBuilder:
    return stat(
        name,
        f"Whether {name} accepts connections from its exporter. Down: every service that needs it fails; {alert} has "
        "the runbook.",
        now(f"min({select(metric)})", "Status"),
        unit="none",
        names=_UP,
        limit=thresholds.ALL_UP,
        trend=False,
        no_value="not watched",
        w=3,
        h=6,
    )
