"""What the platform exporter runs, after the configuration was checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

MetricType = Literal["gauge", "counter", "unknown"]


@dataclass(frozen=True)
class MetricSpec:
    """One metric taken from the rows of a query."""

    name: str
    type: MetricType
    help: str
    value: str
    """Column that holds the value; a row where it is NULL gives no series."""
    labels: tuple[str, ...] = ()
    """Columns that become labels of the same name."""
    constant_labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Query:
    """One SQL query and what its answer means."""

    name: str
    database: str
    sql: str
    metrics: tuple[MetricSpec, ...]
    interval_seconds: float = 30
    timeout_seconds: float = 5
    stale_after_seconds: float = 150
    """Age at which the last good answer is no longer exported."""
    row_limit: int = 5000


@dataclass(frozen=True)
class Address:
    """Where a database is and who asks."""

    host: str
    port: int
    user: str
    password_file: Path
    """Read at each connection, so that the password can be rotated."""
    name: str
    sslmode: str


@dataclass(frozen=True)
class Plan:
    """Queries with the databases they ask."""

    queries: tuple[Query, ...]
    databases: Mapping[str, Address]

    def runnable(self) -> tuple[Query, ...]:
        """Queries whose database is known."""
        return tuple(query for query in self.queries if query.database in self.databases)

    def skipped(self) -> tuple[Query, ...]:
        """Queries whose database is not configured in this installation."""
        return tuple(query for query in self.queries if query.database not in self.databases)
