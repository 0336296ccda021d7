"""Attach the instrumentation to an application."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from prometheus_client import REGISTRY, CollectorRegistry, disable_created_metrics

from neomon.exporters.instrument.asgi import ASGIApp
from neomon.exporters.instrument.metrics import http_metrics
from neomon.exporters.instrument.middleware import Instrumented
from neomon.exporters.instrument.page import MetricsPage
from neomon.exporters.instrument.routes import RouteNamer, RouteTable, unmatched

App = TypeVar("App")


def instrument(
    app: App,
    *,
    version: str = "unknown",
    revision: str = "unknown",
    path: str = "/metrics",
    credentials: tuple[str, str] | None = None,
    route: RouteNamer | None = None,
    registry: CollectorRegistry = REGISTRY,
) -> App:
    """Measure an ASGI application's requests and serve its metrics.

    Adds `http_requests_total{method,route,status}`, `http_request_duration_seconds{method,route}`,
    `http_requests_in_flight`, `service_build_info{version,revision}` and the page `/metrics`, which also shows all else
    in `registry`. Labels are bounded: routes are templates, what matches none is `unmatched`, and unknown methods are
    `OTHER`. A request that belongs to a recorded trace gives its id as an exemplar. With several worker processes,
    set `PROMETHEUS_MULTIPROC_DIR` to an empty directory before Python starts.

    Args:
        app: A FastAPI or Starlette application, changed in place; or any other ASGI application, which is wrapped.
        version: The service's version.
        revision: The source revision it was built from.
        path: Where the metrics are served.
        credentials: User name and password a scraper must show.
        route: Names the route of a request, for applications without a route table Starlette knows.
        registry: Where the metrics are kept.

    Returns:
        The application to serve.

    Raises:
        RuntimeError: The application has started already.
    """
    # Creation times would add a third to all series, and nothing here uses them.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    metrics = http_metrics(registry)
    metrics.build(version, revision)
    page = MetricsPage(registry, credentials)
    target = cast(Any, app)
    namer = route or (RouteTable(target) if hasattr(target, "routes") else unmatched)

    def wrap(inner: ASGIApp) -> ASGIApp:
        return Instrumented(inner, metrics, namer, page, path)

    if not hasattr(target, "build_middleware_stack"):
        return cast(App, wrap(target))
    if target.middleware_stack is not None:
        raise RuntimeError("instrument() must be called before the application starts")
    build = target.build_middleware_stack
    # add_middleware() would leave us inside of whatever is added later, and blind to what that answers.
    target.build_middleware_stack = lambda: wrap(build())
    return app
