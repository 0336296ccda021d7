"""What an instrumented service counts, under which labels."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from types import ModuleType
from typing import Any

import httpx
import pytest
from exporter_pages import OPENMETRICS, lint
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, Router, WebSocketRoute
from starlette.websockets import WebSocket

from neomon.exporters.instrument import instrument
from neomon.exporters.instrument.trace import from_headers

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SAMPLED = f"00-{TRACE}-00f067aa0ba902b7-01"
Message = MutableMapping[str, Any]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


async def call(app: Any, *requests: tuple[str, str], headers: dict[str, str] | None = None) -> list[httpx.Response]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return [await client.request(method, path, headers=headers) for method, path in requests]


def requests(registry: CollectorRegistry) -> dict[tuple[str, str, str], float]:
    return {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "http_requests_total"
    }


async def ok(request: Request) -> Response:
    return PlainTextResponse("ok")


async def raw(app: Any, messages: list[Message], path: str = "/") -> list[Message]:
    """Call an application with the messages of a client, and list what it sends."""
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": [], "query_string": b""}
    await app(scope, receive, send)
    return sent


async def test_fastapi_routes_are_templates(registry: CollectorRegistry) -> None:
    app, inner, router = FastAPI(), FastAPI(), APIRouter(prefix="/v1")

    @router.get("/tenants/{tenant}")
    async def tenant(tenant: str) -> dict[str, str]:
        if tenant == "none":
            raise HTTPException(404)
        return {}

    @inner.get("/files/{file:path}")
    async def file(file: str) -> dict[str, str]:
        return {}

    instrument(app, registry=registry)
    app.include_router(router, prefix="/api")
    app.mount("/orgs/{org}", inner)
    await call(
        app,
        ("GET", "/api/v1/tenants/acme"),
        ("GET", "/api/v1/tenants/globex?x=1"),
        ("GET", "/api/v1/tenants/none"),
        ("POST", "/api/v1/tenants/acme"),
        ("GET", "/orgs/7/files/a/b/c"),
        ("GET", "/orgs/7/nothing"),
        ("GET", "/wp-login.php"),
        ("BREW", "/api/v1/tenants/acme"),
    )
    assert requests(registry) == {
        ("GET", "/api/v1/tenants/{tenant}", "200"): 2,
        ("GET", "/api/v1/tenants/{tenant}", "404"): 1,
        ("POST", "/api/v1/tenants/{tenant}", "405"): 1,
        ("GET", "/orgs/{org}/files/{file}", "200"): 1,
        ("GET", "unmatched", "404"): 2,
        ("OTHER", "/api/v1/tenants/{tenant}", "405"): 1,
    }


async def test_starlette_routes_are_templates(registry: CollectorRegistry) -> None:
    class Thing(HTTPEndpoint):
        async def get(self, request: Request) -> Response:
            return PlainTextResponse("thing")

    async def opaque(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("file")(scope, receive, send)

    inner = Router([Route("/items/{item:int}", ok), Route("/other/{item:int}", ok)])
    app = instrument(
        Starlette(
            routes=[
                Route("/", ok),
                Route("/things/{thing}", Thing),
                Mount("/a", inner),
                Mount("/b", inner),
                Mount("/static", opaque),
            ]
        ),
        registry=registry,
    )
    await call(app, *(("GET", path) for path in ("/", "/things/1", "/a/items/1", "/b/other/2", "/static/x/y.css")))
    assert {route for _, route, _ in requests(registry)} == {
        "/",
        "/things/{thing}",
        "/a/items/{item}",
        "/b/other/{item}",
        "/static",
    }


async def test_routes_added_after_the_first_request(registry: CollectorRegistry) -> None:
    inner = Starlette(routes=[Route("/first", ok)])
    app = instrument(Starlette(routes=[Mount("/m", inner)]), registry=registry)
    await call(app, ("GET", "/m/first"))
    inner.router.routes.append(Route("/second", lambda request: PlainTextResponse("2")))
    await call(app, ("GET", "/m/second"))
    assert ("GET", "/m/second", "200") in requests(registry)


async def test_any_asgi_application(registry: CollectorRegistry) -> None:
    async def plain(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    unnamed = instrument(plain, registry=registry)
    named = instrument(plain, registry=registry, route=lambda scope, path: path.split("/")[1])
    await raw(unnamed, [], "/secret/123")
    await raw(named, [], "/secret/123")
    assert requests(registry) == {("GET", "unmatched", "204"): 1, ("GET", "secret", "204"): 1}


async def test_what_middlewares_answer_is_counted_for_its_route(registry: CollectorRegistry) -> None:
    class Limiter:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await PlainTextResponse("slow down", 429)(scope, receive, send)

    app = instrument(Starlette(routes=[Route("/t/{x}", ok)]), registry=registry)
    app.add_middleware(Limiter)
    await call(app, ("GET", "/t/1"), ("GET", "/no"))
    assert requests(registry) == {("GET", "/t/{x}", "429"): 1, ("GET", "unmatched", "429"): 1}


async def test_failures_count_as_the_client_saw_them(registry: CollectorRegistry) -> None:
    async def boom(request: Request) -> Response:
        raise ValueError("boom")

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        raise ValueError("half way")

    async def broken_stream(request: Request) -> Response:
        return StreamingResponse(pieces())

    async def teapot(request: Request, error: Exception) -> Response:
        return PlainTextResponse("", 503)

    app = Starlette(routes=[Route("/boom", boom), Route("/stream", broken_stream)])
    instrument(app, registry=registry)
    handled = Starlette(routes=[Route("/handled", boom)], exception_handlers={Exception: teapot})
    instrument(handled, registry=registry)
    await call(app, ("GET", "/boom"), ("GET", "/stream"))
    await call(handled, ("GET", "/handled"))

    async def silent(scope: Any, receive: Any, send: Any) -> None:
        return None

    await raw(instrument(silent, registry=registry), [])
    assert requests(registry) == {
        ("GET", "/boom", "500"): 1,
        ("GET", "/stream", "500"): 1,
        ("GET", "unmatched", "500"): 1,
        ("GET", "/handled", "503"): 1,
    }
    assert registry.get_sample_value("http_requests_in_flight") == 0


async def test_streams_are_measured_to_their_end(registry: CollectorRegistry) -> None:
    seen: list[float | None] = []

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            await asyncio.sleep(0.05)
            seen.append(registry.get_sample_value("http_requests_in_flight"))
            yield b"x"

    async def stream(request: Request) -> Response:
        return StreamingResponse(pieces())

    app = instrument(Starlette(routes=[Route("/stream", stream)]), registry=registry)
    await call(app, ("GET", "/stream"))
    labels = {"method": "GET", "route": "/stream"}
    total = registry.get_sample_value("http_request_duration_seconds_sum", labels)
    assert total is not None and total >= 0.15
    assert seen == [1, 1, 1]
    assert registry.get_sample_value("http_requests_in_flight") == 0


async def test_clients_that_leave_are_not_the_services_failure(registry: CollectorRegistry) -> None:
    async def reads(request: Request) -> Response:
        await request.body()
        return PlainTextResponse("ok")

    waiting = asyncio.Event()

    async def waits(request: Request) -> Response:
        waiting.set()
        await asyncio.sleep(60)
        return PlainTextResponse("late")

    app = Starlette(routes=[Route("/reads", reads), Route("/waits", waits)])
    instrument(app, registry=registry)
    with pytest.raises(ClientDisconnect):
        await raw(app, [{"type": "http.request", "body": b"half", "more_body": True}], "/reads")
    task = asyncio.create_task(raw(app, [], "/waits"))
    await asyncio.wait_for(waiting.wait(), 5)
    assert registry.get_sample_value("http_requests_in_flight") == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert requests(registry) == {("GET", "/reads", "499"): 1, ("GET", "/waits", "499"): 1}
    assert registry.get_sample_value("http_requests_in_flight") == 0


async def test_websockets_pass_uncounted(registry: CollectorRegistry) -> None:
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    app = instrument(Starlette(routes=[WebSocketRoute("/ws", socket)]), registry=registry)
    incoming = iter([{"type": "websocket.connect"}])
    sent: list[Message] = []

    async def receive() -> Message:
        return next(incoming)

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": "websocket", "path": "/ws", "headers": [], "query_string": b""}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
    assert requests(registry) == {}


async def test_a_mounted_instrumented_application_counts_once(registry: CollectorRegistry) -> None:
    inner = instrument(Starlette(routes=[Route("/x", ok)]), registry=registry)
    outer = instrument(Starlette(routes=[Mount("/in", inner)]), registry=registry)
    await call(outer, ("GET", "/in/x"))
    assert requests(registry) == {("GET", "/in/x", "200"): 1}


async def test_the_metrics_page(registry: CollectorRegistry) -> None:
    app = instrument(Starlette(routes=[Route("/t/{x}", ok)]), version="1.2", revision="abc", registry=registry)
    await call(app, ("GET", "/t/1"), headers={"traceparent": SAMPLED})
    (text,) = await call(app, ("GET", "/metrics"))
    assert lint(text.content) == ""
    (opened,) = await call(app, ("GET", "/metrics"), headers={"accept": OPENMETRICS, "accept-encoding": "gzip"})
    assert opened.headers["content-encoding"] == "gzip"
    families = {family.name: family for family in text_string_to_metric_families(opened.text)}
    assert families["service_build_info"].samples[0].labels == {"version": "1.2", "revision": "abc"}
    buckets = families["http_request_duration_seconds"].samples
    assert "2.0" in {sample.labels.get("le") for sample in buckets}, "a 2 s objective is exact"
    exemplars = [sample.exemplar for sample in buckets if sample.exemplar]
    assert [exemplar.labels for exemplar in exemplars] == [{"trace_id": TRACE}]
    assert not any("_created" in sample.name for family in families.values() for sample in family.samples)
    assert "/metrics" not in {route for _, route, _ in requests(registry)}, "scrapes don't count as traffic"
    assert (await call(app, ("POST", "/metrics")))[0].status_code == 405
    head = (await call(app, ("HEAD", "/metrics")))[0]
    assert head.status_code == 200 and head.content == b""


async def test_the_metrics_page_can_ask_for_credentials(registry: CollectorRegistry) -> None:
    app = instrument(Starlette(), credentials=("neomon", "sécret"), registry=registry)

    def basic(text: str) -> dict[str, str]:
        return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}

    for wrong in ({}, basic("neomon:guess"), {"authorization": "Basic %%"}, {"authorization": "Bearer x"}):
        (refused,) = await call(app, ("GET", "/metrics"), headers=wrong)
        assert refused.status_code == 401 and "www-authenticate" in refused.headers
    assert (await call(app, ("GET", "/metrics"), headers=basic("neomon:sécret")))[0].status_code == 200


async def test_a_prefix_taken_off_by_the_server(registry: CollectorRegistry) -> None:
    app = instrument(Starlette(routes=[Route("/t/{x}", ok)]), registry=registry)
    transport = httpx.ASGITransport(app=app, root_path="/shop")
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/shop/t/1")).status_code == 200
        assert (await client.get("/shop/metrics")).status_code == 200
    assert requests(registry) == {("GET", "/t/{x}", "200"): 1}


async def test_instrumenting_too_late_is_refused(registry: CollectorRegistry) -> None:
    app = Starlette()
    await call(app, ("GET", "/"))
    with pytest.raises(RuntimeError, match="before the application starts"):
        instrument(app, registry=registry)


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        (SAMPLED, TRACE),
        (f"01-{TRACE}-00f067aa0ba902b7-01-more", TRACE),
        (f"00-{TRACE}-00f067aa0ba902b7-00", None),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", None),
        ('"} 1 # evil', None),
        ("", None),
    ],
)
def test_traceparent(header: str, trace: str | None) -> None:
    assert from_headers([(b"x", b"y"), (b"traceparent", header.encode())]) == trace


async def test_the_current_span_of_opentelemetry(registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = pytest.importorskip("opentelemetry.trace")
    context = trace.SpanContext(int(TRACE, 16), 1, is_remote=False, trace_flags=trace.TraceFlags(1))

    async def traced(request: Request) -> Response:
        with trace.use_span(trace.NonRecordingSpan(context)):
            response = PlainTextResponse("ok")
            await response(request.scope, request.receive, request._send)
            return SENT

    app = instrument(Starlette(routes=[Route("/t", traced)]), registry=registry)
    await call(app, ("GET", "/t"))
    exemplars = [s.exemplar for f in registry.collect() for s in f.samples if s.exemplar]
    assert [exemplar.labels["trace_id"] for exemplar in exemplars] == [TRACE]


class _Sent(Response):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        return None


SENT = _Sent()


async def test_without_opentelemetry(registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", cast_module(None))
    app = instrument(Starlette(routes=[Route("/t", ok)]), registry=registry)
    await call(app, ("GET", "/t"), headers={"traceparent": SAMPLED})
    exemplars = [s.exemplar for f in registry.collect() for s in f.samples if s.exemplar]
    assert [exemplar.labels["trace_id"] for exemplar in exemplars] == [TRACE]


def cast_module(value: None) -> ModuleType:
    # None in sys.modules makes an import fail, as if the library weren't there.
    return value  # type: ignore[return-value]


def test_types() -> None:
    """The call gives back what it was given, so that editors know the application's type."""
    app: FastAPI = instrument(FastAPI(), registry=CollectorRegistry())
    assert isinstance(app, FastAPI)
    handler: Callable[..., Awaitable[None]] = app
    assert callable(handler)
