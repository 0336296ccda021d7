"""The Auth Service's synchronisation with LDAP, whose runs are kept in the `auth` database."""

from __future__ import annotations

import asyncio
import random
import time

from neomon.demo.catalogue import LDAP_SYNC_SECONDS, TENANTS
from neomon.demo.faults.board import FaultBoard
from neomon.demo.process import log
from neomon.demo.services.database import Pool, Unavailable

FAULT = "ldap"
GROUPS = 18
USERS = sum(tenant.users for tenant in TENANTS)
TYPICAL_SECONDS = 2.4
_RETRY_SECONDS = 60.0
_LOOK_SECONDS = 0.5
_ASK_SECONDS = 10.0
"""Between two looks into the database, while nothing changes."""
_KEEP_DAYS = 7

_LAST_RUN = """
SELECT extract(epoch FROM now() - started_at)::float8, success FROM ldap_sync_runs ORDER BY id DESC LIMIT 1
"""
_RECORD = """
INSERT INTO ldap_sync_runs (started_at, duration_seconds, success, users, groups)
VALUES (now(), %(duration)s, %(success)s, %(users)s, %(groups)s)
"""
_PRUNE = "DELETE FROM ldap_sync_runs WHERE started_at < now() - make_interval(days => %(days)s)"


class LdapSync:
    """Runs every five minutes; every minute while it fails."""

    def __init__(self, pool: Pool, board: FaultBoard) -> None:
        self._pool = pool
        self._board = board
        self._rng = random.Random()
        self._failing: bool | None = None
        self._asked = float("-inf")

    async def run(self) -> None:
        """Synchronise for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self.step()
            except Unavailable as error:
                log.warning("LDAP synchronisation not recorded: %s", error.detail)
                await asyncio.sleep(2)

    async def step(self) -> bool:
        """Synchronise if it is time; True when it was."""
        failing = self._board.is_on(FAULT)
        if failing == self._failing and time.monotonic() - self._asked < _ASK_SECONDS:
            return False
        rows = await self._pool.fetch("ldap_last_run", _LAST_RUN)
        age, succeeded = rows[0] if rows else (float("inf"), True)
        self._failing, self._asked = failing, time.monotonic()
        turned = failing == succeeded
        if not turned and age < (LDAP_SYNC_SECONDS if succeeded else _RETRY_SECONDS):
            return False
        result = {
            "duration": 30.0 if failing else TYPICAL_SECONDS * self._rng.uniform(0.8, 1.3),
            "success": not failing,
            "users": 0 if failing else USERS,
            "groups": 0 if failing else GROUPS,
        }
        await self._pool.fetch("ldap_record", _RECORD, result)
        await self._pool.fetch("ldap_prune", _PRUNE, {"days": _KEEP_DAYS})
        return True
