"""Measure every HTTP request that passes through an ASGI application."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from neomon.exporters.instrument.asgi import ASGIApp, Message, Receive, Scope, Send, route_path
from neomon.exporters.instrument.metrics import HttpMetrics
from neomon.exporters.instrument.page import MetricsPage
from neomon.exporters.instrument.routes import RouteNamer
from neomon.exporters.instrument.trace import from_headers, span_reader

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"))
OTHER = "OTHER"
CLIENT_GONE = 499
"""Status of a request whose client left before an answer began; nginx's convention."""
MARK = "neomon.instrumented"


class Instrumented:
    """The application with its requests measured and its metrics served.

    Stands outermost, so that what other middlewares answer (429, 401) and what they cost is counted too.
    """

    def __init__(self, app: ASGIApp, metrics: HttpMetrics, namer: RouteNamer, page: MetricsPage, path: str) -> None:
        self._app = app
        self._metrics = metrics
        self._namer = namer
        self._page = page
        self._path = path
        self._span: Callable[[], str | None] | None = span_reader()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection; all but HTTP requests pass untouched."""
        # A mounted application may be instrumented too; the outermost one counts.
        if scope["type"] != "http" or MARK in scope:
            await self._app(scope, receive, send)
            return
        path = route_path(scope)
        if path == self._path:
            await self._page(scope, send)
            return
        scope[MARK] = True
        await self._measured(scope, receive, send, path)

    async def _measured(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        exchange = _Exchange(receive, send, self._span)
        in_flight = self._metrics.in_flight
        in_flight.inc()
        started = time.perf_counter()
        failed = False
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:
            exchange.client_gone = True
            raise
        except Exception as error:
            failed = True
            # Writing to a client that left is how servers and Starlette tell so.
            exchange.client_gone |= isinstance(error, OSError) and bool(exchange.status)
            raise
        finally:
            seconds = time.perf_counter() - started
            in_flight.dec()
            method = scope["method"]
            self._metrics.finished(
                method if method in METHODS else OTHER,
                self._namer(scope, path),
                exchange.outcome(failed),
                seconds,
                exchange.trace_id or from_headers(scope["headers"]),
            )


class _Exchange:
    """Listens to both directions of a request."""

    __slots__ = ("_complete", "_receive", "_send", "_span", "client_gone", "status", "trace_id")

    def __init__(self, receive: Receive, send: Send, span: Callable[[], str | None] | None) -> None:
        self._receive = receive
        self._send = send
        self._span = span
        self.status = 0
        self.client_gone = False
        self._complete = False
        self.trace_id: str | None = None

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.client_gone = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            # What follows on a client that left meanwhile doesn't change what was answered.
            self.status = CLIENT_GONE if self.client_gone and message["status"] >= 500 else message["status"]
            # Wherever tracing wraps the application, inside of us or outside, its span is current now.
            if self._span and self.trace_id is None:
                self.trace_id = self._span()
        elif message["type"] == "http.response.body" and not message.get("more_body"):
            self._complete = True
        await self._send(message)

    def outcome(self, failed: bool) -> int:
        """The status to count.

        An answer that broke off through the service's fault is a failure, whatever its first line said. One that was
        complete counts as the client saw it, though an error may come after it: Starlette raises what it has reported.
        """
        if self.client_gone:
            return self.status or CLIENT_GONE
        if not self.status or (failed and not self._complete):
            return 500
        return self.status
