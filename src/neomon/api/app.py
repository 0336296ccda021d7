"""The application: every route, joined here and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import REGISTRY

from neomon.alerting.inbox import Heartbeats, NotificationInbox
from neomon.api import health, notifications, targets
from neomon.api.failures import answer_failures
from neomon.api.guard import Guard
from neomon.api.metrics import StateCollector
from neomon.console import dashboards, pages
from neomon.db.engine import open_engine
from neomon.discovery.registry import TargetRegistry
from neomon.exporters.instrument import instrument
from neomon.settings import Settings
from neomon.stack.client import ComponentClient
from neomon.stack.secrets import SCRAPE_PASSWORD, SCRAPE_USER, Secrets
from neomon.version import neomon_version


def create_app(settings: Settings) -> FastAPI:
    """The application for one installation, whose database has been migrated (see `neomon.db.migrate`)."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with ComponentClient(settings) as client:
            app.state.components = client
            yield

    app = FastAPI(
        title="NEO Monitoring Service",
        version=neomon_version(),
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    engine = open_engine(settings.data_dir)
    secrets = Secrets(settings.secrets_dir)
    app.state.settings = settings
    app.state.secrets = secrets
    app.state.engine = engine
    app.state.targets = TargetRegistry(engine)
    app.state.inbox = NotificationInbox(engine)
    app.state.heartbeats = Heartbeats(engine)
    pages.mount_static(app, settings.base_dir)
    for module in (health, targets, notifications, pages, dashboards):
        app.include_router(module.router)
    answer_failures(app)
    REGISTRY.register(StateCollector(settings, app.state.targets, app.state.heartbeats))
    instrument(app, version=neomon_version(), credentials=(SCRAPE_USER, secrets.read(SCRAPE_PASSWORD)))
    app.add_middleware(Guard)
    return app
