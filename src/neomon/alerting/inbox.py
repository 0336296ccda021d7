"""What Alertmanager delivered to neomon.

Payload: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Engine, delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from neomon.db.models import Heartbeat, Notification

_KEPT = 10_000
"""Messages kept; older ones are forgotten."""


class WebhookAlert(BaseModel):
    """One alert of a message; fields of newer Alertmanagers are kept as they are."""

    model_config = ConfigDict(extra="allow", frozen=True)

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    fingerprint: str = ""


class WebhookMessage(BaseModel):
    """Alertmanager's message about one group of alerts."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    version: str
    group_key: Annotated[str, Field(alias="groupKey")]
    status: Literal["firing", "resolved"]
    receiver: str
    alerts: list[WebhookAlert]


class NotificationView(BaseModel):
    """One received message, for people and tests."""

    id: int
    receiver: str
    status: str
    group_key: str
    received_at: float
    """Seconds since the epoch."""
    payload: dict[str, Any]


class NotificationInbox:
    """Messages kept in the database: one committed is never lost."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, receiver: str, message: WebhookMessage) -> None:
        """Keep a message; returns when it is committed."""
        with Session(self._engine) as session, session.begin():
            row = Notification(
                receiver=receiver[:128],
                status=message.status,
                group_key=message.group_key[:2048],
                alerts=len(message.alerts),
                payload=message.model_dump(mode="json", by_alias=True),
                received_at=time.time(),
            )
            session.add(row)
            session.flush()
            session.execute(delete(Notification).where(Notification.id <= row.id - _KEPT))

    def latest(self, limit: int, receiver: str | None = None) -> list[NotificationView]:
        """The newest messages, newest first."""
        query = select(Notification).order_by(Notification.id.desc()).limit(limit)
        if receiver is not None:
            query = query.where(Notification.receiver == receiver)
        with Session(self._engine) as session:
            return [
                NotificationView(
                    id=row.id,
                    receiver=row.receiver,
                    status=row.status,
                    group_key=row.group_key,
                    received_at=row.received_at,
                    payload=row.payload,
                )
                for row in session.scalars(query)
            ]


class Heartbeats:
    """When signs of life last arrived."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def beat(self, name: str) -> None:
        """Record a sign of life now."""
        now = time.time()
        statement = insert(Heartbeat).values(name=name, last_at=now)
        with self._engine.begin() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"last_at": now}))

    def last(self) -> dict[str, float]:
        """Name -> seconds since the epoch of the last sign of life."""
        with Session(self._engine) as session:
            return {row.name: row.last_at for row in session.scalars(select(Heartbeat))}
