"""A small pool of PostgreSQL connections that bears a database which comes and goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, LiteralString

import psycopg
from starlette.exceptions import HTTPException

from neomon.demo.runtime import APPLICATION_PASSWORD, APPLICATION_USER, HOST, Runtime

_CONNECT_SECONDS = 2
_WAIT_SECONDS = 2.0
_STATEMENT_MILLISECONDS = 4_000

Observer = Callable[[str, float], None]
Row = tuple[Any, ...]


class Unavailable(HTTPException):
    """The database can't be asked now; the service answers 503."""

    def __init__(self, reason: str) -> None:
        super().__init__(503, f"database unavailable: {reason}")


async def connect(runtime: Runtime, database: str) -> psycopg.AsyncConnection[Row]:
    """A connection of the platform's own user, committing each statement.

    Raises:
        Unavailable: The server refuses or does not answer.
    """
    try:
        return await psycopg.AsyncConnection.connect(
            host=HOST,
            port=runtime.port("postgres"),
            dbname=database,
            user=APPLICATION_USER,
            password=runtime.secrets.read(APPLICATION_PASSWORD),
            connect_timeout=_CONNECT_SECONDS,
            sslmode="disable",
            options=f"-c statement_timeout={_STATEMENT_MILLISECONDS}",
            autocommit=True,
        )
    except psycopg.Error as error:
        raise Unavailable(type(error).__name__) from error


class Pool:
    """At most `size` connections to one database, opened when first needed and kept."""

    def __init__(self, runtime: Runtime, database: str, size: int, observe: Observer | None = None) -> None:
        self._runtime = runtime
        self._database = database
        self._slots = asyncio.Semaphore(size)
        self._idle: list[psycopg.AsyncConnection[Row]] = []
        self._observe = observe
        self.used = 0
        """Connections at work."""

    @property
    def idle(self) -> int:
        """Connections at rest."""
        return len(self._idle)

    async def fetch(self, name: str, sql: LiteralString, parameters: dict[str, Any] | None = None) -> list[Row]:
        """Run one statement and return its rows; `name` is what its duration is recorded under.

        Raises:
            Unavailable: The database is away, busy, or the statement took too long.
        """
        async with self._connection() as connection:
            started = time.perf_counter()
            try:
                cursor = await connection.execute(sql, parameters)
                return await cursor.fetchall() if cursor.description else []
            finally:
                if self._observe is not None:
                    self._observe(name, time.perf_counter() - started)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection[Row]]:
        try:
            await asyncio.wait_for(self._slots.acquire(), _WAIT_SECONDS)
        except TimeoutError as error:
            raise Unavailable("no free connection") from error
        connection: psycopg.AsyncConnection[Row] | None = None
        try:
            connection = self._idle.pop() if self._idle else await connect(self._runtime, self._database)
            self.used += 1
            try:
                yield connection
            finally:
                self.used -= 1
            self._idle.append(connection)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            # After a restart of the server all connections are dead, not just this one.
            await self._discard(connection)
            raise Unavailable(type(error).__name__) from error
        except BaseException:
            await self._discard(connection, others=False)
            raise
        finally:
            self._slots.release()

    async def _discard(self, connection: psycopg.AsyncConnection[Row] | None, *, others: bool = True) -> None:
        doomed = [connection] if connection is not None else []
        if others:
            doomed += self._idle
            self._idle = []
        for one in doomed:
            await one.close()

    async def close(self) -> None:
        """Close the connections at rest."""
        await self._discard(None)
