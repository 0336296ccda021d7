"""A really running Alertmanager, on the repository's configuration or one derived from it."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml

from support.waiting import eventually

BASE = Path(__file__).resolve().parents[2] / "alertmanager"
Config = dict[str, Any]
Labels = Mapping[str, str]


def base_config() -> Config:
    """The configuration in the repository, parsed afresh."""
    config: Config = yaml.safe_load((BASE / "alertmanager.yml").read_text(encoding="utf-8"))
    return config


def free_port() -> int:
    """A TCP port of loopback nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def integrations(config: Config, kind: str) -> Iterator[dict[str, Any]]:
    """Every `<kind>_configs` entry of every receiver."""
    for receiver in config["receivers"]:
        yield from receiver.get(f"{kind}_configs", [])


def routes(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A route and all routes below it."""
    yield route
    for child in route.get("routes", []):
        yield from routes(child)


def hasten(config: Config) -> None:
    """Shorten waits to fractions of a second; what is sent to whom stays."""
    for route in routes(config["route"]):
        route["group_wait"] = "100ms"
        route["group_interval"] = "500ms"
        # Watchdog has to beat again; everything else is told once.
        route["repeat_interval"] = "400ms" if route["receiver"] == "dead-mans-switch" else "1h"


def alert(
    labels: Labels,
    annotations: Labels | None = None,
    started: datetime | None = None,
    ended: datetime | None = None,
) -> dict[str, Any]:
    """An alert as Prometheus posts it; firing for the next five minutes unless `ended` is given."""
    now = datetime.now(UTC)
    return {
        "labels": dict(labels),
        "annotations": dict(annotations or {}),
        "startsAt": (started or now).isoformat(),
        "endsAt": (ended or now + timedelta(minutes=5)).isoformat(),
        "generatorURL": "http://localhost:9090/graph?g0.expr=up",
    }


@dataclass(frozen=True)
class Alertmanager:
    """A running Alertmanager."""

    url: str
    log: Path

    def post(self, alerts: Sequence[dict[str, Any]]) -> None:
        """Hand over alerts as Prometheus does."""
        httpx.post(f"{self.url}/api/v2/alerts", json=list(alerts)).raise_for_status()

    def alerts(self) -> list[dict[str, Any]]:
        """All alerts it knows, with their inhibition state."""
        answer = httpx.get(f"{self.url}/api/v2/alerts").raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found

    def matching(self, matchers: str) -> list[dict[str, Any]]:
        """Alerts that match `{name="value", ...}`; each matcher is handed over as written, as the silence form does."""
        one = r'[a-z_]+="(?:[^"\\]|\\.)*"'
        assert re.fullmatch(rf"\{{{one}(,{one})*\}}", matchers), f"not a list of matchers: {matchers}"
        answer = httpx.get(f"{self.url}/api/v2/alerts", params={"filter": re.findall(one, matchers)}).raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found


@contextlib.contextmanager
def running(config: Config, directory: Path) -> Iterator[Alertmanager]:
    """Alertmanager on `config` with the repository's templates, state in `directory`; stopped at the end."""
    directory.mkdir(parents=True, exist_ok=True)
    config["templates"] = [str(BASE / "templates" / "*.tmpl")]
    path = directory / "alertmanager.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    port = free_port()
    url, log = f"http://127.0.0.1:{port}", directory / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                "prometheus-alertmanager",
                f"--config.file={path}",
                f"--storage.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
                "--log.level=debug",
            ],
            cwd=directory,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        eventually(lambda: _ready(url, process, log), "Alertmanager is ready")
        yield Alertmanager(url, log)
    finally:
        process.terminate()
        process.wait(timeout=10)


def _ready(url: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    if process.poll() is not None:
        raise AssertionError(f"Alertmanager ended: {log.read_text(encoding='utf-8')}")
    try:
        return httpx.get(f"{url}/-/ready").status_code == 200
    except httpx.TransportError:
        return False
