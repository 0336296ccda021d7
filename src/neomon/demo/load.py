"""The load generator: people and programs of three tenants, using the platform by day and less by night.

`python -m neomon.demo.load`
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine
from typing import Any

import aiohttp

from neomon.demo.arrivals import Arrivals
from neomon.demo.catalogue import DORMANT_TENANTS, SERVICES, TENANTS, Tenant, rate_limit
from neomon.demo.faults.board import FaultBoard
from neomon.demo.process import run
from neomon.demo.rhythm import load_factor
from neomon.demo.runtime import HOST, Runtime
from neomon.demo.services.users import Directory
from neomon.demo.tracing import HEADER, new_traceparent
from neomon.demo.traffic import (
    BURST_FACTOR,
    BURSTING_TENANT,
    LOGIN_METHODS,
    MFA_METHODS,
    OPERATION_BY_NAME,
    OPERATIONS,
    STACK_ROUTES,
    Operation,
    in_burst,
)

_READY_SECONDS = 30.0
_REQUEST_SECONDS = 10.0
_MOST_IN_FLIGHT = 150
_SESSIONS_KEPT = 300
_LONGEST_PAUSE = 1.0
_THINKING_SECONDS = (1.0, 3.0)
DEFAULT_PEAK = 12.0
"""Requests a second the tenants' `stack_requests_per_second` go with."""
_GUESSES_PER_SECOND = 3.0
"""Wrong passwords while the fault `login-failures` is on."""
_FLOOD_TENANT = "globex"
_FLOOD_FACTOR = 4.0
"""How many times its limit that tenant sends while the fault `rate-limit` is on."""
_NEEDS_SESSION = frozenset({"token", "session", "logout"})
_PICKED = tuple(operation for operation in OPERATIONS if operation.name != "mfa")
"""A second factor is never sent alone: it follows a login."""
_PICKED_WEIGHTS = tuple(operation.weight for operation in _PICKED)
_PICKED_SHARE = sum(_PICKED_WEIGHTS) / sum(operation.weight for operation in OPERATIONS)


