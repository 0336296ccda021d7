"""Find the template of the route that answered: `/tenants/{tenant}`, never `/tenants/acme`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from neomon.exporters.instrument.asgi import Scope

UNMATCHED = "unmatched"
_CONVERTOR = re.compile(r"{([^}:]+):[^}]+}")


class RouteNamer(Protocol):
    """Tells the route label of a request."""

    def __call__(self, scope: Scope, path: str) -> str:
        """Name the route.

        Args:
            scope: As the application left it.
            path: The path as it was when the request came in, without the server's prefix.
        """


def unmatched(scope: Scope, path: str) -> str:
    """For applications without a route table: only what they say themselves, in `scope["route"]`."""
    route = scope.get("route")
    template = route if isinstance(route, str) else getattr(route, "path", None)
    return template if isinstance(template, str) and template else UNMATCHED


@dataclass(frozen=True)
class _Entry:
    template: str
    pattern: re.Pattern[str]
    methods: frozenset[str] | None
    endpoint: int

    def matches(self, path: str, method: str) -> bool:
        return (self.methods is None or method in self.methods) and self.pattern.fullmatch(path) is not None


class RouteTable:
    """All routes of a Starlette or FastAPI application, those of mounted applications and included routers too.

    The routing that has just happened left its endpoint in the scope: one lookup. Where nothing did (no route matched,
    or a middleware answered before routing), the path is matched here; so a refused request still counts for its route.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._entries: list[_Entry] = []
        self._by_endpoint: dict[int, list[_Entry]] = {}
        self._size = -1
        self._foreign: set[int] = set()

    def __call__(self, scope: Scope, path: str) -> str:
        """Name the route."""
        endpoint = id(scope.get("endpoint"))
        if len(self._app.routes) != self._size or self._unknown(endpoint):
            self._build()
        candidates = self._by_endpoint.get(endpoint)
        if candidates and len(candidates) == 1:
            return candidates[0].template
        method = scope["method"]
        entries = candidates or self._entries
        for entry in entries:
            if entry.matches(path, method):
                return entry.template
        # The path is known, the method isn't: the route answers 405.
        for entry in entries:
            if entry.pattern.fullmatch(path):
                return entry.template
        return UNMATCHED

    def _unknown(self, endpoint: int) -> bool:
        """Whether a route may have been added deep inside since the table was built; asked once for each endpoint."""
        if endpoint in self._by_endpoint or endpoint in self._foreign:
            return False
        self._foreign.add(endpoint)
        return True

    def _build(self) -> None:
        self._size = len(self._app.routes)
        self._entries = list(_flatten(self._app.routes, ""))
        self._by_endpoint = {}
        for entry in self._entries:
            self._by_endpoint.setdefault(entry.endpoint, []).append(entry)


def _flatten(routes: Iterable[Any], prefix: str) -> Iterator[_Entry]:
    from starlette.routing import Host, Mount, WebSocketRoute

    for route in _with_included(routes):
        kind = getattr(route, "original_route", route)
        if isinstance(kind, WebSocketRoute):
            continue
        if isinstance(kind, Host):
            yield from _flatten(route.routes, prefix)
            continue
        path = getattr(route, "path", None)
        if not isinstance(path, str):
            continue
        if isinstance(kind, Mount) and route.routes:
            yield from _flatten(route.routes, prefix + path.rstrip("/"))
        elif isinstance(kind, Mount):
            # Its inner paths are not known here (static files, another framework).
            yield _entry(prefix + path.rstrip("/") + "/{path:path}", prefix + path or "/", None, route.app)
        else:
            methods = getattr(route, "methods", None)
            yield _entry(prefix + path, prefix + path, frozenset(methods) if methods else None, route.endpoint)


def _entry(path: str, template: str, methods: frozenset[str] | None, endpoint: object) -> _Entry:
    from starlette.routing import compile_path

    return _Entry(_CONVERTOR.sub(r"{\1}", template), compile_path(path)[0], methods, id(endpoint))


def _with_included(routes: Iterable[Any]) -> Iterable[Any]:
    """FastAPI keeps an included router as one entry; unfold it to routes with their full path."""
    try:
        from fastapi.routing import iter_route_contexts
    except ImportError:
        return routes
    return iter_route_contexts(list(routes))
