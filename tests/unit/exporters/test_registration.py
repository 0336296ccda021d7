"""Registering with neomon, against a server that behaves like it, well or badly."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from neomon.errors import SettingsError
from neomon.exporters import registration
from neomon.exporters.registration import Registration


@dataclass
class Neomon:
    """What was asked, and what is answered."""

    url: str = ""
    asked: list[tuple[str, str, str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    times: list[float] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        text = await request.text()
        self.asked.append(
            (request.method, request.raw_path, request.headers["Authorization"], json.loads(text) if text else None)
        )
        self.times.append(time.monotonic())
        self.arrived.set()
        return web.Response(status=self.answers.pop(0) if self.answers else 204, text="because")

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.asked) < count:
                self.arrived.clear()
                await self.arrived.wait()


@asynccontextmanager
async def neomon(port: int = 0, context: ssl.SSLContext | None = None) -> AsyncIterator[Neomon]:
    fake = Neomon()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=context)
    await site.start()
    bound = runner.addresses[0][1]
    fake.url = f"{'https' if context else 'http'}://127.0.0.1:{bound}"
    try:
        yield fake
    finally:
        await runner.cleanup()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("s3cret\n")
    return path


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(registration, "LAST_RETRY_SECONDS", 0.05)


def target(url: str, token: Path, **more: Any) -> Registration:
    settings = {"job": "services", "address": "10.0.0.7:8000", "labels": {"service": "api-gateway"}, **more}
    return Registration(url=url, token_file=token, **settings)


async def test_registers_renews_and_deregisters(token: Path) -> None:
    async with neomon() as fake:
        async with target(fake.url, token, ttl_seconds=2.4) as entry:
            await asyncio.wait_for(entry.registered(), 5)
            await fake.wait_for(2)
        assert fake.times[1] - fake.times[0] < 2.4, "renewed before it lapses"
        puts, last = fake.asked[:-1], fake.asked[-1]
        body = {"labels": {"service": "api-gateway"}, "ttl_seconds": 2.4}
        path = "/api/v1/targets/services/10.0.0.7:8000"
        assert all(asked == ("PUT", path, "Bearer s3cret", body) for asked in puts)
        assert last == ("DELETE", path, "Bearer s3cret", None)


async def test_without_a_ttl_it_registers_once(token: Path) -> None:
    async with neomon() as fake:
        entry = target(fake.url, token, ttl_seconds=None)
        await entry.start()
        await asyncio.wait_for(entry.registered(), 5)
        await asyncio.wait_for(asyncio.shield(entry._task or asyncio.sleep(0)), 5)
        assert len(fake.asked) == 1 and fake.asked[0][3]["ttl_seconds"] is None
        await entry.deregister()
        assert fake.asked[-1][0] == "DELETE"


async def test_waits_for_a_neomon_that_is_not_up_yet(token: Path, unused_tcp_port: int) -> None:
    entry = target(f"http://127.0.0.1:{unused_tcp_port}", token)
    await entry.start()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(entry.registered(), 0.1)
    async with neomon(unused_tcp_port):
        await asyncio.wait_for(entry.registered(), 5)
        await entry.deregister()


async def test_goes_on_after_refusals_with_the_token_of_the_day(token: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with neomon() as fake:
        fake.answers = [503, 401, 302]
        entry = target(fake.url, token)
        await entry.start()
        await fake.wait_for(2)
        token.write_text("rotated")
        await asyncio.wait_for(entry.registered(), 5)
        assert fake.asked[-1][2] == "Bearer rotated"
        assert "answered 503: because" in caplog.text
        assert "s3cret" not in caplog.text
        await entry.deregister()


async def test_deregistering_from_a_neomon_that_is_gone_is_no_error(token: Path, unused_tcp_port: int) -> None:
    async with target(f"http://127.0.0.1:{unused_tcp_port}", token):
        pass


async def test_probe_targets_are_addresses_with_slashes(token: Path) -> None:
    async with neomon() as fake, target(fake.url, token, job="probe-http", address="https://x.test/a?b") as entry:
        await asyncio.wait_for(entry.registered(), 5)
        assert fake.asked[0][1] == "/api/v1/targets/probe-http/https:%2F%2Fx.test%2Fa%3Fb"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=neomon", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)
    return tmp_path / "cert.pem"


async def test_trusts_the_given_ca_and_no_other(token: Path, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    async with neomon(context=context) as fake:
        async with target(fake.url, token, ca_file=certificate) as entry:
            await asyncio.wait_for(entry.registered(), 5)
        asked = len(fake.asked)
        async with target(fake.url, token) as entry:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(entry.registered(), 0.2)
        assert len(fake.asked) == asked, "no token is shown to a server that isn't trusted"


def test_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch, token: Path) -> None:
    for name in ("NEOMON_URL", "NEOMON_TOKEN_FILE", "NEOMON_CA_FILE"):
        monkeypatch.delenv(name, raising=False)
    settings = {"job": "services", "address": "h:1", "service": "s", "tenant": "acme"}
    with pytest.raises(SettingsError, match="set NEOMON_URL and NEOMON_TOKEN_FILE"):
        Registration.from_environment(**settings)  # type: ignore[arg-type]
    monkeypatch.setenv("NEOMON_URL", "http://n/")
    monkeypatch.setenv("NEOMON_TOKEN_FILE", str(token))
    entry = Registration.from_environment(**settings)  # type: ignore[arg-type]
    assert entry.labels == {"service": "s", "tenant": "acme"} and entry.ca_file is None
