"""Stack Deployer: deploys the tenants' stacks one after the other, and records what changes on the platform."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from prometheus_client import Counter, Gauge, Histogram
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from neomon.demo.catalogue import DEPLOYER, PLATFORM_VERSION, TENANT_BY_NAME, TENANTS_SERVICE
from neomon.demo.faults.board import FaultBoard
from neomon.demo.process import run
from neomon.demo.registration import registered, service_targets
from neomon.demo.runtime import Runtime
from neomon.demo.services.base import Pace, background, build_app, serve
from neomon.demo.services.burners import Burners
from neomon.demo.services.database import Pool
from neomon.demo.services.events import PlatformEvents
from neomon.demo.tracing import HEADER, child_traceparent
from neomon.demo.traffic import DEPLOYMENT_FAILURES, DEPLOYMENT_LATENCY, OPERATION_BY_NAME

DEPLOYMENT_BUCKETS = (1, 2, 5, 10, 30, 60, 120, 300)
"""Seconds."""
DEPLOYMENTS = Counter("stack_deployer_deployments_total", "Deployments of tenants' stacks, by outcome.", ["result"])
DEPLOYMENT_DURATION = Histogram(
    "stack_deployer_deployment_duration_seconds", "Time a deployment took, once begun.", buckets=DEPLOYMENT_BUCKETS
)
QUEUE_LENGTH = Gauge("stack_deployer_queue_length", "Deployments waiting or under way.")

_WORKERS = 3
_LONGEST_QUEUE = 200
_LONGEST_DEPLOYMENT = 280.0
_ASK_SECONDS = 5.0


class StackDeployer:
    """The service's state and handlers."""

    def __init__(self, runtime: Runtime, board: FaultBoard) -> None:
        self._runtime = runtime
        self._board = board
        self._pace = Pace()
        self._rng = random.Random()
        self._queue: asyncio.Queue[int] = asyncio.Queue(_LONGEST_QUEUE)
        self._busy = 0
        self._numbers = itertools.count(int(time.time()))
        self._recent: dict[str, deque[int]] = {name: deque(maxlen=20) for name in TENANT_BY_NAME}
        self._pool = Pool(runtime, "tenant_manager", size=1)
        self._session: aiohttp.ClientSession | None = None
        QUEUE_LENGTH.set_function(lambda: self._queue.qsize() + self._busy)
        for result in ("success", "failure"):
            DEPLOYMENTS.labels(result)

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Work the queue while the service runs."""
        events = PlatformEvents(self._pool, self._board)
        burners = Burners(self._board)
        timeout = aiohttp.ClientTimeout(total=_ASK_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            background(events.run, burners.run, *[self._work] * _WORKERS),
        ):
            self._session = session
            yield
        await self._pool.close()

    async def stacks(self, request: Request) -> Response:
        """A tenant's stack and its latest deployments."""
        tenant = TENANT_BY_NAME.get(request.path_params["tenant"])
        await self._pace.work(OPERATION_BY_NAME["stacks"].latency)
        if tenant is None:
            raise HTTPException(404, "there is no such tenant")
        return JSONResponse({"stacks": [tenant.stack], "deployments": list(self._recent[tenant.name])})

    async def deploy(self, request: Request) -> Response:
        """Queue a deployment, if the tenant exists and the queue has room."""
        name = request.path_params["tenant"]
        await self._pace.work(OPERATION_BY_NAME["deploy"].latency)
        tenant = TENANT_BY_NAME.get(name)
        if tenant is None or request.query_params.get("stack") != tenant.stack:
            raise HTTPException(400, "the tenant has no such stack")
        await self._check_quota(request, name)
        number = next(self._numbers)
        try:
            self._queue.put_nowait(number)
        except asyncio.QueueFull as error:
            raise HTTPException(503, "too many deployments are waiting") from error
        self._recent[name].append(number)
        return JSONResponse({"deployment": number}, status_code=202)

    async def _check_quota(self, request: Request, tenant: str) -> None:
        assert self._session is not None  # noqa: S101
        url = f"{self._runtime.url(TENANTS_SERVICE.port_setting)}/tenants/{tenant}/usage"
        headers = {HEADER: child_traceparent(request.headers.get(HEADER))}
        try:
            async with self._session.get(url, headers=headers) as answer:
                if answer.status != 200:
                    raise HTTPException(503, "the tenant's quota can't be checked now")
                rows = await answer.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise HTTPException(503, "the Tenant Manager does not answer") from error
        if any(used > quota for _, used, quota in rows):
            raise HTTPException(409, "the tenant is over its quota")

    async def _work(self) -> None:
        while True:
            await self._queue.get()
            self._busy += 1
            started = time.perf_counter()
            try:
                seconds = self._rng.lognormvariate(0, DEPLOYMENT_LATENCY.sigma) * DEPLOYMENT_LATENCY.median
                await asyncio.sleep(min(seconds, _LONGEST_DEPLOYMENT))
            finally:
                self._busy -= 1
            failed = self._pace.chance(DEPLOYMENT_FAILURES)
            DEPLOYMENTS.labels("failure" if failed else "success").inc()
            DEPLOYMENT_DURATION.observe(time.perf_counter() - started)


def create_app(runtime: Runtime, board: FaultBoard) -> Starlette:
    """The Stack Deployer as an ASGI app."""
    service = StackDeployer(runtime, board)
    return build_app(
        [
            ("GET", "/tenants/{tenant}/stacks", service.stacks),
            ("POST", "/tenants/{tenant}/stacks", service.deploy),
        ],
        service.lifespan,
        PLATFORM_VERSION,
    )


async def main() -> None:
    """Run the Stack Deployer; while the fault `vanish` is on, without being registered."""
    runtime = Runtime.from_environment()
    board = FaultBoard(runtime.faults_dir)
    port = runtime.port(DEPLOYER.port_setting)
    targets = service_targets(DEPLOYER.name, port)
    async with registered(runtime, targets, unless=lambda: board.is_on("vanish")):
        await serve(create_app(runtime, board), port, board)


if __name__ == "__main__":
    run(main())
