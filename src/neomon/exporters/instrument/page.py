"""The `/metrics` page of an instrumented service."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import os

from prometheus_client import CollectorRegistry

from neomon.exporters.formats import accepts_gzip, compress, encode
from neomon.exporters.instrument.asgi import Scope, Send

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"


class MetricsPage:
    """Answers scrapes; with several worker processes, whichever is asked answers for all."""

    def __init__(self, registry: CollectorRegistry, credentials: tuple[str, str] | None) -> None:
        self._registry = registry
        self._expected = ":".join(credentials).encode() if credentials else None

    async def __call__(self, scope: Scope, send: Send) -> None:
        """Answer one request."""
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, b"only GET and HEAD\n", [(b"allow", b"GET, HEAD")])
            return
        if self._expected is not None and not self._allowed(headers.get(b"authorization", "")):
            challenge = [(b"www-authenticate", b'Basic realm="metrics"')]
            await _answer(send, 401, b"user name and password are needed\n", challenge)
            return
        # In a thread: a scrape of many series must not delay the requests being answered.
        accept, encoding = headers.get(b"accept", ""), headers.get(b"accept-encoding", "")
        body, extra = await asyncio.to_thread(self._render, accept, encoding)
        await _answer(send, 200, b"" if scope["method"] == "HEAD" else body, extra)

    def _allowed(self, header: str) -> bool:
        scheme, _, value = header.partition(" ")
        try:
            shown = base64.b64decode(value.strip(), validate=True) if scheme.lower() == "basic" else b""
        except (binascii.Error, ValueError):
            shown = b""
        return hmac.compare_digest(shown, self._expected or b"")

    def _render(self, accept: str, accept_encoding: str) -> tuple[bytes, list[tuple[bytes, bytes]]]:
        body, content_type = encode(self._collected(), accept)
        headers = [(b"content-type", content_type.encode()), (b"vary", b"accept, accept-encoding")]
        if accepts_gzip(accept_encoding):
            body = compress(body)
            headers.append((b"content-encoding", b"gzip"))
        return body, headers

    def _collected(self) -> CollectorRegistry:
        if MULTIPROCESS not in os.environ:
            return self._registry
        from prometheus_client.multiprocess import MultiProcessCollector

        combined = CollectorRegistry()
        MultiProcessCollector(combined)  # type: ignore[no-untyped-call]
        return combined


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    if not any(name == b"content-type" for name, _ in headers):
        headers = [*headers, (b"content-type", b"text/plain; charset=utf-8")]
    headers = [*headers, (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
