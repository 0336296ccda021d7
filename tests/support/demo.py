"""Runs the demo without the rest of the stack, and stands in for neomon's registration."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import psycopg

from neomon.demo.faults.board import FaultBoard
from neomon.demo.postgres import Cluster
from neomon.demo.programs import demo_programs, demo_settings, prepare
from neomon.demo.runtime import Runtime
from neomon.settings import DemoPorts, Settings
from neomon.stack.secrets import SERVICE_TOKEN

T = TypeVar("T")


def eventually(check: Callable[[], T], seconds: float = 40, message: str = "") -> T:
    """The first truthy result of `check`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            result = check()
        except (OSError, AssertionError, KeyError, psycopg.OperationalError) as error:
            result, message = None, f"{message} {error!r}"
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {message}")
        time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """Neighbouring free ports."""
    for _ in range(200):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = probe.getsockname()[1]
        held = []
        try:
            for port in range(first, first + count):
                held.append(socket.socket())
                held[-1].bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            continue
        finally:
            for one in held:
                one.close()
        return list(range(first, first + count))
    raise AssertionError("no free ports")


class Registry:
    """The part of neomon's API that services register with."""

    def __init__(self, token: str) -> None:
        self.targets: dict[tuple[str, str], dict[str, str]] = {}
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                match = re.fullmatch(r"/api/v1/targets/([^/]+)/([^/]+)", self.path)
                allowed = self.headers.get("authorization") == f"Bearer {token}"
                if match and allowed:
                    name = (unquote(match[1]), unquote(match[2]))
                    if self.command == "PUT":
                        registry.targets[name] = json.loads(body)["labels"]
                    else:
                        registry.targets.pop(name, None)
                self.send_response(204 if match and allowed else 403)
                self.end_headers()

            do_PUT = do_DELETE = _answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class RunningDemo:
    """The demo's processes."""

    def __init__(self, directory: Path, requests_per_second: float) -> None:
        ports = free_ports(14)
        names = ["stacks", "", "", *(name for name in DemoPorts.model_fields if name != "stacks")]
        chosen = {name: port for name, port in zip(names, ports, strict=False) if name}
        demo = {"ports": chosen, "requests_per_second": requests_per_second}
        plain = Settings(data_dir=directory, demo=demo, ports={"neomon": 1})
        self.registry = Registry(Runtime.of(plain).secrets.read(SERVICE_TOKEN))
        self.settings = demo_settings(
            plain.model_copy(update={"ports": plain.ports.model_copy(update={"neomon": self.registry.port})})
        )
        self.runtime = Runtime.of(self.settings)
        self.board = FaultBoard(self.runtime.faults_dir)
        self.cluster = Cluster(self.runtime)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        prepare(self.settings, lambda _text, _share: None)
        self.settings.log_dir.mkdir(parents=True, exist_ok=True)
        for program in sorted(demo_programs(self.settings), key=lambda program: program.priority):
            self.start_program(program.name)

    def start_program(self, name: str) -> None:
        program = next(program for program in demo_programs(self.settings) if program.name == name)
        with (self.settings.log_dir / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                program.command, cwd=program.directory, env={**os.environ, **program.environment},
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def stop(self) -> None:
        for process in reversed(self.processes.values()):
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.registry.close()

    def logs(self) -> str:
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')[-2000:]}"
            for path in self.settings.log_dir.glob("*.log")
        )

    def get(
        self, port: int | str, path: str, headers: Mapping[str, str] | None = None, data: Any = None
    ) -> tuple[int, str]:
        number = port if isinstance(port, int) else self.runtime.port(port)
        body = json.dumps(data).encode() if data is not None else None
        request = urllib.request.Request(f"http://127.0.0.1:{number}{path}", data=body, headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self, port: int | str) -> dict[str, float]:
        """Series (as written) -> value."""
        status, text = self.get(port, "/metrics")
        assert status == 200
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    def total(self, port: int | str, name: str, *parts: str) -> float:
        """Sum of the series of a metric whose labels contain all `parts`."""
        found = self.metrics(port)
        return sum(v for s, v in found.items() if s.partition("{")[0] == name and all(part in s for part in parts))

    def rows(self, database: str, sql: str) -> list[tuple[Any, ...]]:
        with self.cluster.superuser(database) as connection:
            return connection.execute(sql.encode()).fetchall()

    def listens(self, name: str) -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            return probe.connect_ex(("127.0.0.1", self.runtime.port(name))) == 0
