"""The tables. Times are seconds since the epoch, UTC."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Float, Index, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Base of all tables."""


class RegisteredTarget(Base):
    """A scrape target a service registered for itself."""

    __tablename__ = "targets"

    job: Mapped[str] = mapped_column(String(64), primary_key=True)
    address: Mapped[str] = mapped_column(String(512), primary_key=True)
    labels: Mapped[dict[str, str]] = mapped_column(JSON)
    registered_at: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[float | None] = mapped_column(Float)
    """None for a registration that lasts until it is withdrawn."""


class Notification(Base):
    """One message of Alertmanager's webhook, as received."""

    __tablename__ = "notifications"
    __table_args__ = (Index("notifications_received_at", "received_at"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    receiver: Mapped[str] = mapped_column(String(128))
    status: Mapped[str] = mapped_column(String(16))
    group_key: Mapped[str] = mapped_column(String(2048))
    alerts: Mapped[int] = mapped_column(Integer)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    received_at: Mapped[float] = mapped_column(Float)


class Heartbeat(Base):
    """When a sign of life last arrived."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    last_at: Mapped[float] = mapped_column(Float)
