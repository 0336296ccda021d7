"""Who may call a route: each states one of these dependencies."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable

from fastapi import HTTPException, Request

from neomon.stack.secrets import ADMIN_PASSWORD, SERVICE_TOKEN, STACK_TOKEN, Secrets

ADMIN_USER = "admin"

Check = Callable[[Request], None]


def _bearer(*names: str) -> Check:
    def check(request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        store: Secrets = request.app.state.secrets
        allowed = [secrets.compare_digest(token.encode(), store.read(name).encode()) for name in names]
        if scheme.lower() != "bearer" or not any(allowed):
            raise HTTPException(401, "a valid bearer token is needed", {"WWW-Authenticate": "Bearer"})

    return check


def _basic(user: str, secret: str) -> Check:
    def check(request: Request) -> None:
        given = _credentials(request.headers.get("authorization", ""))
        store: Secrets = request.app.state.secrets
        expected = f"{user}:{store.read(secret)}"
        if not secrets.compare_digest(given.encode(), expected.encode()):
            raise HTTPException(
                401, f"log in as {user}", {"WWW-Authenticate": 'Basic realm="NEO Monitoring Service", charset="UTF-8"'}
            )

    return check


def _credentials(header: str) -> str:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


stack_only = _bearer(STACK_TOKEN)
"""Prometheus and Alertmanager."""
service_only = _bearer(SERVICE_TOKEN)
"""Services of the platform."""
admin_only = _basic(ADMIN_USER, ADMIN_PASSWORD)
"""The person who runs the installation."""


def public(_: Request) -> None:
    """Anyone: health and documentation."""
