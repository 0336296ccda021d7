"""Auth Service: logins, second factors, sessions and tokens; keeps the directory in step with LDAP."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import Counter, Gauge
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from neomon.demo.catalogue import AUTH, PLATFORM_VERSION, SESSION_SECONDS, TENANTS
from neomon.demo.faults.board import FaultBoard
from neomon.demo.levels import sessions_at
from neomon.demo.process import run
from neomon.demo.registration import registered, service_targets
from neomon.demo.runtime import Runtime
from neomon.demo.services.base import Pace, background, build_app, serve
from neomon.demo.services.database import Pool
from neomon.demo.services.ldap_sync import LdapSync
from neomon.demo.services.sessions import Sessions
from neomon.demo.services.users import Directory, enrolled_users
from neomon.demo.traffic import LOGIN_METHODS, MFA_METHODS, OPERATION_BY_NAME

LOGINS = Counter("auth_logins_total", "Attempts to log in.", ["method", "result"])
TOKENS = Counter("auth_tokens_issued_total", "Tokens issued.", ["type"])
ACTIVE_SESSIONS = Gauge("auth_active_sessions", "Sessions that have not ended.")
MFA_CHALLENGES = Counter("auth_mfa_challenges_total", "Second factors asked for, by outcome.", ["method", "result"])
USERS = Gauge("auth_users", "Users, by whether they have a second factor.", ["mfa"])

_MOST_CHALLENGES = 1_000


class AuthService:
    """The service's state and handlers."""

    def __init__(self, runtime: Runtime, board: FaultBoard) -> None:
        self._directory = Directory.of(runtime)
        self._sessions = Sessions(SESSION_SECONDS)
        self._sessions.restore(round(sessions_at(time.time(), runtime.requests_per_second)))
        self._challenges: dict[str, str] = {}
        self._pace = Pace()
        self._pool = Pool(runtime, "auth", size=1)
        self._sync = LdapSync(self._pool, board)
        ACTIVE_SESSIONS.set_function(lambda: len(self._sessions))
        enrolled = enrolled_users()
        USERS.labels("enrolled").set(enrolled)
        USERS.labels("none").set(sum(tenant.users for tenant in TENANTS) - enrolled)
        for method in LOGIN_METHODS:
            for result in ("success", "failure"):
                LOGINS.labels(method, result)
        for method in MFA_METHODS:
            for result in ("success", "failure"):
                MFA_CHALLENGES.labels(method, result)
        for kind in ("access", "refresh"):
            TOKENS.labels(kind)

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Synchronise with LDAP while the service runs."""
        async with background(self._sync.run):
            yield
        await self._pool.close()

    async def login(self, request: Request) -> Response:
        """Check a password; a user with a second factor gets a challenge, others a session."""
        body = await _json(request)
        user, method = str(body.get("user", "")), body.get("method")
        if method not in LOGIN_METHODS:
            raise HTTPException(400, f"method must be one of {', '.join(LOGIN_METHODS)}")
        await self._pace.work(OPERATION_BY_NAME["login"].latency)
        known = self._directory.exists(user)
        if not known or not secrets.compare_digest(str(body.get("password", "")), self._directory.password(user)):
            LOGINS.labels(method, "failure").inc()
            raise HTTPException(401, "user or password is wrong")
        LOGINS.labels(method, "success").inc()
        if not self._directory.enrolled(user):
            return self._signed_in()
        challenge = secrets.token_urlsafe(12)
        if len(self._challenges) >= _MOST_CHALLENGES:
            del self._challenges[next(iter(self._challenges))]
        self._challenges[challenge] = user
        return JSONResponse({"mfa_required": True, "challenge": challenge})

    async def mfa(self, request: Request) -> Response:
        """Check a second factor."""
        body = await _json(request)
        method, challenge = body.get("method"), str(body.get("challenge", ""))
        if method not in MFA_METHODS:
            raise HTTPException(400, f"method must be one of {', '.join(MFA_METHODS)}")
        await self._pace.work(OPERATION_BY_NAME["mfa"].latency)
        known = self._challenges.pop(challenge, None) is not None
        if not known or not secrets.compare_digest(str(body.get("code", "")), self._directory.code(challenge)):
            MFA_CHALLENGES.labels(method, "failure").inc()
            raise HTTPException(401, "the code is wrong")
        MFA_CHALLENGES.labels(method, "success").inc()
        return self._signed_in()

    async def token(self, request: Request) -> Response:
        """Issue a new access token for a session, and now and then a new refresh token."""
        await self._pace.work(OPERATION_BY_NAME["token"].latency)
        self._session_of(request)
        TOKENS.labels("access").inc()
        if self._pace.chance(0.2):
            TOKENS.labels("refresh").inc()
        return JSONResponse({"access_token": secrets.token_urlsafe(24), "expires_in": 300})

    async def session(self, request: Request) -> Response:
        """Tell whether a session is valid."""
        await self._pace.work(OPERATION_BY_NAME["session"].latency)
        self._session_of(request)
        return JSONResponse({"valid": True})

    async def logout(self, request: Request) -> Response:
        """End a session."""
        await self._pace.work(OPERATION_BY_NAME["logout"].latency)
        self._sessions.close(_bearer(request))
        return Response(status_code=204)

    def _session_of(self, request: Request) -> None:
        if not self._sessions.valid(_bearer(request)):
            raise HTTPException(401, "no such session")

    def _signed_in(self) -> Response:
        TOKENS.labels("access").inc()
        TOKENS.labels("refresh").inc()
        return JSONResponse({"session": self._sessions.open()})


def _bearer(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as error:
        raise HTTPException(400, "the body must be JSON") from error
    if not isinstance(body, dict):
        raise HTTPException(400, "the body must be a JSON object")
    return body


def create_app(runtime: Runtime, board: FaultBoard) -> Starlette:
    """The Auth Service as an ASGI app."""
    service = AuthService(runtime, board)
    return build_app(
        [
            ("POST", "/login", service.login),
            ("POST", "/mfa", service.mfa),
            ("POST", "/token", service.token),
            ("GET", "/session", service.session),
            ("POST", "/logout", service.logout),
        ],
        service.lifespan,
        PLATFORM_VERSION,
    )


async def main() -> None:
    """Run the Auth Service."""
    runtime = Runtime.from_environment()
    board = FaultBoard(runtime.faults_dir)
    port = runtime.port(AUTH.port_setting)
    async with registered(runtime, service_targets(AUTH.name, port)):
        await serve(create_app(runtime, board), port, board, down="down")


if __name__ == "__main__":
    run(main())
