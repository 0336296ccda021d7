"""The exporters' HTTP server, spoken to over real sockets."""

from __future__ import annotations

import asyncio
import base64
import gzip
import ssl
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import bcrypt
import pytest
from exporter_pages import OPENMETRICS, lint
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from neomon.errors import InputError, UnavailableError
from neomon.exporters.isolated import isolated
from neomon.exporters.web import Exposition, MetricsServer, server
from neomon.exporters.web import http as protocol
from neomon.exporters.web.config import load_web_config
from neomon.exporters.web.guard import Credentials, Guard


class One:
    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("one", "One.", value=1)


class Broken:
    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("half", "Half.", value=1)
        raise OSError("disk on fire")


class Slow:
    """Takes until it is told to go on."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def collect(self) -> Iterator[Metric]:
        self.go_on.wait(20)
        yield GaugeMetricFamily("slow", "Slow.", value=1)


def hashed(password: str, rounds: int = 4) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds)).decode()


def basic(user: str, password: str) -> str:
    return "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


Ask = Callable[..., Awaitable[tuple[int, dict[str, str], bytes]]]


@asynccontextmanager
async def serving(guard: Guard | None = None, *collectors: object) -> AsyncIterator[tuple[Ask, int]]:
    exposition = Exposition("test_exporter", collectors or [One()])  # type: ignore[arg-type]
    running = MetricsServer("Test", exposition, guard or Guard(None))
    port = await running.start("127.0.0.1", 0)

    async def ask(path: str = "/metrics", *headers: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        head = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", *headers])
        return split(await exchange(port, f"{head}\r\n\r\n".encode()))

    try:
        yield ask, port
    finally:
        await running.close()


async def exchange(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def split(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return int(lines[0].split()[1]), dict(line.lower().split(": ", 1) for line in lines[1:]), body


async def test_formats_and_encodings() -> None:
    async with serving() as (ask, _):
        status, headers, body = await ask()
        assert status == 200 and headers["content-type"].startswith("text/plain; version=0.0.4")
        assert b"\none 1.0\n" in body and lint(body) == ""
        _, headers, body = await ask("/metrics", f"Accept: {OPENMETRICS}", "Accept-Encoding: gzip, deflate")
        assert headers["content-type"].startswith("application/openmetrics-text")
        assert headers["content-encoding"] == "gzip"
        names = {family.name for family in text_string_to_metric_families(gzip.decompress(body).decode())}
        assert {"one", "test_exporter_scrape_duration_seconds", "test_exporter_scrape_errors"} <= names
        assert "process_resident_memory_bytes" in names
        _, headers, _ = await ask("/metrics", "Accept-Encoding: gzip;q=0")
        assert "content-encoding" not in headers


async def test_paths_and_methods() -> None:
    async with serving() as (ask, _):
        assert (await ask("/-/healthy"))[0] == 200
        assert (await ask("/"))[0] == 200
        assert (await ask("/etc/passwd"))[0] == 404
        status, headers, body = await ask(method="HEAD")
        assert status == 200 and body == b"" and int(headers["content-length"]) > 0
        status, headers, _ = await ask(method="POST")
        assert status == 405 and headers["allow"] == "get, head"


async def test_a_broken_collector_costs_only_its_own_series() -> None:
    async with serving(None, Broken(), One()) as (ask, _):
        await ask()
        status, _, body = await ask()
        assert status == 200
        assert b"\none 1.0\n" in body and b"half" not in body
        assert b"test_exporter_scrape_errors_total 2.0" in body


async def test_health_answers_while_a_scrape_is_slow() -> None:
    slow = Slow()
    async with serving(None, slow) as (ask, _):
        scrape = asyncio.ensure_future(ask())
        for _ in range(3):
            assert (await ask("/-/healthy"))[0] == 200
        await asyncio.sleep(0.1)
        assert not scrape.done()
        slow.go_on.set()
        _, _, body = await scrape
        assert b"\nslow 1.0\n" in body
        durations = [line for line in body.decode().splitlines() if line.startswith("test_exporter_scrape_duration")]
        assert float(durations[0].split()[1]) >= 0.1


async def test_a_scrape_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "COLLECT_SECONDS", 0.1)
    slow = Slow()
    async with serving(None, slow) as (ask, _):
        assert (await ask())[0] == 503
        slow.go_on.set()
        monkeypatch.setattr(server, "COLLECT_SECONDS", 10)
        assert (await ask())[0] == 200


async def test_connections_are_kept_alive() -> None:
    async with serving() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert b" 200 " in head and b"keep-alive" in head
            assert await reader.readexactly(8) == b"healthy\n"
        writer.close()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 20000 + b"\r\n\r\n", 431),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nspace : x\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 413),
        (b"GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413),
    ],
)
async def test_bad_requests_are_answered_and_the_connection_closed(data: bytes, status: int) -> None:
    async with serving() as (ask, port):
        answer = await exchange(port, data)
        # A flood may be cut before the answer can be read; what counts is that it ends.
        assert answer == b"" or split(answer)[0] == status
        assert status == 431 or answer
        assert (await ask())[0] == 200


async def test_slow_and_too_many_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "READ_SECONDS", 0.2)
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 3)
    async with serving() as (ask, port):
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for _, writer in slow:
            writer.write(b"GET /metr")
        assert await exchange(port, b"GET / HTTP/1.0\r\n\r\n") == b"", "no fourth connection"
        for reader, writer in slow:
            with pytest.raises(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 5) == b""
                raise ConnectionResetError
            writer.close()
        assert (await ask())[0] == 200


async def test_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "web.yml"
    path.write_text(f"basic_auth_users:\n  neomon: {hashed('secret')}\n")
    checks: list[int] = []
    check = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda *pair: checks.append(1) or check(*pair))
    async with serving(Guard(path)) as (ask, _):
        for wrong in ([], [basic("neomon", "guess")], [basic("other", "secret")], ["Authorization: Basic %%%"]):
            status, headers, _ = await ask("/metrics", *wrong)
            assert status == 401 and headers["www-authenticate"].startswith("basic")
        assert (await ask("/-/healthy"))[0] == 200, "open to the supervisor"
        checks.clear()
        for _ in range(5):
            assert (await ask("/metrics", basic("neomon", "secret")))[0] == 200
        assert len(checks) == 1, "bcrypt is paid once, not at each scrape"
        assert (await ask("/metrics", basic("neomon", "s" * 100)))[0] == 401


async def test_credentials_can_be_rotated_while_running(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "web.yml"
    path.write_text(f"basic_auth_users:\n  neomon: {hashed('old')}\n")
    async with serving(Guard(path)) as (ask, _):
        assert (await ask("/metrics", basic("neomon", "old")))[0] == 200
        path.write_text("basic_auth_users: {neomon: plain}")
        assert (await ask("/metrics", basic("neomon", "old")))[0] == 200, "a broken file changes nothing"
        assert "not a bcrypt hash" in caplog.text
        path.write_text(f"basic_auth_users:\n  neomon: {hashed('new')}\n# longer\n")
        assert (await ask("/metrics", basic("neomon", "old")))[0] == 401, "an old password is forgotten at once"
        assert (await ask("/metrics", basic("neomon", "new")))[0] == 200


def test_unknown_users_take_as_long_as_known_ones() -> None:
    credentials = Credentials({"neomon": hashed("secret", 10)})
    times = []
    for user in ("neomon", "nobody"):
        header = basic(user, "guess").partition(": ")[2]
        started = time.thread_time()
        assert not credentials.verify(header)
        times.append(time.thread_time() - started)
    assert times[1] > times[0] / 4, "a quick answer would tell which users exist"


def certificate(folder: Path, name: str) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj", f"/CN={name}"),
        ],
        check=True,
        capture_output=True,
    )


async def _common_name(port: int) -> str:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(b"GET /-/healthy HTTP/1.0\r\n\r\n")
    assert b" 200 " in await asyncio.wait_for(reader.read(), 5)
    presented: bytes = writer.get_extra_info("ssl_object").getpeercert(True)
    writer.close()
    return next(name for name in ("first", "second") if name.encode() in presented)


async def test_tls_with_a_certificate_that_is_renewed(tmp_path: Path) -> None:
    certificate(tmp_path, "first")
    path = tmp_path / "web.yml"
    path.write_text("tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n")
    guard = Guard(path)
    async with serving(guard) as (_, port):
        assert await _common_name(port) == "first"
        certificate(tmp_path, "second")
        guard.refresh()
        assert await _common_name(port) == "second"
        # Plain HTTP on the TLS port gets nothing.
        assert await exchange(port, b"GET /metrics HTTP/1.0\r\n\r\n") == b""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("basic_auth_users: {a: plaintext}", "basic_auth_users.a is not a bcrypt hash"),
        ("basic_auth_users: [a]", "basic_auth_users must be a mapping"),
        ("basic_auth_user: {}", "basic_auth_user is not supported"),
        ("tls_server_config: {cert_file: a}", "tls_server_config.key_file is missing"),
        ("tls_server_config: {cert_file: a, key_file: b, cipher_suites: []}", "cipher_suites is not supported"),
        ("tls_server_config: {cert_file: a, key_file: b, client_ca_file: c}", "together"),
        ("tls_server_config: {cert_file: a, key_file: b, min_version: SSL3}", "min_version 'SSL3'"),
        ("a: [", "web.yml:1: not valid YAML"),
    ],
)
def test_wrong_web_configs_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "web.yml"
    path.write_text(text)
    with pytest.raises(InputError, match=message.replace("[", r"\[")):
        load_web_config(path)


def test_missing_certificates_are_said(tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    path.write_text("tls_server_config: {cert_file: none.pem, key_file: none.pem}")
    with pytest.raises(InputError, match=r"none\.pem"):
        Guard(path)


@pytest.mark.parametrize("listen", ["9101", ":9101", "host:", "host:http", "host:70000"])
def test_an_address_must_be_said_in_full(listen: str) -> None:
    with pytest.raises(InputError, match=r"127\.0\.0\.1:9101"):
        server.parse_listen(listen)


def test_addresses() -> None:
    assert server.parse_listen("[::1]:9101") == ("::1", 9101)
    assert server.parse_listen("127.0.0.1:0") == ("127.0.0.1", 0)


async def test_a_taken_port_is_said() -> None:
    async with serving() as (_, port):
        with pytest.raises(UnavailableError, match=f"127.0.0.1:{port}"):
            await MetricsServer("Second", Exposition("x", []), Guard(None)).start("127.0.0.1", port)


def test_isolated_work_leaves_no_modules_and_passes_errors_on(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.yml: No such file"):
        isolated(load_web_config, tmp_path / "missing.yml")
    (tmp_path / "web.yml").write_text("{}")
    assert isolated(load_web_config, tmp_path / "web.yml").tls is None
