"""The HTTP server of an exporter."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from html import escape
from http import HTTPStatus
from typing import TypeVar

from neomon.errors import InputError, UnavailableError
from neomon.exporters.web.exposition import Exposition
from neomon.exporters.web.guard import Guard
from neomon.exporters.web.http import (
    HEAD_LIMIT,
    READ_SECONDS,
    BadRequestError,
    Request,
    Response,
    plain,
    read_request,
    write_response,
)

logger = logging.getLogger(__name__)

R = TypeVar("R")

MAX_CONNECTIONS = 64
MAX_WAITING = 8
"""Requests that may wait for a password check or a scrape; more are told to come back."""
COLLECT_SECONDS = 30
"""How long a scrape may take."""


class MetricsServer:
    """Serves `/metrics` (guarded) and `/-/healthy` (open, says nothing but that the process answers).

    Collecting and bcrypt each have one thread: neither stops the other, nor health checks, and a crowd of scrapers
    or of password guesses can't take more than that.
    """

    def __init__(self, title: str, exposition: Exposition, guard: Guard) -> None:
        self._title = title
        self._exposition = exposition
        self._guard = guard
        self._collecting = ThreadPoolExecutor(1, thread_name_prefix="collect")
        self._checking = ThreadPoolExecutor(1, thread_name_prefix="bcrypt")
        self._waiting = {self._collecting: 0, self._checking: 0}
        self._connections: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen on `host` and return the port, which differs from `port` only when that is 0.

        Raises:
            UnavailableError: The address can't be listened on.
        """
        try:
            self._server = await asyncio.start_server(
                self._connection,
                host,
                port,
                limit=HEAD_LIMIT,
                ssl=self._guard.context,
                ssl_handshake_timeout=READ_SECONDS if self._guard.context else None,
            )
        except OSError as error:
            raise UnavailableError(f"can't listen on {host}:{port}: {error.strerror or error}") from error
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        """Stop listening and drop the connections."""
        if self._server:
            self._server.close()
        for writer in tuple(self._connections):
            writer.transport.abort()
        for pool in self._waiting:
            pool.shutdown(wait=False, cancel_futures=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        self._connections.add(writer)
        # With no buffer, `drain` waits until all is sent, so a reader that stalls is noticed.
        writer.transport.set_write_buffer_limits(0)
        try:
            while await self._exchange(reader, writer):
                pass
        except (EOFError, OSError, ssl.SSLError):
            writer.transport.abort()
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            request = await read_request(reader)
        except BadRequestError as error:
            await write_response(writer, plain(error.status, str(error)))
            return False
        response = await self._answer(request)
        head_only = request.method == "HEAD"
        await write_response(writer, response, head_only=head_only, keep_alive=request.keep_alive)
        return request.keep_alive

    async def _answer(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return plain(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD", {"Allow": "GET, HEAD"})
        if request.path == "/-/healthy":
            return plain(HTTPStatus.OK, "healthy")
        try:
            if not await self._allowed(request):
                challenge = {"WWW-Authenticate": f'Basic realm="{self._title}", charset="UTF-8"'}
                return plain(HTTPStatus.UNAUTHORIZED, "user name and password are needed", challenge)
            if request.path == "/metrics":
                return await self._metrics(request)
        except _BusyError:
            return plain(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at once", {"Retry-After": "1"})
        if request.path == "/":
            title = escape(self._title)
            page = f'<!doctype html><title>{title}</title><h1>{title}</h1><a href="metrics">metrics</a>\n'
            return Response(HTTPStatus.OK, page.encode(), "text/html; charset=utf-8")
        return plain(HTTPStatus.NOT_FOUND, "there are /metrics and /-/healthy")

    async def _allowed(self, request: Request) -> bool:
        self._guard.refresh()
        credentials = self._guard.credentials
        if not credentials.required:
            return True
        header = request.headers.get("authorization", "")
        if not header:
            return False
        return credentials.remembered(header) or await self._run(self._checking, credentials.verify, header)

    async def _metrics(self, request: Request) -> Response:
        accept, encoding = request.headers.get("accept", ""), request.headers.get("accept-encoding", "")
        try:
            async with asyncio.timeout(COLLECT_SECONDS):
                page = await self._run(self._collecting, self._exposition.render, accept, encoding)
        except TimeoutError:
            return plain(HTTPStatus.SERVICE_UNAVAILABLE, f"collecting took more than {COLLECT_SECONDS} s")
        except _BusyError:
            raise
        except Exception:
            logger.exception("rendering the metrics failed")
            return plain(HTTPStatus.INTERNAL_SERVER_ERROR, "rendering the metrics failed; see the log")
        headers = {"Vary": "Accept, Accept-Encoding"} | ({"Content-Encoding": "gzip"} if page.gzipped else {})
        return Response(HTTPStatus.OK, page.body, page.content_type, headers)

    async def _run(self, pool: ThreadPoolExecutor, function: Callable[..., R], *args: object) -> R:
        if self._waiting[pool] >= MAX_WAITING:
            raise _BusyError
        self._waiting[pool] += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, function, *args)
        finally:
            self._waiting[pool] -= 1


class _BusyError(Exception):
    """Too many wait already."""


def parse_listen(listen: str) -> tuple[str, int]:
    """Split `host:port`; an IPv6 host stands in brackets.

    Raises:
        InputError: It is not of that form. A missing host is refused rather than read as "all interfaces".
    """
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise InputError(f"can't listen on {listen!r}: give an address and a port, for example 127.0.0.1:9101")
    return host, int(port)


def serve(
    title: str,
    exposition: Exposition,
    guard: Guard,
    listen: str,
    background: Callable[[], Coroutine[object, object, None]] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        title: The exporter's name, for people.
        exposition: What to serve.
        guard: Whom to serve it to.
        listen: `host:port`.
        background: Work that goes on beside serving; when it ends with an error, so does the exporter.
    """
    host, port = parse_listen(listen)
    asyncio.run(_serve(MetricsServer(title, exposition, guard), host, port, background))


async def _serve(
    server: MetricsServer, host: str, port: int, background: Callable[[], Coroutine[object, object, None]] | None
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    bound = await server.start(host, port)
    logger.info("listening on %s:%d", host, bound)
    stopping = asyncio.create_task(stop.wait())
    work = asyncio.create_task(background()) if background else None
    try:
        await asyncio.wait({task for task in (stopping, work) if task}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await server.close()
        stopping.cancel()
        if work and not work.done():
            work.cancel()
            await asyncio.wait({work}, timeout=5)
    if work and work.done() and not work.cancelled():
        work.result()
