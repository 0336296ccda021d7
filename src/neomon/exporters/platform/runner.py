"""Run one query on its own schedule, on its own connection."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from dataclasses import dataclass, field

import psycopg
from psycopg import AsyncConnection

from neomon.exporters.platform.plan import Address, Query
from neomon.exporters.platform.series import Counters, Result, ResultError, results

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 5
"""How long a connection may take."""
GRACE_SECONDS = 2
"""How much longer than the server's own timeout we wait, before we take the server for dead."""
FIRST_RETRY_SECONDS = 1.0
LAST_RETRY_SECONDS = 30.0
"""Bounds of the pause before another try to connect; it doubles in between."""
KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}


@dataclass
class State:
    """What the last runs of a query gave; written by its runner, read by the collector."""

    query: Query
    results: tuple[Result, ...] = ()
    up: bool | None = None
    """Whether the last run worked; None before the first."""
    last_success: float | None = None
    """Seconds since 1970."""
    duration_seconds: float | None = None
    errors: int = 0
    counters: Counters = field(default_factory=Counters)


class Runner:
    """Asks one query again and again; nothing that happens to it touches another."""

    def __init__(self, query: Query, address: Address) -> None:
        self.state = State(query)
        self._query = query
        self._address = address
        self._connection: AsyncConnection | None = None
        self._last_message = ""

    async def run(self) -> None:
        """Run until cancelled."""
        # Spread the queries, so that they don't all meet the server at once.
        await asyncio.sleep(random.uniform(0, min(1.0, self._query.interval_seconds / 10)))
        lost = 0
        try:
            while True:
                started = time.monotonic()
                connected = await self.once()
                spent = time.monotonic() - started
                lost = 0 if connected else lost + 1
                await asyncio.sleep(max(self._pause(lost) - (0 if lost else spent), 0.05))
        finally:
            await self._disconnect()

    def _pause(self, lost: int) -> float:
        if not lost:
            return self._query.interval_seconds
        doubled = FIRST_RETRY_SECONDS * 2.0 ** min(lost - 1, 10)
        return min(doubled, LAST_RETRY_SECONDS, self._query.interval_seconds) * random.uniform(0.8, 1.2)

    async def once(self) -> bool:
        """Run the query now and keep the outcome; returns whether the database could be reached."""
        state = self.state
        started = time.monotonic()
        failure: Exception | None = None
        try:
            async with asyncio.timeout(CONNECT_SECONDS + GRACE_SECONDS):
                connection = await self._connected()
            async with asyncio.timeout(self._query.timeout_seconds + GRACE_SECONDS):
                columns, rows = await self._ask(connection)
            found = results(self._query, columns, rows)
            state.results = tuple(state.counters.held(result) for result in found)
            state.last_success = time.time()
        except (psycopg.Error, ResultError, OSError, TimeoutError, UnicodeError) as error:
            failure = error
        # Anything else is a mistake of ours: still, one query's must not stop the others.
        except Exception as error:
            logger.exception("query %s", self._query.name)
            failure = error
        state.duration_seconds = time.monotonic() - started
        state.up = failure is None
        if failure is None:
            self._recovered()
            return True
        state.errors += 1
        self._report(failure)
        if self._connection is None or self._connection.closed or self._connection.broken:
            await self._disconnect()
            return False
        if isinstance(failure, TimeoutError):
            await self._disconnect()
        return True

    async def _connected(self) -> AsyncConnection:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        address = self._address
        try:
            password = address.password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise OSError(f"password file {address.password_file}: {error.strerror}") from error
        self._connection = await AsyncConnection.connect(
            host=address.host,
            port=address.port,
            user=address.user,
            password=password,
            dbname=address.name,
            sslmode=address.sslmode,
            connect_timeout=CONNECT_SECONDS,
            application_name=f"neomon platform exporter: {self._query.name}"[:63],
            **KEEPALIVE,  # type: ignore[arg-type]
        )
        # Statements prepared on the server would not survive a connection pooler.
        self._connection.prepare_threshold = None
        await self._connection.set_read_only(True)
        return self._connection

    async def _ask(self, connection: AsyncConnection) -> tuple[list[str], list[tuple[object, ...]]]:
        timeout = str(max(1, round(self._query.timeout_seconds * 1000)))
        async with connection.transaction():
            # Set for the transaction only, which works through connection poolers too. The planner is told that all
            # rows are wanted, though they come through a cursor.
            await connection.execute(
                "SELECT set_config('statement_timeout', %s, true), set_config('cursor_tuple_fraction', '1', true)",
                [timeout],
            )
            async with connection.cursor(name="neomon") as cursor:
                # A cursor on the server: rows beyond the limit are never sent.
                await cursor.execute(self._query.sql.encode())
                rows = await cursor.fetchmany(self._query.row_limit + 1)
                return [column.name for column in cursor.description or ()], rows

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _report(self, failure: Exception) -> None:
        message = _sentence(failure)
        # A failure that repeats is logged once; the metrics tell that it goes on.
        if message != self._last_message:
            logger.warning("query %s: %s", self._query.name, message)
        self._last_message = message

    def _recovered(self) -> None:
        if self._last_message:
            logger.info("query %s works again", self._query.name)
        self._last_message = ""


def _sentence(failure: Exception) -> str:
    if isinstance(failure, TimeoutError):
        return "the database does not answer"
    return (str(failure) or type(failure).__name__).strip().splitlines()[0]
