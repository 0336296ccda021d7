"""An instrumented service under a real server, with several worker processes, and a client that leaves."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

SERVICE = """
import asyncio

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from neomon.exporters.instrument import instrument

app = instrument(FastAPI(), version="1.0", revision="abc")


@app.get("/tenants/{tenant}")
async def tenant(tenant: str) -> dict[str, str]:
    return {"tenant": tenant}


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def pieces():
        while True:
            yield b"x" * 10000
            await asyncio.sleep(0.01)

    return StreamingResponse(pieces())
"""


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _get(port: int, path: str, accept: str = "text/plain") -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=5) as response:
        return str(response.read().decode())


def _eventually(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def _up(port: int) -> bool:
    try:
        return bool(_get(port, "/metrics"))
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[int], int]]:
    (tmp_path / "service.py").write_text(SERVICE)
    running: list[subprocess.Popen[bytes]] = []

    def serve(workers: int) -> int:
        port = _free_port()
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        if workers > 1:
            directory = tmp_path / "multiprocess"
            directory.mkdir()
            environment["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
        command = [sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1"]
        command += ["--port", str(port), "--workers", str(workers), "--log-level", "warning", "service:app"]
        running.append(subprocess.Popen(command, env=environment, cwd=tmp_path))
        _eventually(lambda: _up(port), "the service answers")
        return port

    yield serve
    for process in running:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _requests(port: int) -> dict[tuple[str, str], float]:
    text = _get(port, "/metrics", "application/openmetrics-text; version=1.0.0")
    return {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "http_requests_total"
    }


def test_whichever_worker_is_scraped_answers_for_all(serve: Callable[[int], int]) -> None:
    port = serve(2)
    for number in range(120):
        _get(port, f"/tenants/t{number}")
    for _ in range(10):
        assert _requests(port) == {("/tenants/{tenant}", "200"): 120}
    page = _get(port, "/metrics")
    assert 'service_build_info{revision="abc",version="1.0"} 1.0' in page
    assert "http_requests_in_flight 0.0" in page
    if shutil.which("promtool"):
        lint = subprocess.run(["promtool", "check", "metrics"], input=page, text=True, capture_output=True)
        assert (lint.stdout + lint.stderr).strip() == ""


def test_a_client_that_leaves_a_stream(serve: Callable[[int], int]) -> None:
    port = serve(1)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1000)
        _eventually(lambda: "http_requests_in_flight 1.0" in _get(port, "/metrics"), "it is in flight")
    _eventually(lambda: "http_requests_in_flight 0.0" in _get(port, "/metrics"), "it has ended")
    assert _requests(port) == {("/stream", "200"): 1}
