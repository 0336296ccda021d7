"""The register of scrape targets.

Format of the answer: https://prometheus.io/docs/prometheus/latest/http_sd/
"""

from __future__ import annotations

import re
import time
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import Engine, delete, func, or_, select
from sqlalchemy.orm import Session

from neomon.db.models import RegisteredTarget
from neomon.errors import InputError, NotFoundError

Job = Literal["services", "probe-http", "probe-tls"]
JOBS: tuple[Job, ...] = ("services", "probe-http", "probe-tls")

_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}):(\d{1,5})")
_URL = re.compile(r"https?://[^\s/?#@]+([/?#]\S*)?")
_NOTHING = re.compile(r"(?!)")
_SCRAPE_OPTIONS = {"__scheme__": re.compile(r"https?"), "__metrics_path__": re.compile(r"/[\w./-]{0,200}")}
"""Labels Prometheus takes as instructions that a service may give for its own target."""
_RESERVED = frozenset({"job", "instance"})
_MAX_TARGETS = 10_000
GRACE_SECONDS = 900.0
"""A registration that is not renewed stays discovered this long: what crashed must be seen as down, not as gone."""


class TargetRegistration(BaseModel):
    """What a service says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: Annotated[dict[str, str], Field(max_length=20)]
    """Labels of all series of the target; `service` is required, `tenant` marks a tenant's own stack. `__scheme__` and
    `__metrics_path__` say how to scrape it."""
    ttl_seconds: Annotated[float, Field(ge=5, le=86_400)] | None = None
    """Seconds after which the registration lapses unless repeated; None keeps it until it is withdrawn. What lapsed is
    scraped for another `GRACE_SECONDS`, so that the alert about a crashed service can fire."""

    @field_validator("labels")
    @classmethod
    def _valid_labels(cls, labels: dict[str, str]) -> dict[str, str]:
        if not labels.get("service"):
            raise ValueError("the label `service` is required")
        for name, value in labels.items():
            if _SCRAPE_OPTIONS.get(name, _NOTHING).fullmatch(value):
                continue
            if not _LABEL_NAME.fullmatch(name) or name.startswith("__"):
                raise ValueError(f"{name!r} is not a label name: letters, digits and _, not starting with __")
            if name in _RESERVED:
                raise ValueError(f"the label {name} is set by Prometheus")
            if not value.isprintable():
                raise ValueError(f"the value of {name} holds characters that cannot be shown")
            if len(name) > 64 or len(value) > 256:
                raise ValueError(f"label {name[:64]} is too long: 64 bytes of name, 256 of value at most")
        return labels


class TargetGroup(BaseModel):
    """One element of the answer Prometheus reads."""

    targets: list[str]
    labels: dict[str, str]


class RegisteredTargetView(BaseModel):
    """One registration, for people."""

    job: str
    address: str
    labels: dict[str, str]
    registered_at: float
    """Seconds since the epoch."""
    expires_at: float | None


class TargetRegistry:
    """Targets kept in the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def register(self, job: str, address: str, registration: TargetRegistration) -> None:
        """Add a target, or renew and update it.

        Raises:
            InputError: The job or address is not one Prometheus could use, or the register is full.
        """
        _check(job, address)
        now = time.time()
        with Session(self._engine) as session, session.begin():
            target = session.get(RegisteredTarget, (job, address))
            if target is None:
                session.execute(delete(RegisteredTarget).where(RegisteredTarget.expires_at < now - GRACE_SECONDS))
                count = session.scalar(select(func.count()).select_from(RegisteredTarget)) or 0
                if count >= _MAX_TARGETS:
                    raise InputError(f"the register is full ({_MAX_TARGETS} targets); withdraw some first")
                target = RegisteredTarget(job=job, address=address, registered_at=now)
                session.add(target)
            target.labels = dict(registration.labels)
            target.expires_at = now + registration.ttl_seconds if registration.ttl_seconds else None

    def withdraw(self, job: str, address: str) -> None:
        """Remove a target.

        Raises:
            NotFoundError: It is not registered.
        """
        with Session(self._engine) as session, session.begin():
            target = session.get(RegisteredTarget, (job, address))
            if target is None:
                raise NotFoundError(f"no target {address} is registered for job {job}")
            session.delete(target)

    def groups(self, job: str) -> list[TargetGroup]:
        """Target groups of one job.

        Raises:
            InputError: `job` is not one of `JOBS`.
        """
        _check_job(job)
        return [
            TargetGroup(targets=[target.address], labels=target.labels)
            for target in self.targets()
            if target.job == job
        ]

    def targets(self) -> list[RegisteredTargetView]:
        """All targets in force, by job and address; those that lapsed less than `GRACE_SECONDS` ago included."""
        oldest = time.time() - GRACE_SECONDS
        with Session(self._engine) as session:
            rows = session.scalars(
                select(RegisteredTarget)
                .where(or_(RegisteredTarget.expires_at.is_(None), RegisteredTarget.expires_at > oldest))
                .order_by(RegisteredTarget.job, RegisteredTarget.address)
            )
            return [
                RegisteredTargetView(
                    job=row.job,
                    address=row.address,
                    labels=row.labels,
                    registered_at=row.registered_at,
                    expires_at=row.expires_at,
                )
                for row in rows
            ]


def _check_job(job: str) -> None:
    if job not in JOBS:
        raise InputError(f"unknown job {job[:64]!r}; targets can be registered for {', '.join(JOBS)}")


def _check(job: str, address: str) -> None:
    _check_job(job)
    if len(address) > 512:
        raise InputError("the address is longer than 512 characters")
    if job == "probe-http":
        if not _is_url(address):
            raise InputError(f"a probe-http target is a URL without credentials, not {address!r}")
        return
    match = _HOST_PORT.fullmatch(address)
    if not match or not 0 < int(match[2]) < 65_536:
        raise InputError(f"a target's address has the form host:port, not {address!r}")


def _is_url(text: str) -> bool:
    if not _URL.fullmatch(text) or not text.isprintable():
        return False
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
