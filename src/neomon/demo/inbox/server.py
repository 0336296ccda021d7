"""The servers of the inbox: SMTP, and an HTTP endpoint that takes Slack's message format."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from neomon.demo.inbox.store import InboxStore
from neomon.demo.runtime import CHAT_TOKEN, HOST, Runtime

_MOST_BYTES = 1_000_000


class MailHandler:
    """Keeps every mail handed in."""

    def __init__(self, store: InboxStore) -> None:
        self._store = store

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Accept a mail once it is kept."""
        content = envelope.original_content or b""
        recipients = [str(one) for one in envelope.rcpt_tos]
        await asyncio.to_thread(self._store.add_mail, content, str(envelope.mail_from), recipients)
        return "250 kept"


@asynccontextmanager
async def smtp_server(store: InboxStore, port: int) -> AsyncIterator[None]:
    """Take mail on `port`."""

    def protocol() -> SMTP:
        return SMTP(MailHandler(store), hostname="inbox.neo-stack.demo", data_size_limit=_MOST_BYTES)

    server = await asyncio.get_running_loop().create_server(protocol, HOST, port)
    async with server:
        yield


def chat_app(store: InboxStore, token: str) -> Starlette:
    """The chat endpoint; its path holds the token, as in the address of a real incoming webhook."""

    async def receive(request: Request) -> Response:
        if not hmac.compare_digest(request.path_params["token"], token):
            return PlainTextResponse("no_service", status_code=404)
        body = await request.body()
        if len(body) > _MOST_BYTES:
            return PlainTextResponse("too_large", status_code=413)
        try:
            payload: Any = await request.json()
        except ValueError:
            payload = None
        if not isinstance(payload, dict) or not (payload.get("text") or payload.get("attachments")):
            return PlainTextResponse("invalid_payload", status_code=400)
        await asyncio.to_thread(store.add_chat, payload)
        return PlainTextResponse("ok")

    async def health(_request: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(routes=[Route("/hooks/{token}", receive, methods=["POST"]), Route("/health", health)])


def chat_url(runtime: Runtime) -> str:
    """Address of the chat endpoint, a secret like that of any incoming webhook."""
    return f"{runtime.url('chat')}/hooks/{runtime.secrets.read(CHAT_TOKEN)}"


async def main() -> None:
    """Run both servers."""
    runtime = Runtime.from_environment()
    store = InboxStore(runtime.demo_dir / "inbox")
    store.prepare()
    app = chat_app(store, runtime.secrets.read(CHAT_TOKEN))
    config = uvicorn.Config(
        app, host=HOST, port=runtime.port("chat"), log_level="warning", access_log=False, timeout_graceful_shutdown=2
    )
    async with smtp_server(store, runtime.port("smtp")):
        await uvicorn.Server(config).serve()