class Load:
    """Sends the requests."""

    def __init__(self, runtime: Runtime, board: FaultBoard, session: aiohttp.ClientSession) -> None:
        self._runtime = runtime
        self._board = board
        self._http = session
        self._directory = Directory.of(runtime)
        self._rng = random.Random()
        self._sessions: dict[str, list[str]] = {tenant.name: [] for tenant in TENANTS}
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Send requests for ever."""
        peak = self._runtime.requests_per_second
        scale = peak / DEFAULT_PEAK
        streams = [self._stream(lambda t=t: self._platform_rate(t), lambda t=t: self._use(t)) for t in TENANTS]
        streams += [
            self._stream(
                lambda t=t: t.stack_requests_per_second * scale * load_factor(time.time()),
                lambda i=i, t=t: self._use_stack(i, t),
            )
            for i, t in enumerate(TENANTS)
        ]
        streams.append(self._stream(lambda: _GUESSES_PER_SECOND * self._board.is_on("login-failures"), self._guess))
        await asyncio.gather(*streams)

    def _platform_rate(self, tenant: Tenant) -> float:
        now = time.time()
        if tenant.name == _FLOOD_TENANT and self._board.is_on("rate-limit"):
            return rate_limit(tenant, self._runtime.requests_per_second) * _FLOOD_FACTOR
        rate = self._runtime.requests_per_second * tenant.share * load_factor(now) * _PICKED_SHARE
        return rate * BURST_FACTOR if tenant.name == BURSTING_TENANT and in_burst(now) else rate

    async def _stream(self, rate: Any, send: Any) -> None:
        arrivals = Arrivals(rate, self._rng)
        while True:
            await asyncio.sleep(min(_LONGEST_PAUSE, arrivals.pause(time.monotonic())))
            for _ in range(arrivals.due(time.monotonic())):
                self._start(send())

    def _start(self, request: Coroutine[Any, Any, None]) -> None:
        if len(self._running) >= _MOST_IN_FLIGHT:
            request.close()
            return
        task = asyncio.create_task(request)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _use(self, tenant: Tenant) -> None:
        operation = self._rng.choices(_PICKED, _PICKED_WEIGHTS)[0]
        sessions = self._sessions[tenant.name]
        if operation.name == "login" or (operation.name in _NEEDS_SESSION and not sessions):
            await self._login(tenant)
            return
        spoilt = self._rng.random() < sum(share for _, share in operation.client_errors)
        token = self._token(operation, sessions, spoilt=spoilt)
        status, _ = await self._send(operation, tenant, token, self._body(operation, spoilt), spoilt)
        if status == 401 and token in sessions:
            sessions.remove(token)

    def _token(self, operation: Operation, sessions: list[str], *, spoilt: bool) -> str:
        if operation.name not in _NEEDS_SESSION or spoilt:
            return "none"
        if operation.name == "logout":
            return sessions.pop(self._rng.randrange(len(sessions)))
        return self._rng.choice(sessions)

    def _body(self, operation: Operation, spoilt: bool) -> dict[str, Any] | None:
        return {"spoilt": spoilt} if operation.method == "POST" else None

    async def _login(self, tenant: Tenant, *, wrong: bool = False, method: str | None = None) -> None:
        operation = OPERATION_BY_NAME["login"]
        user = self._directory.user(tenant, self._rng.randrange(10_000))
        wrong = wrong or self._rng.random() < sum(share for _, share in operation.client_errors)
        method = method or self._choose(LOGIN_METHODS)
        password = "wrong" if wrong else self._directory.password(user)
        body = {"user": user, "password": password, "method": method}
        status, answer = await self._send(operation, tenant, "none", body)
        if status == 200 and answer.get("mfa_required"):
            await asyncio.sleep(self._rng.uniform(*_THINKING_SECONDS))
            await self._second_factor(tenant, str(answer["challenge"]))
        elif status == 200:
            self._keep(tenant, str(answer["session"]))

    async def _second_factor(self, tenant: Tenant, challenge: str) -> None:
        operation = OPERATION_BY_NAME["mfa"]
        wrong = self._rng.random() < sum(share for _, share in operation.client_errors)
        code = "wrong" if wrong else self._directory.code(challenge)
        body = {"challenge": challenge, "code": code, "method": self._choose(MFA_METHODS)}
        status, answer = await self._send(operation, tenant, "none", body)
        if status == 200:
            self._keep(tenant, str(answer["session"]))

    async def _guess(self) -> None:
        await self._login(self._rng.choice(TENANTS), wrong=True, method="password")

    def _keep(self, tenant: Tenant, token: str) -> None:
        sessions = self._sessions[tenant.name]
        sessions.append(token)
        del sessions[:-_SESSIONS_KEPT]

    def _choose(self, shares: dict[str, float]) -> str:
        return self._rng.choices(list(shares), list(shares.values()))[0]

    async def _send(
        self, operation: Operation, tenant: Tenant, token: str, body: dict[str, Any] | None, spoilt: bool = False
    ) -> tuple[int, dict[str, Any]]:
        names_tenant = "{tenant}" in operation.route
        nowhere = next(iter(DORMANT_TENANTS)) + "-gone"
        path = operation.route.format(tenant=nowhere if spoilt and names_tenant else tenant.name)
        if operation.name == "deploy":
            path += f"?stack={'none' if spoilt else tenant.stack}"
        headers = {"x-tenant": tenant.name, "authorization": f"Bearer {token}", HEADER: new_traceparent()}
        url = self._runtime.url("api_gateway") + path
        try:
            async with self._http.request(operation.method, url, headers=headers, json=body) as answer:
                if answer.status >= 400:
                    await answer.read()
                    return answer.status, {}
                content = await answer.json() if operation.name in ("login", "mfa") else await answer.read()
                return answer.status, content if isinstance(content, dict) else {}
        except (aiohttp.ClientError, TimeoutError):
            return 0, {}

    async def _use_stack(self, index: int, tenant: Tenant) -> None:
        routes = STACK_ROUTES[tenant.stack]
        route = self._rng.choices(routes, [route.weight for route in routes])[0]
        path = route.route.format(id=self._rng.randrange(500))
        url = f"http://{HOST}:{self._runtime.stack_port(index)}{path}"
        try:
            async with self._http.request(route.method, url, headers={HEADER: new_traceparent()}) as answer:
                await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            return


async def platform_ready(runtime: Runtime, session: aiohttp.ClientSession) -> None:
    """Wait until the platform is up, for a while: a start should not look like an outage."""
    urls = [runtime.url(service.port_setting) + "/health" for service in SERVICES]
    addresses = [runtime.port("postgres"), runtime.port("redis")]
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        try:
            for url in urls:
                await (await session.get(url)).read()
            for port in addresses:
                _, writer = await asyncio.open_connection(HOST, port)
                writer.close()
        except (aiohttp.ClientError, OSError):
            await asyncio.sleep(0.25)
        else:
            return


async def main() -> None:
    """Run the load generator."""
    runtime = Runtime.from_environment()
    timeout = aiohttp.ClientTimeout(total=_REQUEST_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        await platform_ready(runtime, session)
        await Load(runtime, FaultBoard(runtime.faults_dir), session).run()


if __name__ == "__main__":
    run(main())
