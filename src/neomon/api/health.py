"""Liveness, readiness and metrics."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse
from sqlalchemy import Engine, text

from neomon.api.access import public

router = APIRouter(tags=["health"])


@router.get("/-/healthy", dependencies=[Depends(public)])
async def healthy() -> PlainTextResponse:
    """The process answers."""
    return PlainTextResponse("neomon is healthy.\n")


@router.get("/-/ready", dependencies=[Depends(public)])
def ready(request: Request) -> PlainTextResponse:
    """The process can serve requests: its database answers."""
    engine: Engine = request.app.state.engine
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    return PlainTextResponse("neomon is ready.\n")
