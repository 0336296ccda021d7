"""The blackbox exporter's modules, tried by the real exporter on small servers."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from support.alertmanager import free_port
from support.receivers import write_certificate
from support.waiting import eventually

CONFIG = Path(__file__).resolve().parents[2] / "exporters" / "blackbox_exporter" / "blackbox.yml"
STATUS = {"/": 200, "/no-content": 204, "/moved": 302, "/broken": 500}


class _Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = STATUS[self.path]
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def _serving(context: ssl.SSLContext | None = None) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def blackbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    address = f"127.0.0.1:{free_port()}"
    with (tmp_path_factory.mktemp("blackbox") / "log").open("wb") as log:
        process = subprocess.Popen(
            ["prometheus-blackbox-exporter", f"--config.file={CONFIG}", f"--web.listen-address={address}"],
            stdout=log,
            stderr=log,
        )
    try:
        eventually(lambda: _answers(f"http://{address}/-/healthy"), "the blackbox exporter answers")
        yield f"http://{address}/probe"
    finally:
        process.terminate()
        process.wait(timeout=10)


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url).status_code == 200
    return False


def _probe(blackbox: str, module: str, target: str) -> dict[str, float]:
    text = httpx.get(blackbox, params={"module": module, "target": target}, timeout=10).raise_for_status().text
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


@pytest.mark.parametrize(
    ("module", "path", "success"),
    [
        ("http_2xx", "/", 1),
        ("http_2xx", "/no-content", 1),
        ("http_2xx", "/moved", 0),
        ("http_2xx", "/broken", 0),
        ("http_health", "/", 1),
        ("http_health", "/no-content", 0),
        ("http_health", "/moved", 0),
    ],
)
def test_http(blackbox: str, module: str, path: str, success: int) -> None:
    with _serving() as address:
        assert _probe(blackbox, module, f"http://{address}{path}")["probe_success"] == success


def test_certificate_of_a_private_authority(blackbox: str, tmp_path: Path) -> None:
    """Its end is measured, while the HTTP probe refuses it."""
    certificate, key = write_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with _serving(context) as address:
        result = _probe(blackbox, "tls_connect", address)
        assert result["probe_success"] == 1
        assert result["probe_ssl_earliest_cert_expiry"] > 0
        assert _probe(blackbox, "http_2xx", f"https://{address}/")["probe_success"] == 0


def test_port(blackbox: str) -> None:
    with _serving() as address:
        assert _probe(blackbox, "tcp_connect", address)["probe_success"] == 1
    assert _probe(blackbox, "tcp_connect", address)["probe_success"] == 0
