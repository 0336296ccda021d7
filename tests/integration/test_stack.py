"""The stack as its operator uses it: start, look, break, mend, stop. Real programs, no demo."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from support.stack import FAST, Stack, free_ports
from support.waiting import eventually


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("plain"), FAST)
    stack.run("up", "--detach")
    yield stack
    stack.down()


def test_everything_is_healthy_and_scraped(stack: Stack) -> None:
    ran = stack.run("status", "--json")
    rows = {row["name"]: row for row in json.loads(ran.stdout)["components"]}
    assert set(rows) == {"neomon", "prometheus", "alertmanager", "node", "blackbox", "containers"}
    for row in rows.values():
        assert row["condition"] == "healthy"
        assert row["version"]
        assert row["memory_bytes"] > 1_000_000
    assert "healthy" in stack.run("status").stdout

    def all_up() -> bool:
        found = {sample["metric"]["job"]: sample["value"][1] for sample in stack.query("up")}
        return found == dict.fromkeys(rows, "1")

    eventually(all_up, "every component is scraped with success", 30)


def test_a_second_up_says_it_is_running(stack: Stack) -> None:
    ran = stack.run("up", "--detach")
    assert "already running" in ran.stdout


def test_another_local_user_cannot_read_around_neomon(stack: Stack) -> None:
    for component, path in (("prometheus", "/api/v1/query?query=up"), ("alertmanager", "/api/v2/alerts"),
                            ("node", "/metrics"), ("blackbox", "/metrics"), ("containers", "/metrics"),
                            ("neomon", "/metrics")):  # fmt: skip
        with socket.create_connection(("127.0.0.1", stack.ports[component]), 5) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            answer = connection.makefile("rb").readline()
        assert b" 401 " in answer, component
    listeners = [c.laddr for p in stack.processes() for c in p.net_connections("tcp") if c.status == "LISTEN"]
    assert len(listeners) >= 6
    assert {address.ip for address in listeners} == {"127.0.0.1"}


def test_secrets_are_private_and_never_logged(stack: Stack) -> None:
    secrets = {path.name: path.read_text() for path in (stack.data_dir / "secrets").glob("*.[pt]*")}
    assert {"admin.password", "scrape.password", "stack.token", "service.token"} <= set(secrets)
    for path in (stack.data_dir / "secrets").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    for log in (stack.data_dir / "log").iterdir():
        text = log.read_text(errors="replace")
        assert not any(value in text for value in secrets.values()), log


def test_killed_components_are_back_and_status_tells(stack: Stack) -> None:
    before = stack.status()
    for row in before.values():
        os.kill(row["pid"], signal.SIGKILL)

    def back() -> dict[str, Any] | None:
        rows = stack.status()
        new = all(row["pid"] not in (None, before[name]["pid"]) for name, row in rows.items())
        return rows if new and all(row["condition"] == "healthy" for row in rows.values()) else None

    for name, row in eventually(back, "all are back", 30, pause=0.5).items():
        assert row["restarts"] == before[name]["restarts"] + 1
        assert "SIGKILL" in row["last_error"]


def test_a_killed_supervisor_is_replaced_and_leaves_no_orphans(stack: Stack) -> None:
    supervisor = next(p for p in stack.processes() if p.cmdline()[1:3] == ["-m", "supervisor.supervisord"])
    programs = supervisor.children(recursive=True)
    assert len(programs) >= 6
    supervisor.kill()
    _, alive = psutil.wait_procs(programs, timeout=30)
    assert not alive
    eventually(lambda: stack.run("status", check=False).returncode == 0, "all healthy again", 60, pause=0.5)


def test_registered_targets_survive_a_restart_of_neomon(stack: Stack) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{server.getsockname()[1]}"
    stack.send("PUT", f"/api/v1/targets/services/{address}", {"labels": {"service": "late", "environment": "test"}})
    expected = [{"job": "services", "service": "late"}]

    def discovered() -> bool:
        found = [
            {"job": s["metric"]["job"], "service": s["metric"]["service"]}
            for s in stack.query(f'up{{instance="{address}"}}')
        ]
        return found == expected

    eventually(discovered, "the registered target is scraped", 30)
    os.kill(stack.status()["neomon"]["pid"], signal.SIGKILL)
    eventually(lambda: stack.status()["neomon"]["condition"] == "healthy", "neomon is back", 30, pause=0.5)
    kept = stack.get("neomon", "/api/v1/targets/registered", user="admin", secret="admin.password")
    assert [target["labels"]["service"] for target in kept] == ["late"]
    stack.send("DELETE", f"/api/v1/targets/services/{address}")
    eventually(lambda: not stack.query(f'up{{instance="{address}"}}'), "the withdrawn target is gone", 30)


class TestApply:
    """Configuration changes: all or nothing."""

    def replace(self, stack: Stack, file: str, old: str, new: str) -> Path:
        path = stack.base_dir / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return path

    def loaded(self, stack: Stack) -> str:
        return stack.get("prometheus", "/api/v1/status/config")["data"]["yaml"]

    def test_a_good_change_is_previewed_then_taken_over(self, stack: Stack) -> None:
        self.replace(stack, "prometheus/prometheus.yml", "monitor: neomon", "monitor: renamed")
        preview = stack.run("apply", "--dry-run").stdout
        assert "-    monitor: neomon" in preview
        assert "+    monitor: renamed" in preview
        assert "monitor: neomon" in self.loaded(stack)
        answer = json.loads(stack.run("apply", "--json").stdout)
        assert answer == {"applied": True, "changed": ["prometheus/prometheus.yml"], "reloaded": ["prometheus"]}
        assert "monitor: renamed" in self.loaded(stack)
        assert "nothing changed" in stack.run("apply").stdout
        metrics = eventually(lambda: stack.query("neomon_config_last_apply_success"), "the outcome is a metric")
        assert metrics[0]["value"][1] == "1"

    @pytest.mark.parametrize(
        ("file", "old", "new"),
        [
            ("prometheus/prometheus.yml", "scrape_configs:", "scrape_configs: ["),
            ("prometheus/prometheus.yml", "job_name: blackbox", "job_name: node"),
            ("prometheus/alerting_rules.yml", "expr: ", "expr: ((( "),
            ("prometheus/recording_rules.yml", "record: ", "record: 'not a name' # "),
            ("prometheus/targets/node.yml", "[localhost:9100]", "localhost:9100"),
            ("alertmanager/alertmanager.yml", "receiver: dead-mans-switch", "receiver: nobody-here"),
            ("exporters/blackbox_exporter/blackbox.yml", "prober: http", "probers: http"),
        ],
    )
    def test_a_broken_file_changes_nothing_and_is_named(self, stack: Stack, file: str, old: str, new: str) -> None:
        before, link = self.loaded(stack), (stack.data_dir / "config" / "current").readlink()
        path = stack.base_dir / file
        good = path.read_text()
        self.replace(stack, file, old, new)
        try:
            ran = stack.run("apply", check=False)
            assert ran.returncode == 2
            assert f"{file}:" in ran.stderr
            assert "Traceback" not in ran.stderr
            assert self.loaded(stack) == before
            assert (stack.data_dir / "config" / "current").readlink() == link
            if file.endswith(("alerting_rules.yml", "node.yml")):
                checked = stack.run("check", check=False)
                assert checked.returncode == 2
                assert f"{file}:" in checked.stdout
        finally:
            path.write_text(good)
        assert "nothing changed" in stack.run("apply").stdout

    def test_when_a_program_does_not_take_it_over_the_last_good_version_is_back(self, stack: Stack) -> None:
        """Valid for amtool, but the running Alertmanager hangs."""
        link = (stack.data_dir / "config" / "current").resolve()
        path = stack.base_dir / "alertmanager" / "alertmanager.yml"
        good = path.read_text()
        process = psutil.Process(stack.status()["alertmanager"]["pid"])
        process.suspend()
        try:
            path.write_text(good + "\n# changed\n")
            self.replace(stack, "alertmanager/alertmanager.yml", "resolve_timeout: 5m", "resolve_timeout: 6m")
            ran = stack.run("apply", "--json", check=False)
            assert ran.returncode == 2
            answer = json.loads(ran.stdout)
            assert answer["step"] == "reload"
            assert "last good configuration" in " ".join(answer["problems"])
            assert (stack.data_dir / "config" / "current").resolve() == link
        finally:
            process.resume()
            path.write_text(good)
        metrics = eventually(
            lambda: [s for s in stack.query("neomon_config_last_apply_success") if s["value"][1] == "0"],
            "the failure is a metric",
        )
        assert metrics
        assert json.loads(stack.run("apply", "--json").stdout)["applied"] is True

    def test_an_apply_killed_before_the_reload_is_finished_by_the_next(self, stack: Stack) -> None:
        self.replace(stack, "prometheus/prometheus.yml", "monitor: renamed", "monitor: finished")
        code = (
            "import asyncio\n"
            "from neomon.cli.installation import open_installation\n"
            "from neomon.stack.apply import prepare_generation\n"
            "from neomon.stack.generations import Generations\n"
            "from neomon.stack.render import render\n"
            "settings = open_installation().settings\n"
            "generations = Generations(settings.data_dir / 'config')\n"
            "generation = asyncio.run(prepare_generation(settings, render(settings)))\n"
            "generations.expect(['prometheus/prometheus.yml'])\n"
            "generations.activate(generation)\n"
        )
        subprocess.run([sys.executable, "-c", code], env=stack.environment(), check=True)
        assert "monitor: renamed" in self.loaded(stack)
        stack.run("apply")
        assert "monitor: finished" in self.loaded(stack)


def test_a_taken_port_is_reported_with_the_program_that_holds_it(tmp_path: Path) -> None:
    stack = Stack(tmp_path, FAST)
    with socket.socket() as server:
        server.bind(("127.0.0.1", stack.ports["prometheus"]))
        server.listen()
        ran = stack.run("up", "--detach", check=False)
    assert ran.returncode == 2
    assert str(stack.ports["prometheus"]) in ran.stderr
    assert f"pid {os.getpid()}" in ran.stderr
    assert not stack.processes()


def test_a_wrong_setting_is_one_line_and_status_2(tmp_path: Path) -> None:
    stack = Stack(tmp_path, {"prometheus": {"scrape_interval": "often"}})
    ran = stack.run("up", "--detach", check=False)
    assert ran.returncode == 2
    assert "prometheus.scrape_interval" in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1


def test_killing_the_foreground_command_takes_everything_down(tmp_path: Path) -> None:
    stack = Stack(tmp_path, FAST)
    up = subprocess.Popen([sys.executable, "-m", "neomon", "up"], env=stack.environment(), stdout=subprocess.DEVNULL)
    eventually(lambda: stack.run("status", check=False).returncode == 0, "healthy", 60, pause=0.5)
    up.kill()
    up.wait()
    eventually(lambda: not stack.processes(), "no orphan after kill -9 of the command", 60)


def test_with_tls_every_listener_is_encrypted(tmp_path: Path) -> None:
    stack = Stack(tmp_path, FAST)
    stack.run("up", "--tls", "--detach")
    try:
        trust = ssl.create_default_context(cafile=str(stack.data_dir / "tls" / "ca.crt"))
        for component in ("neomon", "prometheus", "alertmanager", "node", "blackbox", "containers"):
            with (
                socket.create_connection(("127.0.0.1", stack.ports[component]), 5) as plain,
                trust.wrap_socket(plain, server_hostname="localhost") as encrypted,
            ):
                assert encrypted.version() in ("TLSv1.2", "TLSv1.3")
        assert stack.run("status").returncode == 0
        trust.check_hostname = True

        def all_up() -> bool:
            request = urllib.request.Request(f"https://127.0.0.1:{stack.ports['prometheus']}/api/v1/query?query=up")
            login = base64.b64encode(f"neomon:{stack.secret('scrape.password')}".encode()).decode()
            request.add_header("Authorization", f"Basic {login}")
            with urllib.request.urlopen(request, timeout=5, context=trust) as response:
                samples = json.load(response)["data"]["result"]
            return len(samples) == 6 and all(sample["value"][1] == "1" for sample in samples)

        eventually(all_up, "everything is scraped over TLS", 30)
    finally:
        stack.down()


def test_a_setting_that_stops_a_program_from_starting_is_taken_back(stack: Stack) -> None:
    before = stack.status()["node"]
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        stack.write_settings({**FAST, "ports": {**stack.ports, "node": server.getsockname()[1]}})
        ran = stack.run("apply", check=False)
        stack.write_settings(FAST)
    assert ran.returncode == 2
    assert "is held by" in ran.stderr
    assert stack.status()["node"]["pid"] == before["pid"]


def test_moved_ports_are_taken_over(stack: Stack) -> None:
    before = dict(stack.ports)
    moved = dict(zip(("node", "prometheus", "alertmanager", "blackbox"), free_ports(4), strict=True))
    stack.ports.update(moved)
    stack.write_settings(FAST)
    stack.run("apply")
    rows = stack.status()
    for name, port in moved.items():
        assert rows[name]["address"] == f"127.0.0.1:{port}"
    assert {row["condition"] for row in rows.values()} == {"healthy"}
    scraped = f'up{{instance="127.0.0.1:{moved["node"]}"}} == 1'
    eventually(lambda: stack.query(scraped), "node is scraped at its new address", 30)
    eventually(lambda: stack.query("prometheus_notifications_alertmanagers_discovered == 1"), "so is Alertmanager", 30)
    stack.ports.update(before)
    stack.write_settings(FAST)
    stack.run("apply")
    assert stack.run("status").returncode == 0


def test_a_new_program_that_does_not_come_up_is_taken_back(stack: Stack) -> None:
    queries = stack.base_dir / "exporters" / "custom" / "platform.yml"
    good = queries.read_text()
    password = stack.directory / "database.password"
    password.write_text("x")
    database = {"address": "127.0.0.1:1", "user": "x", "password_file": str(password)}
    stack.write_settings({**FAST, "databases": {"tenant_manager": database}})
    queries.write_text("- a\n")
    ran = stack.run("apply", check=False)
    queries.write_text(good)
    stack.write_settings(FAST)
    assert ran.returncode == 2
    assert "platform" in ran.stderr
    eventually(lambda: stack.run("status", check=False).returncode == 0, "all healthy again", 60, pause=0.5)
    assert not [process for process in stack.processes() if "neomon.exporters.platform" in process.cmdline()]


def test_an_exporter_that_refuses_its_new_file_gets_the_old_one_back(stack: Stack) -> None:
    path = stack.base_dir / "exporters" / "node_exporter" / "arguments.txt"
    good = path.read_text()
    path.write_text(good + "--no-such-flag\n")
    ran = stack.run("apply", check=False)
    path.write_text(good)
    assert ran.returncode == 2
    assert "node" in ran.stderr
    eventually(lambda: stack.run("status", check=False).returncode == 0, "all healthy again", 60, pause=0.5)
