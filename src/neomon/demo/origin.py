"""When this demo began: filled-in history and the rows the databases start with both count from that moment."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from neomon.demo.catalogue import (
    AUTH,
    DATABASES,
    DEPLOYER,
    GATEWAY,
    PLATFORM_VERSION,
    PREVIOUS_VERSION,
    TENANTS_SERVICE,
)
from neomon.stack.files import replace_file

_MINUTE = 60.0
_HOUR = 3600.0
_DAY = 86_400.0

DEPLOYMENT_AGE = 70 * _MINUTE
"""Before the beginning, a new api-gateway went out: it made answers slow for a while."""
CONFIGURATION_AGE = 55 * _MINUTE
"""A configuration change that put things right."""
BACKUP_AGE = 9.5 * _HOUR
BACKUP_DAYS = 5
BACKUP_BYTES = {"tenant_manager": 8_700_000, "billing": 9_400_000, "auth": 8_100_000}
FIRST_TENANTS_CREATED = 41
"""Tenants ever created on the platform before the demo began."""
FIRST_INVOICES = {"paid": 2_064, "open": 288, "void": 48}


@dataclass(frozen=True)
class Event:
    """Something that was done to a service."""

    service: str
    what: str
    """A version, or a summary."""
    at: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class Origin:
    """The beginning of one demo."""

    at: float
    """Seconds since the epoch."""

    @classmethod
    def of(cls, demo_dir: Path) -> Origin:
        """The beginning, which is now if there was none yet."""
        path = demo_dir / "origin.json"
        if not path.exists():
            replace_file(path, f"{json.dumps({'at': round(time.time())})}\n".encode(), mode=0o644)
        return cls(float(json.loads(path.read_text(encoding="utf-8"))["at"]))

    @property
    def deployments(self) -> tuple[Event, ...]:
        """Deployments before the beginning, oldest first."""
        others = ((AUTH, 3.1), (TENANTS_SERVICE, 2.3), (DEPLOYER, 1.4))
        return (
            Event(GATEWAY.name, PREVIOUS_VERSION, self.at - 6.2 * _DAY),
            *(Event(service.name, PLATFORM_VERSION, self.at - days * _DAY) for service, days in others),
            Event(GATEWAY.name, PLATFORM_VERSION, self.at - DEPLOYMENT_AGE),
        )

    @property
    def configuration_changes(self) -> tuple[Event, ...]:
        """Configuration changes before the beginning, oldest first."""
        return (
            Event(AUTH.name, "session lifetime 10 min", self.at - 2.6 * _DAY),
            Event(TENANTS_SERVICE.name, "cache lifetime 5 s", self.at - 1.2 * _DAY),
            Event(DEPLOYER.name, "three workers", self.at - 0.8 * _DAY),
            Event(GATEWAY.name, "connection pool to auth-service enlarged", self.at - CONFIGURATION_AGE),
        )

    @property
    def backups(self) -> tuple[Event, ...]:
        """Backups before the beginning, oldest first; `service` is the database."""
        return tuple(
            Event(database, "nightly", self.at - BACKUP_AGE - day * _DAY + index * 3 * _MINUTE)
            for day in reversed(range(BACKUP_DAYS))
            for index, database in enumerate(DATABASES)
        )
