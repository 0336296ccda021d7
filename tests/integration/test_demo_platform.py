"""The demo platform as people meet it: real programs, real traffic, real faults."""

from __future__ import annotations

import json
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import psutil
import psycopg
import pytest
from cryptography import x509

from neomon.demo.catalogue import SERVICES, TENANTS
from neomon.demo.inbox.store import InboxStore
from neomon.demo.postgres import Cluster
from neomon.demo.programs import prepare
from neomon.demo.runtime import EXPORTER_PASSWORD
from support.demo import RunningDemo, eventually

DECISIONS = "api_gateway_rate_limit_decisions_total"
REQUESTS_PER_SECOND = 40
CONTRACT = {
    "api_gateway": (
        "http_requests_total", "http_request_duration_seconds_bucket", "http_requests_in_flight", "service_build_info",
        "api_gateway_rate_limit_decisions_total", "api_gateway_rate_limit_requests_per_second",
        "api_gateway_upstream_request_duration_seconds_bucket", "api_gateway_upstream_errors_total",
        "process_resident_memory_bytes", "python_info",
    ),
    "auth_service": (
        "http_requests_total", "auth_logins_total", "auth_tokens_issued_total", "auth_active_sessions",
        "auth_mfa_challenges_total", "auth_users",
    ),
    "tenant_manager": (
        "http_requests_total", "tenant_manager_db_pool_connections", "tenant_manager_db_query_duration_seconds_bucket",
        "tenant_manager_cache_requests_total",
    ),
    "stack_deployer": (
        "http_requests_total", "stack_deployer_deployments_total", "stack_deployer_deployment_duration_seconds_bucket",
        "stack_deployer_queue_length",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    running = RunningDemo(tmp_path_factory.mktemp("platform"), REQUESTS_PER_SECOND)
    try:
        running.start()
        eventually(lambda: running.total("api_gateway", "http_requests_total", 'status="200"') > 100, 40)
        yield running
    except BaseException:
        print(running.logs())
        raise
    finally:
        running.stop()


def edge_days_left(demo: RunningDemo) -> float:
    context = ssl.create_default_context(cafile=str(demo.runtime.demo_dir / "certificates" / "authority.pem"))
    with (
        socket.create_connection(("127.0.0.1", demo.runtime.port("edge")), 5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        encoded = secured.getpeercert(binary_form=True)
    assert encoded is not None
    return (x509.load_der_x509_certificate(encoded).not_valid_after_utc.timestamp() - time.time()) / 86_400


def test_every_metric_of_the_contract_is_there(demo: RunningDemo) -> None:
    for service, names in CONTRACT.items():
        present = {series.partition("{")[0] for series in demo.metrics(service)}
        assert set(names) <= present, service
    for index in range(len(TENANTS)):
        port = demo.runtime.port("stacks") + index
        eventually(lambda port=port: demo.total(port, "http_requests_total") > 0)


def test_routes_are_templates_and_two_seconds_is_a_bound(demo: RunningDemo) -> None:
    metrics = demo.metrics("api_gateway")
    assert any('route="/api/tenants/{tenant}/usage"' in series for series in metrics)
    assert not any("/api/tenants/acme" in series for series in metrics)
    assert any('le="2.0"' in series for series in metrics if series.startswith("http_request_duration_seconds_bucket"))


def test_a_healthy_platform_answers_well(demo: RunningDemo) -> None:
    def enough() -> bool:
        return demo.total("api_gateway", "http_requests_total") > 400

    eventually(enough, 30)
    metrics = demo.metrics("api_gateway")
    answered = {s: v for s, v in metrics.items() if s.startswith("http_requests_total")}
    failed = sum(value for series, value in answered.items() if 'status="5' in series)
    refused = sum(value for series, value in answered.items() if 'status="4' in series)
    assert failed / sum(answered.values()) < 0.005
    assert 0 < refused / sum(answered.values()) < 0.2
    for part in ('method="password"', 'method="ldap"', 'result="success"'):
        assert demo.total("auth_service", "auth_logins_total", part) > 0
    assert demo.total("auth_service", "auth_mfa_challenges_total", 'result="success"') > 0
    assert demo.total("auth_service", "auth_active_sessions") > 50
    assert demo.total("tenant_manager", "tenant_manager_cache_requests_total", 'result="hit"') > 0
    assert demo.total("tenant_manager", "tenant_manager_db_query_duration_seconds_count", 'query="usage_get"') > 0


def test_everything_registers_itself(demo: RunningDemo) -> None:
    expected = {("services", demo.runtime.address(service.port_setting)): service.name for service in SERVICES}
    expected |= {("probe-http", demo.runtime.url(s.port_setting) + "/health"): s.name for s in SERVICES}
    expected[("probe-tls", demo.runtime.address("edge"))] = "edge"
    for index, tenant in enumerate(TENANTS):
        expected[("services", f"127.0.0.1:{demo.runtime.port('stacks') + index}")] = tenant.stack
    eventually(lambda: expected.keys() <= demo.registry.targets.keys())
    for target, service in expected.items():
        labels = demo.registry.targets[target]
        assert labels["service"] == service
        assert labels["environment"] == "demo"
        assert labels.get("tenant") == {tenant.stack: tenant.name for tenant in TENANTS}.get(service)


def test_the_gateway_wants_a_known_tenant(demo: RunningDemo) -> None:
    status, body = demo.get("api_gateway", "/api/tenants", {"x-tenant": "nobody"})
    assert status == 400
    assert "X-Tenant" in json.loads(body)["error"]


def test_only_the_right_password_opens_a_session(demo: RunningDemo) -> None:
    for password in ("", "password", "admin", "user000@acme"):
        status, _ = demo.get(
            "auth_service", "/login", data={"user": "user000@acme", "password": password, "method": "password"}
        )
        assert status == 401
    assert demo.get("auth_service", "/session", {"authorization": "Bearer none"})[0] == 401


def test_the_edge_passes_requests_on_over_tls(demo: RunningDemo) -> None:
    context = ssl.create_default_context(cafile=str(demo.runtime.demo_dir / "certificates" / "authority.pem"))
    with (
        socket.create_connection(("127.0.0.1", demo.runtime.port("edge")), 5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        secured.sendall(b"GET /health HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n")
        assert secured.recv(100).startswith(b"HTTP/1.1 200")


def test_databases_hold_what_the_exporters_ask_for(demo: RunningDemo) -> None:
    with psycopg.connect(
        host="127.0.0.1", port=demo.runtime.port("postgres"), dbname="tenant_manager", user="neomon_exporter",
        password=demo.runtime.secrets.read(EXPORTER_PASSWORD), autocommit=True,
    ) as connection:  # fmt: skip
        active = connection.execute("SELECT count(*) FROM tenants WHERE status = 'active'").fetchone()
        assert active is not None
        assert active[0] >= len(TENANTS)
        for table in ("resource_usage", "deployments", "configuration_changes", "backups", "pg_stat_statements"):
            row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
            assert row is not None
            assert row[0] > 0, table
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM tenants")


def test_no_password_is_left_in_the_statistics(demo: RunningDemo) -> None:
    shown = demo.rows("tenant_manager", "SELECT count(*) FROM pg_stat_statements WHERE query ILIKE '%password%'")
    assert shown == [(0,)]


def test_preparing_again_is_quick_and_changes_nothing(demo: RunningDemo) -> None:
    before = (demo.runtime.demo_dir / "certificates" / "edge.pem").read_bytes()
    started = time.monotonic()
    prepare(demo.settings, lambda _text, _share: None)
    assert time.monotonic() - started < 1
    assert (demo.runtime.demo_dir / "certificates" / "edge.pem").read_bytes() == before
    assert not Cluster(demo.runtime).prepare()


def test_mail_and_chat_arrive_in_the_inbox(demo: RunningDemo) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.org", "sre@example.org", "from the test"
    mail.set_content("hello")
    with smtplib.SMTP("127.0.0.1", demo.runtime.port("smtp"), timeout=10) as server:
        server.send_message(mail)
    assert demo.settings.alerting.chat is not None
    path = demo.settings.alerting.chat.url_file.read_text().partition(str(demo.runtime.port("chat")))[2]
    status, _ = demo.get("chat", path, {"content-type": "application/json"}, {"text": "chat from the test"})
    assert status == 200
    subjects = [message.subject for message in InboxStore(demo.runtime.demo_dir / "inbox").messages()]
    assert {"from the test", "chat from the test"} <= set(subjects)


def burners(demo: RunningDemo) -> int:
    process = psutil.Process(demo.processes["demo-stack-deployer"].pid)
    return len(process.children())


def backends(demo: RunningDemo) -> int:
    return int(demo.rows("postgres", "SELECT sum(numbackends) FROM pg_stat_database")[0][0])


def slow(demo: RunningDemo) -> bool:
    started = time.monotonic()
    demo.get("api_gateway", "/api/tenants", {"x-tenant": "acme"})
    return time.monotonic() - started > 2.5


def growing(read: Callable[[RunningDemo], float], least: float = 1) -> Callable[[RunningDemo], bool]:
    """Whether a figure grows by at least `least` within a moment."""

    def check(demo: RunningDemo) -> bool:
        before = read(demo)
        time.sleep(0.7)
        return read(demo) - before >= least

    return check


LASTING: dict[str, Callable[[RunningDemo], bool]] = {
    "errors": growing(lambda d: d.total("api_gateway", "http_requests_total", 'status="500"'), 3),
    "latency": slow,
    "down": lambda d: not d.listens("auth_service"),
    "vanish": lambda d: ("services", d.runtime.address("stack_deployer")) not in d.registry.targets,
    "unhealthy": lambda d: d.get("api_gateway", "/health")[0] == 503,
    "tenant-errors": growing(lambda d: d.total("stacks", "http_requests_total", 'status="500"'), 1),
    "db-connections": lambda d: backends(d) > 0.8 * 40,
    "redis-down": lambda d: not d.listens("redis"),
    "cert": lambda d: edge_days_left(d) < 11,
    "cpu": lambda d: burners(d) == psutil.cpu_count(),
    "ldap": lambda d: not d.rows("auth", "SELECT success FROM ldap_sync_runs ORDER BY id DESC LIMIT 1")[0][0],
    "rate-limit": growing(lambda d: d.total("api_gateway", DECISIONS, "globex", "limited"), 5),
    "backup-stale": lambda d: d.rows(
        "tenant_manager",
        "SELECT max(completed_at) < now() - interval '2 days' FROM backups WHERE database = 'billing'",
    )[0][0],
    "postgres-down": lambda d: not d.listens("postgres"),
}  # fmt: skip


@pytest.mark.parametrize("fault", LASTING)
def test_a_fault_really_happens_and_heals(demo: RunningDemo, fault: str) -> None:
    broken = LASTING[fault]
    assert not broken(demo)
    demo.board.switch_on(fault)
    try:
        eventually(lambda: broken(demo), 20, fault)
    finally:
        demo.board.switch_off(fault)
    eventually(lambda: not broken(demo), 20, f"{fault} healed")


def test_a_small_error_rate_is_seen_too(demo: RunningDemo) -> None:
    demo.board.switch_on("error-budget")
    try:
        before = demo.total("api_gateway", "http_requests_total", 'status="500"')
        eventually(lambda: demo.total("api_gateway", "http_requests_total", 'status="500"') > before, 20)
    finally:
        demo.board.switch_off("error-budget")


def test_guessed_passwords_are_counted(demo: RunningDemo) -> None:
    failing = ("auth_service", "auth_logins_total", 'result="failure"')
    before, begun = demo.total(*failing), time.monotonic()
    demo.board.switch_on("login-failures")
    try:
        eventually(lambda: demo.total(*failing) - before > 8, 20)
    finally:
        demo.board.switch_off("login-failures")
    assert (demo.total(*failing) - before) / (time.monotonic() - begun) > 1


@pytest.mark.parametrize(
    ("fault", "table"), [("deploy", "deployments"), ("config", "configuration_changes"), ("backup", "backups")]
)
def test_an_event_happens_once(demo: RunningDemo, fault: str, table: str) -> None:
    count = f"SELECT count(*) FROM {table}"
    before = demo.rows("tenant_manager", count)[0][0]
    demo.board.switch_on(fault)
    eventually(lambda: demo.rows("tenant_manager", count)[0][0] == before + 1)
    eventually(lambda: fault not in demo.board.active())
    assert demo.rows("tenant_manager", count)[0][0] == before + 1


def test_without_redis_everything_still_works(demo: RunningDemo) -> None:
    demo.board.switch_on("redis-down")
    try:
        eventually(lambda: not demo.listens("redis"))
        assert demo.get("tenant_manager", "/tenants")[0] == 200
    finally:
        demo.board.switch_off("redis-down")
    eventually(lambda: demo.listens("redis"))


def test_without_postgresql_the_service_says_so_and_recovers(demo: RunningDemo) -> None:
    demo.board.switch_on("postgres-down")
    try:
        eventually(lambda: not demo.listens("postgres"))
        # The cache answers for a few seconds more.
        eventually(lambda: demo.get("tenant_manager", "/tenants")[0] == 503)
        assert demo.get("tenant_manager", "/health")[0] == 200
    finally:
        demo.board.switch_off("postgres-down")
    eventually(lambda: demo.get("tenant_manager", "/tenants")[0] == 200)


def test_a_killed_postgresql_comes_back_with_its_data(demo: RunningDemo) -> None:
    before = demo.rows("billing", "SELECT count(*) FROM invoices")[0][0]
    demo.processes["demo-postgres"].kill()
    demo.processes["demo-postgres"].wait()
    # The server ends with its keeper; the supervisor would start the keeper again until it stays.
    eventually(lambda: not demo.listens("postgres"))

    def restarted() -> bool:
        if demo.processes["demo-postgres"].poll() is not None:
            demo.start_program("demo-postgres")
        return demo.listens("postgres")

    eventually(restarted)
    assert eventually(lambda: demo.rows("billing", "SELECT count(*) FROM invoices")[0][0] >= before)


def test_a_cluster_whose_making_was_cut_off_is_made_again(tmp_path: Path) -> None:
    other = RunningDemo(tmp_path, 1)
    try:
        draft = other.cluster.directory / "data.draft"
        draft.mkdir(parents=True)
        (draft / "PG_VERSION").write_text("15")
        assert other.cluster.prepare()
        assert other.cluster.data.is_dir()
        assert not draft.exists()
    finally:
        other.stop()


def test_faults_survive_a_restart(demo: RunningDemo) -> None:
    demo.board.switch_on("down")
    try:
        eventually(lambda: not demo.listens("auth_service"))
        demo.processes["demo-auth-service"].terminate()
        demo.processes["demo-auth-service"].wait(10)
        demo.start_program("demo-auth-service")
        # Long enough for a start that listens to show.
        deadline = time.monotonic() + 2.5
        while time.monotonic() < deadline:
            assert not demo.listens("auth_service")
            time.sleep(0.1)
    finally:
        demo.board.switch_off("down")
    eventually(lambda: demo.listens("auth_service"))


def test_nothing_is_left_behind_by_a_stop(tmp_path: Path) -> None:
    demo = RunningDemo(tmp_path, 1)
    prepare(demo.settings, lambda _text, _share: None)
    demo.settings.log_dir.mkdir(parents=True)
    demo.start_program("demo-postgres")
    demo.start_program("demo-redis")
    eventually(lambda: demo.listens("postgres") and demo.listens("redis"))
    children = [c for p in demo.processes.values() for c in psutil.Process(p.pid).children(recursive=True)]
    demo.stop()
    assert len(children) >= 2
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert all(process.returncode is not None for process in demo.processes.values())
