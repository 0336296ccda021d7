"""A stand-in for Prometheus' HTTP API whose answers a test chooses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import encode_basic_auth, web
from aiohttp.test_utils import TestServer

Answer = Callable[[str], Any]


def vector(*values: str) -> dict[str, Any]:
    return {
        "resultType": "vector",
        "result": [{"metric": {"n": str(n)}, "value": [0, v]} for n, v in enumerate(values)],
    }


def matrix(*values: str) -> dict[str, Any]:
    return {"resultType": "matrix", "result": [{"metric": {}, "values": [[0, value]]} for value in values]}


@dataclass
class FakePrometheus:
    """Answers `1` to everything unless told otherwise; remembers what it was asked."""

    labels: dict[str, list[str]] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    """By a piece of the query."""
    delay: float = 0
    credentials: tuple[str, str] | None = None
    queries: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    rounds_until_full: int = 0
    """How often label values are still asked for in vain."""
    most_at_once: int = 0
    _at_once: int = 0

    async def query(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        kind = request.path.rsplit("/", 1)[1]
        self.queries.append((kind, form))
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(self.delay)
        self._at_once -= 1
        if self.credentials and not self._authenticated(request):
            return web.Response(status=401, text="Unauthorized")
        for piece, result in self.results.items():
            if piece in form["query"]:
                if isinstance(result, web.Response):
                    return result
                return web.json_response({"status": "success", "data": result})
        found = vector("1") if kind == "query" else matrix("1")
        return web.json_response({"status": "success", "data": found})

    async def label_values(self, request: web.Request) -> web.Response:
        self.queries.append(("label_values", {"label": request.match_info["label"], **dict(request.query)}))
        if self.rounds_until_full:
            self.rounds_until_full -= 1
            return web.json_response({"status": "success", "data": []})
        return web.json_response({"status": "success", "data": self.labels.get(request.match_info["label"], ["x"])})

    def _authenticated(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization")
        return self.credentials is not None and given == encode_basic_auth(*self.credentials)


@asynccontextmanager
async def running(fake: FakePrometheus) -> AsyncIterator[str]:
    """Serve the stand-in; yields its base address."""
    app = web.Application()
    app.router.add_post("/api/v1/query", fake.query)
    app.router.add_post("/api/v1/query_range", fake.query)
    app.router.add_get("/api/v1/label/{label}/values", fake.label_values)
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("/")).rstrip("/")
    finally:
        await server.close()
