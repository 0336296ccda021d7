"""What the Stack Deployer records about the platform itself: deployments, configuration changes, backups."""

from __future__ import annotations

import asyncio
import time

from neomon.demo.catalogue import DATABASES, GATEWAY, TENANTS_SERVICE
from neomon.demo.faults.board import FaultBoard
from neomon.demo.process import log
from neomon.demo.services.database import Pool, Unavailable

STALE_DATABASE = "billing"
_LOOK_SECONDS = 0.5
_ASK_SECONDS = 10.0
"""Between two looks into the database, while nothing changes."""
_BACKUP_HOURS = 24

_DEPLOY = """
INSERT INTO deployments (service, version, deployed_at)
SELECT %(service)s, '3.0.' || (2 + count(*)), now() FROM deployments WHERE service = %(service)s
"""
_CONFIGURE = """
INSERT INTO configuration_changes (service, summary, changed_at) VALUES (%(service)s, %(summary)s, now())
"""
_BACKUP = """
INSERT INTO backups (database, size_bytes, success, completed_at)
VALUES (%(database)s::text, pg_database_size(%(database)s::text::name), true, now())
"""
_OVERDUE = """
SELECT name FROM unnest(%(databases)s::text[]) AS name
WHERE NOT EXISTS (
    SELECT FROM backups
    WHERE database = name AND success AND completed_at > now() - make_interval(hours => %(hours)s)
)
"""
_AGE = """
UPDATE backups SET completed_at = completed_at - interval '3 days'
WHERE database = %(database)s AND completed_at > now() - interval '3 days'
"""


class PlatformEvents:
    """Carries out the one-off faults, and backs up what has not been backed up for a day."""

    def __init__(self, pool: Pool, board: FaultBoard) -> None:
        self._pool = pool
        self._board = board
        self._stale: bool | None = None
        self._asked = float("-inf")

    async def run(self) -> None:
        """Watch for ever."""
        while True:
            try:
                await self.step()
            except Unavailable as error:
                log.warning("events not recorded: %s", error.detail)
                await asyncio.sleep(2)
            await asyncio.sleep(_LOOK_SECONDS)

    async def step(self) -> None:
        """Do what is due."""
        faults = self._board.active()
        if "deploy" in faults:
            await self._pool.fetch("deploy", _DEPLOY, {"service": TENANTS_SERVICE.name})
            self._board.switch_off("deploy")
        if "config" in faults:
            summary = "rate limits reviewed"
            await self._pool.fetch("configure", _CONFIGURE, {"service": GATEWAY.name, "summary": summary})
            self._board.switch_off("config")
        if "backup" in faults:
            await self._pool.fetch("backup", _BACKUP, {"database": "tenant_manager"})
            self._board.switch_off("backup")
        stale = "backup-stale" in faults
        if stale == self._stale and time.monotonic() - self._asked < _ASK_SECONDS:
            return
        if stale:
            await self._pool.fetch("backup_age", _AGE, {"database": STALE_DATABASE})
        for database in await self._overdue(stale):
            await self._pool.fetch("backup", _BACKUP, {"database": database})
        self._stale, self._asked = stale, time.monotonic()

    async def _overdue(self, stale: bool) -> list[str]:
        databases = [name for name in DATABASES if not (stale and name == STALE_DATABASE)]
        rows = await self._pool.fetch("backups_overdue", _OVERDUE, {"databases": databases, "hours": _BACKUP_HOURS})
        return [row[0] for row in rows]
