"""The platform exporter against a real PostgreSQL: fast, slow, wrong and lost queries beside each other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

BINARIES = Path("/usr/lib/postgresql/15/bin")
REPOSITORY = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse"

pytestmark = pytest.mark.skipif(not (BINARIES / "postgres").exists(), reason="PostgreSQL 15 is not installed")

SCHEMA = {
    "tenant_manager": """
        CREATE TABLE tenants(id text PRIMARY KEY, name text, status text, created_at timestamptz, plan text);
        CREATE TABLE tenant_creations(id bigserial, tenant text, created_at timestamptz);
        CREATE TABLE resource_usage(tenant text, resource_type text, used double precision, quota double precision,
            PRIMARY KEY (tenant, resource_type));
        CREATE TABLE deployments(id bigserial, service text, version text, deployed_at timestamptz);
        CREATE TABLE configuration_changes(id bigserial, service text, summary text, changed_at timestamptz);
        CREATE TABLE backups(id bigserial, database text, size_bytes bigint, success bool, completed_at timestamptz);
        INSERT INTO tenants VALUES ('acme', 'Acme', 'active', now(), 'pro'),
            ('globex', 'Globex', 'suspended', now(), 'free');
        INSERT INTO tenant_creations(tenant, created_at) VALUES ('acme', now()), ('globex', now()), ('gone', now());
        INSERT INTO resource_usage VALUES ('acme', 'cpu_cores', 1.5, 4), ('acme', 'memory_bytes', 1e9, NULL);
        INSERT INTO deployments(service, version, deployed_at) VALUES
            ('api-gateway', '1.0.0', to_timestamp(1700000000)), ('api-gateway', '1.1.0', to_timestamp(1700000500));
        INSERT INTO configuration_changes(service, summary, changed_at) VALUES
            ('auth-service', 'a', to_timestamp(1700000100)), ('auth-service', 'b', to_timestamp(1700000200));
        INSERT INTO backups(database, size_bytes, success, completed_at) VALUES
            ('billing', 1000, true, to_timestamp(1700000300)), ('billing', 7, false, to_timestamp(1700000400)),
            ('auth', 7, false, to_timestamp(1700000400));
    """,
    "billing": """
        CREATE TABLE invoices(id bigserial, tenant text, amount_cents bigint, status text, issued_at timestamptz);
        INSERT INTO invoices(tenant, amount_cents, status, issued_at)
            SELECT 'acme', 100, s, now() FROM unnest(array['paid', 'paid', 'open', 'void']) AS s;
    """,
    "auth": """
        CREATE TABLE ldap_sync_runs(id bigserial, started_at timestamptz, duration_seconds double precision,
            success bool, users int, groups int);
        INSERT INTO ldap_sync_runs(started_at, duration_seconds, success, users, groups) VALUES
            (to_timestamp(1700000000), 2.5, true, 40, 5), (to_timestamp(1700000600), 0.5, false, 0, 0);
    """,
}


@dataclass
class Cluster:
    """A PostgreSQL of our own."""

    directory: Path
    port: int

    def start(self) -> None:
        options = f"-p {self.port} -h 127.0.0.1 -k {self.directory} -c fsync=off -c max_connections=40"
        _as_postgres("pg_ctl", "-D", self.data, "-w", "-l", str(self.directory / "log"), "-o", options, "start")

    def kill(self) -> None:
        """As a crash does: no goodbye to anyone."""
        pid = int((self.directory / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)
        _eventually(lambda: not Path(f"/proc/{pid}").exists(), "the server is gone")
        # The server's children notice on their own; a start before that is refused.
        _eventually(self._released, "shared memory is released")

    def _released(self) -> bool:
        data = Path(self.data).resolve()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "cwd").resolve() == data:
                    return False
        return True

    def stop(self) -> None:
        command = [*_postgres(), BINARIES / "pg_ctl", "-D", self.data, "-m", "immediate", "stop"]
        subprocess.run(command, capture_output=True, cwd="/")

    @property
    def data(self) -> str:
        return str(self.directory / "data")

    def connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="owner", password=PASSWORD, dbname=database, autocommit=True
        )

    def databases(self, password_file: Path) -> dict[str, object]:
        return {
            name: {
                "address": f"127.0.0.1:{self.port}",
                "user": "neomon_exporter",
                "password_file": str(password_file),
                "name": name,
                "sslmode": "disable",
            }
            for name in SCHEMA
        }


def _postgres() -> list[str]:
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.getuid() == 0 else []


def _as_postgres(program: str, *arguments: str) -> None:
    subprocess.run([*_postgres(), BINARIES / program, *arguments], check=True, capture_output=True, cwd="/", timeout=60)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _eventually(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    directory = Path(tempfile.mkdtemp(prefix="neomon-pg-"))
    password = directory / "password"
    password.write_text(PASSWORD)
    if os.getuid() == 0:
        owner = pwd.getpwnam("postgres")
        for path in (directory, password):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    cluster = Cluster(directory, _free_port())
    try:
        access = ("-U", "owner", "-A", "scram-sha-256", "--pwfile", str(password))
        _as_postgres("initdb", "-D", cluster.data, "-N", *access)
        cluster.start()
        with cluster.connect("postgres") as connection:
            connection.execute(f"CREATE ROLE neomon_exporter LOGIN PASSWORD '{PASSWORD}'")
            for database in SCHEMA:
                connection.execute(f"CREATE DATABASE {database}")
        for database, schema in SCHEMA.items():
            with cluster.connect(database) as connection:
                connection.execute(schema)
                connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO neomon_exporter")
                connection.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO neomon_exporter")
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(directory, ignore_errors=True)


@dataclass
class Exporter:
    """A running platform exporter."""

    process: subprocess.Popen[str]
    port: int

    def samples(self) -> list[Sample]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
        )
        with urllib.request.urlopen(request, timeout=5) as response:
            text = response.read().decode()
        return [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def value(self, name: str, **labels: str) -> float | None:
        for sample in self.samples():
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
        return None

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/healthy", timeout=1) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@pytest.fixture
def start(cluster: Cluster, tmp_path: Path) -> Iterator[Callable[..., Exporter]]:
    running: list[subprocess.Popen[str]] = []
    password = tmp_path / "password"
    password.write_text(PASSWORD + "\n")
    databases = tmp_path / "databases.json"
    databases.write_text(json.dumps(cluster.databases(password)))

    def start(queries: list[dict[str, object]] | None = None) -> Exporter:
        config = REPOSITORY / "exporters" / "custom" / "platform.yml"
        if queries is not None:
            config = tmp_path / "queries.yml"
            config.write_text(yaml.safe_dump({"queries": queries}))
        port = _free_port()
        command = [sys.executable, "-m", "neomon.exporters.platform", "--listen", f"127.0.0.1:{port}"]
        command += ["--config", str(config), "--databases", str(databases)]
        with (tmp_path / "exporter.log").open("w") as log:
            process = subprocess.Popen(command, stderr=log, text=True)
        running.append(process)
        exporter = Exporter(process, port)
        _eventually(lambda: exporter.healthy() or process.poll() is not None, "the exporter answers")
        assert process.poll() is None, (tmp_path / "exporter.log").read_text()
        return exporter

    yield start
    for process in running:
        process.terminate()
        assert process.wait(timeout=10) == 0, "SIGTERM ends the exporter cleanly"


def _query(name: str, sql: str, **more: object) -> dict[str, object]:
    metric = {"name": f"test_{name}", "type": "gauge", "help": "A test.", "value": "v"}
    return {"name": name, "database": "billing", "sql": sql, "interval_seconds": 1, "metrics": [metric], **more}


def test_shipped_queries_give_every_metric_of_the_contract(start: Callable[..., Exporter]) -> None:
    exporter = start()
    _eventually(
        lambda: sum(s.value for s in exporter.samples() if s.name == "platform_exporter_query_up") == 8,
        "all eight queries work",
    )
    tenant_manager = {"service": "tenant-manager"}
    auth = {"service": "auth-service"}
    expected = [
        ("tenant_manager_tenants", {"tenant": "acme", "status": "active", **tenant_manager}, 1),
        ("tenant_manager_tenants", {"tenant": "globex", "status": "suspended", **tenant_manager}, 1),
        ("tenant_manager_tenants_created", tenant_manager, 3),
        ("tenant_manager_resource_usage", {"tenant": "acme", "resource_type": "cpu_cores", **tenant_manager}, 1.5),
        ("tenant_manager_resource_quota", {"tenant": "acme", "resource_type": "cpu_cores", **tenant_manager}, 4),
        ("billing_invoices_total", {"status": "paid", "service": "billing"}, 2),
        ("deployment_last_timestamp_seconds", {"service": "api-gateway", "version": "1.1.0"}, 1700000500),
        ("configuration_last_change_timestamp_seconds", {"service": "auth-service"}, 1700000200),
        ("backup_last_completion_timestamp_seconds", {"database": "billing"}, 1700000300),
        ("backup_last_size_bytes", {"database": "billing"}, 1000),
        ("backup_last_success", {"database": "billing"}, 0),
        ("auth_ldap_sync_last_success_timestamp_seconds", auth, 1700000000),
        ("auth_ldap_sync_last_run_timestamp_seconds", auth, 1700000600),
        ("auth_ldap_sync_last_duration_seconds", auth, 0.5),
        ("auth_ldap_sync_success", auth, 0),
        ("auth_ldap_sync_entries", {"kind": "users", **auth}, 0),
        ("auth_ldap_sync_entries", {"kind": "groups", **auth}, 0),
    ]
    found = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in exporter.samples()}
    for name, labels, value in expected:
        assert found.get((name, frozenset(labels.items()))) == value, name
    names = [key[0] for key in found]
    assert names.count("deployment_last_timestamp_seconds") == 1, "only the version deployed last"
    assert names.count("backup_last_completion_timestamp_seconds") == 1, "auth has no good backup, so no time"
    assert names.count("tenant_manager_resource_quota") == 1, "a NULL quota gives no series"


def test_hanging_and_wrong_queries_leave_the_others_and_the_scrape_alone(start: Callable[..., Exporter]) -> None:
    flood = {"name": "test_floods", "type": "gauge", "help": "A test.", "value": "v", "labels": ["v"]}
    exporter = start(
        [
            _query("good", "SELECT count(*) AS v FROM invoices"),
            _query("hangs", "SELECT 1 AS v FROM pg_sleep(3600)", timeout_seconds=1),
            _query("wrong", "SELECT v FROM no_such_table"),
            _query("writes", "SELECT nextval('invoices_id_seq') AS v"),
            _query("floods", "SELECT generate_series(1, 100000000) AS v", row_limit=10, metrics=[flood]),
        ]
    )
    _eventually(lambda: exporter.value("test_good") == 4, "the good query's figure")
    _eventually(
        lambda: (exporter.value("platform_exporter_query_errors_total", query="hangs") or 0) >= 2,
        "the hanging query is given up and tried again",
    )
    for query in ("hangs", "wrong", "writes", "floods"):
        assert exporter.value("platform_exporter_query_up", query=query) == 0, query
        assert exporter.value(f"test_{query}") is None
    assert exporter.value("platform_exporter_query_up", query="good") == 1
    assert exporter.value("platform_exporter_query_errors_total", query="good") == 0
    hung = exporter.value("platform_exporter_query_duration_seconds", query="hangs")
    assert hung is not None and 0.9 < hung < 3
    started = time.monotonic()
    exporter.samples()
    assert time.monotonic() - started < 2, "a scrape doesn't wait for queries"


def test_a_server_that_dies_and_comes_back(start: Callable[..., Exporter], cluster: Cluster) -> None:
    exporter = start(
        [
            _query("short", "SELECT count(*) AS v FROM invoices", stale_after_seconds=3),
            _query("long", "SELECT count(*) AS v FROM invoices", stale_after_seconds=600),
        ]
    )
    _eventually(lambda: exporter.value("test_short") == 4 and exporter.value("test_long") == 4, "both figures")
    cluster.kill()
    _eventually(lambda: exporter.value("platform_exporter_query_up", query="short") == 0, "the loss is seen")
    _eventually(lambda: exporter.value("test_short") is None, "a stale figure is dropped")
    assert exporter.value("test_long") == 4, "one that isn't stale yet is still served"
    cluster.start()
    with cluster.connect("billing") as connection:
        connection.execute("INSERT INTO invoices(status) VALUES ('paid')")
    _eventually(lambda: exporter.value("test_short") == 5 and exporter.value("test_long") == 5, "it is back")
    assert exporter.value("platform_exporter_query_up", query="short") == 1


def test_a_server_that_accepts_but_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from neomon.exporters.platform import runner as module
    from neomon.exporters.platform.plan import Address, MetricSpec, Query

    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.5)

    async def scenario() -> None:
        silent = await asyncio.start_server(lambda *_: asyncio.Event().wait(), "127.0.0.1", 0)
        (tmp_path / "password").write_text("x")
        port = silent.sockets[0].getsockname()[1]
        address = Address("127.0.0.1", port, "u", tmp_path / "password", "d", "disable")
        metric = MetricSpec("m", "gauge", "A test.", "v")
        runner = module.Runner(Query("q", "d", "SELECT 1 AS v", (metric,), timeout_seconds=0.2), address)
        started = time.monotonic()
        assert await runner.once() is False
        assert time.monotonic() - started < 3
        assert runner.state.up is False
        silent.close()

    asyncio.run(scenario())
