"""API Gateway: the one door to the platform. Limits each tenant's rate and forwards to the service responsible."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from prometheus_client import Counter, Gauge, Histogram
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from neomon.demo.catalogue import GATEWAY, PLATFORM_VERSION, SERVICES, TENANTS, Service, rate_limit
from neomon.demo.faults.board import FaultBoard
from neomon.demo.process import run
from neomon.demo.registration import registered, service_targets
from neomon.demo.runtime import Runtime
from neomon.demo.services.base import Handler, Pace, build_app, health, serve
from neomon.demo.services.limiter import TokenBucket
from neomon.demo.tracing import HEADER, child_traceparent
from neomon.demo.traffic import GATEWAY_OVERHEAD_SECONDS, OPERATIONS, Operation
from neomon.exporters.instrument import BUCKETS

RATE_LIMIT_DECISIONS = Counter(
    "api_gateway_rate_limit_decisions_total",
    "Requests let through and refused by the rate limit.",
    ["tenant", "decision"],
)
RATE_LIMIT = Gauge("api_gateway_rate_limit_requests_per_second", "Requests a second a tenant may send.", ["tenant"])
UPSTREAM_DURATION = Histogram(
    "api_gateway_upstream_request_duration_seconds", "Time until an upstream service answered.", ["upstream"],
    buckets=BUCKETS,
)  # fmt: skip
UPSTREAM_ERRORS = Counter(
    "api_gateway_upstream_errors_total", "Upstream requests that failed or were answered with a 5xx.", ["upstream"]
)

_UPSTREAM_SECONDS = 10.0
_FAULTY_DELAY = 3.0
_FAULTY_SHARES = {"errors": 1 / 3, "error-budget": 0.03}
_PASSED_ON = ("authorization", "content-type", "x-tenant")


class Gateway:
    """Forwards requests; knows the limits and the faults."""

    def __init__(self, runtime: Runtime, board: FaultBoard) -> None:
        self._runtime = runtime
        self._board = board
        self._pace = Pace()
        self._buckets = {
            tenant.name: TokenBucket(rate_limit(tenant, runtime.requests_per_second)) for tenant in TENANTS
        }
        self._session: aiohttp.ClientSession | None = None
        for name, bucket in self._buckets.items():
            RATE_LIMIT.labels(name).set(bucket.rate)
        for service in SERVICES[1:]:
            UPSTREAM_ERRORS.labels(service.name)

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Keep the connections to the other services while the gateway runs."""
        timeout = aiohttp.ClientTimeout(total=_UPSTREAM_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            self._session = session
            yield

    async def health(self, request: Request) -> Response:
        """Answer that the gateway is up, unless the fault says otherwise."""
        if self._board.is_on("unhealthy"):
            return JSONResponse({"status": "failing", "reason": "fault `unhealthy` is on"}, status_code=503)
        return await health(request)

    def handler(self, operation: Operation) -> Handler:
        """The handler of one route."""

        async def handle(request: Request) -> Response:
            self._limit(request)
            await self._misbehave()
            await asyncio.sleep(GATEWAY_OVERHEAD_SECONDS / 2)
            path = operation.upstream_route.format(**request.path_params)
            return await self._forward(request, operation.upstream, path)

        return handle

    def _limit(self, request: Request) -> None:
        bucket = self._buckets.get(request.headers.get("x-tenant", ""))
        if bucket is None:
            raise HTTPException(400, "the header X-Tenant must name a tenant of the platform")
        allowed = bucket.allow()
        RATE_LIMIT_DECISIONS.labels(request.headers["x-tenant"], "allowed" if allowed else "limited").inc()
        if not allowed:
            raise HTTPException(429, f"more than {bucket.rate:g} requests a second", headers={"retry-after": "1"})

    async def _misbehave(self) -> None:
        if self._board.is_on("latency"):
            await asyncio.sleep(_FAULTY_DELAY)
        for fault, share in _FAULTY_SHARES.items():
            if self._board.is_on(fault) and self._pace.chance(share):
                raise HTTPException(500, f"fault `{fault}` is on")

    async def _forward(self, request: Request, upstream: Service, path: str) -> Response:
        assert self._session is not None  # noqa: S101
        headers = {name: value for name, value in request.headers.items() if name in _PASSED_ON}
        headers[HEADER] = child_traceparent(request.headers.get(HEADER))
        query = f"?{request.url.query}" if request.url.query else ""
        started = time.perf_counter()
        try:
            async with self._session.request(
                request.method,
                self._runtime.url(upstream.port_setting) + path + query,
                headers=headers,
                data=await request.body() or None,
            ) as answer:
                body = await answer.read()
                status, kind = answer.status, answer.headers.get("content-type")
        except TimeoutError:
            status, body, kind = 504, b'{"error": "no answer in time"}', "application/json"
        except aiohttp.ClientError:
            status, body, kind = 502, b'{"error": "the service behind is not there"}', "application/json"
        UPSTREAM_DURATION.labels(upstream.name).observe(time.perf_counter() - started)
        if status >= 500:
            UPSTREAM_ERRORS.labels(upstream.name).inc()
        return Response(body, status_code=status, media_type=kind)


def create_app(runtime: Runtime, board: FaultBoard) -> Starlette:
    """The gateway as an ASGI app."""
    gateway = Gateway(runtime, board)
    routes = [(operation.method, operation.route, gateway.handler(operation)) for operation in OPERATIONS]
    return build_app(routes, gateway.lifespan, PLATFORM_VERSION, gateway.health)


async def main() -> None:
    """Run the gateway."""
    runtime = Runtime.from_environment()
    board = FaultBoard(runtime.faults_dir)
    port = runtime.port(GATEWAY.port_setting)
    async with registered(runtime, service_targets(GATEWAY.name, port)):
        await serve(create_app(runtime, board), port, board)


if __name__ == "__main__":
    run(main())
