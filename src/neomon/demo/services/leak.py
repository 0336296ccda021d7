"""The fault `db-connections`: connections that are opened and never given back."""

from __future__ import annotations

import asyncio
import math

import psycopg

from neomon.demo.faults.board import FaultBoard
from neomon.demo.process import log
from neomon.demo.runtime import Runtime
from neomon.demo.services.database import Row, Unavailable, connect

FAULT = "db-connections"
_TARGET = 0.875
"""Share of max_connections to be in use while the fault is on."""
_EVERY_SECONDS = 1.0
_STATE = """
SELECT (SELECT sum(numbackends) FROM pg_stat_database)::int, current_setting('max_connections')::int
"""


class ConnectionLeak:
    """Holds as many connections as it takes while the fault is on."""

    def __init__(self, runtime: Runtime, board: FaultBoard) -> None:
        self._runtime = runtime
        self._board = board
        self._held: list[psycopg.AsyncConnection[Row]] = []

    async def run(self) -> None:
        """Leak or give back, for ever."""
        try:
            while True:
                if self._board.is_on(FAULT):
                    await self._leak()
                else:
                    await self._give_back()
                await asyncio.sleep(_EVERY_SECONDS)
        finally:
            await self._give_back()

    async def _leak(self) -> None:
        try:
            if not self._held:
                self._held.append(await connect(self._runtime, "tenant_manager"))
            row = await (await self._held[0].execute(_STATE)).fetchone()
            assert row is not None  # noqa: S101
            used, limit = row
            for _ in range(max(0, math.ceil(limit * _TARGET) - used)):
                self._held.append(await connect(self._runtime, "tenant_manager"))
        except psycopg.Error:
            # The server went away, and the connections with it.
            await self._give_back()
        except Unavailable as error:
            log.warning("fault %s: %s", FAULT, error.detail)

    async def _give_back(self) -> None:
        held, self._held = self._held, []
        for connection in held:
            await connection.close()
