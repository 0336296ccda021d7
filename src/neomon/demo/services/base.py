"""What the services have in common: how they are built, how they fail, how they listen."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import uvicorn
from prometheus_client import REGISTRY, CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from neomon.demo.catalogue import revision_of
from neomon.demo.faults.board import FaultBoard
from neomon.demo.process import log
from neomon.demo.runtime import HOST
from neomon.demo.traffic import SERVER_ERROR_EVERY, Latency
from neomon.exporters.instrument import instrument

Handler = Callable[[Request], Awaitable[Response]]
Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]

_POLL_SECONDS = 0.2
_GRACE_SECONDS = 2


class Pace:
    """Makes requests take their time, and a rare one fail."""

    def __init__(self) -> None:
        self._rng = random.Random()
        self._requests = 0

    def draw(self, latency: Latency) -> float:
        """Seconds the present request shall take.

        Raises:
            HTTPException: It is this request's turn to fail.
        """
        self._requests += 1
        if self._requests % SERVER_ERROR_EVERY == 0:
            raise HTTPException(500, "an internal error, one of the few this service has every day")
        return latency.sample(self._rng)

    async def work(self, latency: Latency) -> None:
        """Take as long as this kind of request does."""
        await asyncio.sleep(self.draw(latency))

    def chance(self, share: float) -> bool:
        """True in `share` of the cases."""
        return self._rng.random() < share


async def health(_request: Request) -> Response:
    """Answer that the service is up."""
    return JSONResponse({"status": "ok"})


def build_app(
    routes: list[tuple[str, str, Handler]],
    lifespan: Lifespan,
    version: str,
    health_check: Handler = health,
    registry: CollectorRegistry = REGISTRY,
) -> Starlette:
    """An instrumented app of `routes` (method, path template, handler) and a health check."""
    app = Starlette(
        routes=[
            Route("/health", health_check, methods=["GET"]),
            *(Route(path, handler, methods=[method]) for method, path, handler in routes),
        ],
        lifespan=lifespan,
        exception_handlers={HTTPException: _as_json},
    )
    instrument(app, version=version, revision=revision_of(version), registry=registry)
    return app


async def _as_json(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


async def serve(app: Starlette, port: int, board: FaultBoard, down: str | None = None) -> None:
    """Listen until told to stop; while the fault `down` is on, live but do not listen."""
    while True:
        if down is not None and board.is_on(down):
            await asyncio.sleep(_POLL_SECONDS)
            continue
        server = _server(app, port)
        failed = await _serve_until(server, board, down)
        if not failed:
            return
        log.warning("fault %s: no longer listening on port %d", down, port)


async def serve_all(apps: list[tuple[Starlette, int]]) -> None:
    """Listen on several ports with an app each, until told to stop."""
    await asyncio.gather(*(_server(app, port).serve() for app, port in apps))


def _server(app: Starlette, port: int) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=HOST,
            port=port,
            log_level="warning",
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )


async def _serve_until(server: uvicorn.Server, board: FaultBoard, down: str | None) -> bool:
    """Run the server; True when it was the fault that ended it."""
    if down is None:
        await server.serve()
        return False
    watcher = asyncio.create_task(_stop_on_fault(server, board, down))
    try:
        await server.serve()
        # Not whether the fault is on now: it may have been healed while the last requests were being answered.
        return watcher.done()
    finally:
        watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watcher


async def _stop_on_fault(server: uvicorn.Server, board: FaultBoard, down: str) -> None:
    while True:
        if board.is_on(down):
            break
        await asyncio.sleep(_POLL_SECONDS)
    server.should_exit = True


@asynccontextmanager
async def background(*tasks: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run endless tasks beside the service; one that fails is logged and started again."""
    running = [asyncio.create_task(_restarted(task)) for task in tasks]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _restarted(task: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await task()
        except Exception:
            log.exception("%s failed and is started again", getattr(task, "__name__", "a background task"))
        await asyncio.sleep(1)
