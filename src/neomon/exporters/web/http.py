"""As much of HTTP/1.1 as a scrape needs: read one bounded request head, write one response."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

HEAD_LIMIT = 8192
"""Bytes of request line and headers."""
IDLE_SECONDS = 180
"""How long a kept connection may wait for its next request; longer than any sensible scrape interval."""
READ_SECONDS = 10
"""How long a request may take to arrive once it began."""
WRITE_SECONDS = 30
"""How long the scraper may take to read the response."""


@dataclass(frozen=True)
class Request:
    """A request without a body."""

    method: str
    path: str
    headers: Mapping[str, str]
    keep_alive: bool


@dataclass(frozen=True)
class Response:
    """What is sent back."""

    status: HTTPStatus
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


class BadRequestError(Exception):
    """The request can't be served; the connection is closed after telling why."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def plain(status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """A one-line answer."""
    return Response(status, f"{message}\n".encode(), headers=headers or {})


async def read_request(reader: asyncio.StreamReader) -> Request:
    """Read the next request of a connection.

    Raises:
        BadRequestError: It is malformed, too large, or has a body.
        EOFError: The connection was closed.
        TimeoutError: Nothing came, or it came too slowly.
    """
    async with asyncio.timeout(IDLE_SECONDS):
        first = await reader.readexactly(1)
    try:
        async with asyncio.timeout(READ_SECONDS):
            head = first + await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise BadRequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request is too large") from error
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or parts[2] not in ("HTTP/1.0", "HTTP/1.1"):
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "not an HTTP/1 request")
    headers = _headers(lines[1:-2])
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        raise BadRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "a request must not have a body")
    connection = headers.get("connection", "").lower()
    keep_alive = "close" not in connection if parts[2] == "HTTP/1.1" else "keep-alive" in connection
    return Request(parts[0], parts[1].partition("?")[0], headers, keep_alive)


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequestError(HTTPStatus.BAD_REQUEST, "malformed header")
        name = name.lower()
        headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
    return headers


async def write_response(
    writer: asyncio.StreamWriter, response: Response, *, head_only: bool = False, keep_alive: bool = False
) -> None:
    """Send a response and wait until the other side has taken it.

    Raises:
        TimeoutError: The other side reads too slowly.
    """
    lines = [
        f"HTTP/1.1 {response.status.value} {response.status.phrase}",
        f"Content-Type: {response.content_type}",
        f"Content-Length: {len(response.body)}",
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
        "X-Content-Type-Options: nosniff",
        *(f"{name}: {value}" for name, value in response.headers.items()),
    ]
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    writer.write(head if head_only else head + response.body)
    async with asyncio.timeout(WRITE_SECONDS):
        await writer.drain()
