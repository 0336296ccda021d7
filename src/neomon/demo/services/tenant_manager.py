"""Tenant Manager: tenants, what they use, and their invoices, in PostgreSQL with a cache in Redis."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import Gauge, Histogram
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from neomon.demo.catalogue import (
    INVOICE_STATUSES,
    PLATFORM_VERSION,
    RESOURCE_TYPES,
    TENANTS,
    TENANTS_SERVICE,
    TRIAL_TENANTS,
)
from neomon.demo.faults.board import FaultBoard
from neomon.demo.levels import resource_usage
from neomon.demo.process import log, run
from neomon.demo.registration import registered, service_targets
from neomon.demo.runtime import Runtime
from neomon.demo.services import statements
from neomon.demo.services.base import Pace, background, build_app, serve
from neomon.demo.services.cache import Cache
from neomon.demo.services.database import Pool, Row, Unavailable
from neomon.demo.services.leak import ConnectionLeak
from neomon.demo.traffic import OPERATION_BY_NAME

POOL_CONNECTIONS = Gauge("tenant_manager_db_pool_connections", "Database connections of the pool.", ["state"])
QUERY_DURATION = Histogram(
    "tenant_manager_db_query_duration_seconds", "Time a statement took in the database.", ["query"],
    buckets=statements.DURATION_BUCKETS,
)  # fmt: skip

_CACHE_SECONDS = 5
_USAGE_EVERY_SECONDS = 30.0
_DATABASE_SHARE = 0.8
"""Share of a request's time that is spent in the database."""


def _observe(name: str, seconds: float) -> None:
    QUERY_DURATION.labels(name).observe(seconds)


class TenantManager:
    """The service's state and handlers."""

    def __init__(self, runtime: Runtime, board: FaultBoard) -> None:
        self._pool = Pool(runtime, "tenant_manager", size=4, observe=_observe)
        self._billing = Pool(runtime, "billing", size=2, observe=_observe)
        self._cache = Cache(runtime, _CACHE_SECONDS)
        self._leak = ConnectionLeak(runtime, board)
        self._pace = Pace()
        self._rng = random.Random()
        self._trials = itertools.cycle(TRIAL_TENANTS)
        POOL_CONNECTIONS.labels("used").set_function(lambda: self._pool.used + self._billing.used)
        POOL_CONNECTIONS.labels("idle").set_function(lambda: self._pool.idle + self._billing.idle)
        for name in statements.NAMES:
            QUERY_DURATION.labels(name)

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Measure the tenants' use while the service runs."""
        async with background(self._measure_usage, self._leak.run):
            yield
        await self._pool.close()
        await self._billing.close()
        await self._cache.close()

    async def tenants(self, _request: Request) -> Response:
        """All tenants."""
        return await self._read("tenants", "tenants_list", statements.TENANTS_LIST, {}, self._pool)

    async def tenant(self, request: Request) -> Response:
        """One tenant."""
        name = request.path_params["tenant"]
        return await self._read(
            "tenant",
            "tenant_get",
            statements.TENANT_GET,
            {"tenant": name},
            self._pool,
            key=f"tenant:{name}",
            needed=True,
        )

    async def usage(self, request: Request) -> Response:
        """What a tenant uses, and may use."""
        name = request.path_params["tenant"]
        return await self._read(
            "usage", "usage_get", statements.USAGE_GET, {"tenant": name}, self._pool, key=f"usage:{name}"
        )

    async def create(self, _request: Request) -> Response:
        """Start a trial tenant; the oldest of its name, if any, is closed."""
        name = next(self._trials)
        pause = self._pace.draw(OPERATION_BY_NAME["create"].latency) * _DATABASE_SHARE
        await self._pool.fetch("tenant_create", statements.TENANT_CREATE, {"tenant": name, "pause": pause})
        await self._pool.fetch("tenant_log", statements.TENANT_LOG, {"tenant": name})
        await self._cache.forget("tenants")
        return JSONResponse({"id": name}, status_code=201)

    async def invoices(self, request: Request) -> Response:
        """A tenant's latest invoices."""
        name = request.headers.get("x-tenant", "")
        return await self._read(
            "invoices",
            "invoices_list",
            statements.INVOICES_LIST,
            {"tenant": name},
            self._billing,
            key=f"invoices:{name}",
        )

    async def invoice(self, request: Request) -> Response:
        """Issue an invoice."""
        status = self._rng.choices(list(INVOICE_STATUSES), list(INVOICE_STATUSES.values()))[0]
        values = {
            "tenant": request.headers.get("x-tenant", ""),
            "amount": self._rng.randrange(1_900, 480_000),
            "status": status,
            "pause": self._pace.draw(OPERATION_BY_NAME["invoice"].latency) * _DATABASE_SHARE,
        }
        rows = await self._billing.fetch("invoice_create", statements.INVOICE_CREATE, values)
        return JSONResponse({"id": rows[0][0], "status": status}, status_code=201)

    async def _read(
        self, operation: str, query: str, sql: Any, values: dict[str, Any], pool: Pool,
        *, key: str | None = None, needed: bool = False,
    ) -> Response:  # fmt: skip
        seconds = self._pace.draw(OPERATION_BY_NAME[operation].latency)

        async def load() -> list[Row]:
            return await pool.fetch(query, sql, {**values, "pause": seconds * _DATABASE_SHARE})

        rows, cached = await self._cache.through(key or operation, load)
        await asyncio.sleep(seconds if cached else seconds * (1 - _DATABASE_SHARE))
        if needed and not rows:
            raise HTTPException(404, "there is no such tenant")
        return JSONResponse(rows)

    async def _measure_usage(self) -> None:
        while True:
            now = time.time()
            measured = [(t.name, kind, resource_usage(t, kind, now)) for t in TENANTS for kind in RESOURCE_TYPES]
            values = dict(
                zip(("tenants", "types", "used"), (list(column) for column in zip(*measured, strict=True)), strict=True)
            )
            try:
                await self._pool.fetch("usage_update", statements.USAGE_UPDATE, values)
                pause = _USAGE_EVERY_SECONDS
            except Unavailable as error:
                log.warning("usage not recorded: %s", error.detail)
                pause = 2.0
            await asyncio.sleep(pause)


def create_app(runtime: Runtime, board: FaultBoard) -> Starlette:
    """The Tenant Manager as an ASGI app."""
    service = TenantManager(runtime, board)
    return build_app(
        [
            ("GET", "/tenants", service.tenants),
            ("POST", "/tenants", service.create),
            ("GET", "/tenants/{tenant}", service.tenant),
            ("GET", "/tenants/{tenant}/usage", service.usage),
            ("GET", "/invoices", service.invoices),
            ("POST", "/invoices", service.invoice),
        ],
        service.lifespan,
        PLATFORM_VERSION,
    )


async def main() -> None:
    """Run the Tenant Manager."""
    runtime = Runtime.from_environment()
    board = FaultBoard(runtime.faults_dir)
    port = runtime.port(TENANTS_SERVICE.port_setting)
    async with registered(runtime, service_targets(TENANTS_SERVICE.name, port)):
        await serve(create_app(runtime, board), port, board)


if __name__ == "__main__":
    run(main())
