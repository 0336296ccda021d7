"""Runs whole stacks for tests, through the `neomon` command as a user would."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from neomon.settings import REPOSITORY, DemoPorts, Ports
from support.waiting import eventually

FAST: dict[str, Any] = {
    "prometheus": {"scrape_interval": 1, "scrape_timeout": 1, "evaluation_interval": 1},
    "alerting": {"time_factor": 0.05},
}
"""Settings that shorten every interval; the code that runs is the same."""
NEOMON = (sys.executable, "-m", "neomon")


_candidates = itertools.count(20_000 + os.getpid() % 5_000)
"""Outside the range the kernel hands out by itself, so that a free port stays free; never the same one twice."""


def free_ports(count: int) -> list[int]:
    """That many ports in a row nobody listens on."""
    found: list[int] = []
    while len(found) < count:
        candidate = next(_candidates)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                found.clear()
                continue
        found.append(candidate)
    return found


@dataclass
class Stack:
    """One installation on free ports, below a directory of its own."""

    directory: Path
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = list(Ports.model_fields)
        demo_names = [name for name in DemoPorts.model_fields if name != "stacks"]
        ports = free_ports(len(names) + len(demo_names) + 3)
        self.ports = dict(zip(names, ports, strict=False))
        # `stacks` is the first of three in a row.
        self.demo_ports = {**dict(zip(demo_names, ports[len(names) :], strict=False)), "stacks": ports[-3]}
        self.data_dir = self.directory / "var"
        self.base_dir = self.directory / "base"
        self.data_dir.mkdir(parents=True, mode=0o755)
        for folder in ("prometheus", "alertmanager", "grafana", "exporters", "docs"):
            shutil.copytree(REPOSITORY / folder, self.base_dir / folder)
        self.write_settings(self.settings)

    def write_settings(self, settings: dict[str, Any]) -> None:
        """Write neomon.yml: `settings` over this stack's ports and directories."""
        whole = {
            "base_dir": str(self.base_dir),
            "ports": self.ports,
            **settings,
            "demo": {"ports": self.demo_ports, **settings.get("demo", {})},
        }
        (self.data_dir / "neomon.yml").write_text(json.dumps(whole))

    def run(self, *arguments: str, check: bool = True, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run `neomon …` to its end."""
        ran = subprocess.run(
            [*NEOMON, *arguments], env=self.environment(), capture_output=True, text=True, timeout=seconds, check=False
        )
        if check and ran.returncode:
            raise AssertionError(f"neomon {' '.join(arguments)}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}")
        return ran

    def environment(self) -> dict[str, str]:
        """Environment in which `neomon` works on this stack."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("NEOMON_")}
        return {**kept, "NEOMON_DATA_DIR": str(self.data_dir), "COLUMNS": "200", "NO_COLOR": "1"}

    def status(self) -> dict[str, dict[str, Any]]:
        """Component name -> row of `neomon status --json`."""
        rows = json.loads(self.run("status", "--json", check=False).stdout)["components"]
        return {row["name"]: row for row in rows}

    def secret(self, name: str) -> str:
        """A generated secret."""
        return (self.data_dir / "secrets" / name).read_text()

    def url(self, component: str, path: str = "") -> str:
        """Address of a component."""
        return f"http://127.0.0.1:{self.ports[component]}{path}"

    def get(self, component: str, path: str, *, user: str = "neomon", secret: str = "scrape.password") -> Any:
        """JSON of `GET path` of a component, as the scrape user unless told otherwise."""
        request = urllib.request.Request(self.url(component, path))
        login = base64.b64encode(f"{user}:{self.secret(secret)}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def send(self, method: str, path: str, body: object = None) -> None:
        """A call of neomon's API as a service makes it."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url("neomon", path), data=data, method=method)
        request.add_header("Authorization", f"Bearer {self.secret('service.token')}")
        request.add_header("Content-Type", "application/json")
        urllib.request.urlopen(request, timeout=5).close()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Result vector of an instant query."""
        path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        result: list[dict[str, Any]] = self.get("prometheus", path)["data"]["result"]
        return result

    def alert_states(self, name: str) -> set[str]:
        """States (`pending`, `firing`) of the alerts of that name in Prometheus."""
        alerts = self.get("prometheus", "/api/v1/alerts")["data"]["alerts"]
        return {alert["state"] for alert in alerts if alert["labels"]["alertname"] == name}

    def notifications(self) -> list[dict[str, Any]]:
        """Messages neomon's webhook received, newest first."""
        answer: list[dict[str, Any]] = self.get(
            "neomon", "/api/v1/notifications?limit=1000", user="admin", secret="admin.password"
        )
        return answer

    def processes(self) -> list[psutil.Process]:
        """All processes of this stack, found by its directory in their arguments or environment."""
        mark = str(self.data_dir)
        found = []
        for process in psutil.process_iter():
            try:
                if mark in " ".join(process.cmdline()) or process.environ().get("NEOMON_CONFIG", "").startswith(mark):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def down(self) -> None:
        """Stop it and check that nothing is left."""
        self.run("down", check=False)
        eventually(lambda: not self.processes(), "no process left after `neomon down`", 20)
