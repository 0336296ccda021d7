"""Alertmanager's messages and heartbeats."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from prometheus_client import Counter

from neomon.alerting.inbox import Heartbeats, NotificationInbox, NotificationView, WebhookMessage
from neomon.api.access import admin_only, stack_only

router = APIRouter(prefix="/api/v1", tags=["notifications"])

Name = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]

_RECEIVED = Counter(
    "neomon_notifications_received", "Messages Alertmanager delivered to neomon.", ["status", "receiver"]
)


def _inbox(request: Request) -> NotificationInbox:
    inbox: NotificationInbox = request.app.state.inbox
    return inbox


def _heartbeats(request: Request) -> Heartbeats:
    heartbeats: Heartbeats = request.app.state.heartbeats
    return heartbeats


@router.post("/notifications/{receiver}", status_code=204, dependencies=[Depends(stack_only)])
def receive(request: Request, receiver: Name, message: WebhookMessage) -> Response:
    """Alertmanager's webhook: answered only when the message is committed, so that Alertmanager retries otherwise."""
    _inbox(request).record(receiver, message)
    _RECEIVED.labels(message.status, message.receiver).inc()
    return Response(status_code=204)


@router.get("/notifications", dependencies=[Depends(admin_only)])
def latest(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    receiver: Annotated[str | None, Query(max_length=128)] = None,
) -> list[NotificationView]:
    """Messages received, newest first."""
    return _inbox(request).latest(limit, receiver)


@router.post("/heartbeats/{name}", status_code=204, dependencies=[Depends(stack_only)])
def beat(request: Request, name: Name) -> Response:
    """A sign of life, such as the Watchdog alert's."""
    _heartbeats(request).beat(name)
    return Response(status_code=204)


@router.get("/heartbeats", dependencies=[Depends(admin_only)])
def heartbeats(request: Request) -> dict[str, float]:
    """Name -> seconds since the epoch of the last sign of life."""
    return _heartbeats(request).last()
