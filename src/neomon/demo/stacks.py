"""The tenants' own stacks: one process, three small apps, each on its port and with the label `tenant`.

`python -m neomon.demo.stacks`
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from neomon.demo.catalogue import STACK_VERSIONS, TENANTS, Tenant
from neomon.demo.faults.board import FaultBoard
from neomon.demo.process import run
from neomon.demo.registration import registered, service_targets
from neomon.demo.runtime import Runtime
from neomon.demo.services.base import Handler, Pace, build_app, serve_all
from neomon.demo.traffic import STACK_ROUTES, StackRoute

_FAULTY_TENANT = "acme"
_FAULTY_SHARE = 1 / 3


def create_app(tenant: Tenant, board: FaultBoard) -> Starlette:
    """A tenant's stack as an ASGI app."""
    pace = Pace()
    routes = [(route.method, route.route, _handler(tenant, route, pace, board)) for route in STACK_ROUTES[tenant.stack]]
    # Three services in one process: each shows its own series only.
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return build_app(routes, _no_lifespan, STACK_VERSIONS[tenant.stack], registry=registry)


def _handler(tenant: Tenant, route: StackRoute, pace: Pace, board: FaultBoard) -> Handler:
    async def handle(_request: Request) -> Response:
        await pace.work(route.latency)
        if tenant.name == _FAULTY_TENANT and board.is_on("tenant-errors") and pace.chance(_FAULTY_SHARE):
            raise HTTPException(500, "fault `tenant-errors` is on")
        for status, share in route.client_errors:
            if pace.chance(share):
                raise HTTPException(int(status), "not this time")
        return JSONResponse({"tenant": tenant.name, "stack": tenant.stack})

    return handle


@asynccontextmanager
async def _no_lifespan(_app: Starlette) -> AsyncIterator[None]:
    yield


async def main() -> None:
    """Run the stacks."""
    runtime = Runtime.from_environment()
    board = FaultBoard(runtime.faults_dir)
    async with AsyncExitStack() as stack:
        for index, tenant in enumerate(TENANTS):
            targets = service_targets(tenant.stack, runtime.stack_port(index), tenant.name)
            await stack.enter_async_context(registered(runtime, targets))
        await serve_all(
            [(create_app(tenant, board), runtime.stack_port(index)) for index, tenant in enumerate(TENANTS)]
        )


if __name__ == "__main__":
    run(main())
