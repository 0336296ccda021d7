"""The demo as programs for the supervisor, and the settings under which neomon watches it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from neomon.demo import redis_server
from neomon.demo.catalogue import DATABASES, SERVICES
from neomon.demo.certificates import EdgeCertificates
from neomon.demo.inbox.server import chat_url
from neomon.demo.inbox.store import InboxStore
from neomon.demo.origin import Origin
from neomon.demo.postgres import Cluster, server_binary
from neomon.demo.runtime import (
    APPLICATION_PASSWORD,
    CHAT_TOKEN,
    EXPORTER_PASSWORD,
    EXPORTER_USER,
    REDIS_PASSWORD,
    SUPERUSER_PASSWORD,
    USERS_KEY,
    VARIABLE,
    Runtime,
)
from neomon.settings import Chat, Database, Mail, RedisServer, Settings
from neomon.stack.files import replace_file
from neomon.stack.program import HttpHealth, Program, TcpHealth
from neomon.stack.secrets import SERVICE_TOKEN
from neomon.stack.tls import certificates

ENVIRONMENT = "demo"
CHAT_URL = "demo-chat.url"
_SECRETS = (
    SUPERUSER_PASSWORD,
    APPLICATION_PASSWORD,
    EXPORTER_PASSWORD,
    REDIS_PASSWORD,
    USERS_KEY,
    CHAT_TOKEN,
    SERVICE_TOKEN,
)

Progress = Callable[[str, float], None]
"""Called with what is being done and the share that is done, 0 to 1."""


def demo_settings(settings: Settings) -> Settings:
    """The settings with the demo's databases, mail server and chat filled in; what the user set stays."""
    runtime = Runtime.of(settings)
    secrets = runtime.secrets

    def database(name: str) -> Database:
        return Database(
            address=runtime.address("postgres"),
            user=EXPORTER_USER,
            password_file=secrets.path(EXPORTER_PASSWORD),
            name=name,
            sslmode="disable",
        )

    mail = Mail(
        smarthost=runtime.address("smtp"), sender="neomon@neo-stack.demo", to="sre@neo-stack.demo", require_tls=False
    )
    chat = Chat(url_file=_write_chat_url(runtime), channel="#neo-stack-alerts")
    alerting = settings.alerting.model_copy(
        update={"mail": settings.alerting.mail or mail, "chat": settings.alerting.chat or chat}
    )
    return settings.model_copy(
        update={
            "environment": settings.environment if "environment" in settings.model_fields_set else ENVIRONMENT,
            "postgres": settings.postgres or database("tenant_manager"),
            "redis": settings.redis
            or RedisServer(address=runtime.address("redis"), password_file=secrets.path(REDIS_PASSWORD)),
            "databases": settings.databases or {name: database(name) for name in DATABASES},
            "alerting": alerting,
        }
    )


def prepare(settings: Settings, progress: Progress) -> None:
    """Make everything the demo's programs need; quick when it is already there.

    Raises:
        MissingProgramError: PostgreSQL or Redis is not installed.
        NeomonError: The private PostgreSQL can't be created here; the message says why and what helps.
    """
    runtime = Runtime.of(settings)
    server_binary("postgres")
    for secret in _SECRETS:
        runtime.secrets.path(secret)
    progress("Demo: Redis, certificates, inbox", 0.0)
    runtime.faults_dir.mkdir(parents=True, exist_ok=True)
    Origin.of(runtime.demo_dir)
    redis_server.prepare(runtime)
    EdgeCertificates(runtime.demo_dir / "certificates").ensure()
    InboxStore(runtime.demo_dir / "inbox").prepare()
    _write_chat_url(runtime)
    progress("Demo: PostgreSQL with its tables", 0.2)
    Cluster(runtime).prepare()
    progress("Demo: ready", 1.0)


def demo_programs(settings: Settings) -> list[Program]:
    """Every program of the demo."""
    runtime = Runtime.of(settings)
    return [
        _server(settings, "postgres", "postgres-down", Cluster(runtime).command(), "postgresql"),
        _server(settings, "redis", "redis-down", redis_server.command(runtime), "redis-server"),
        _python(settings, "inbox", "neomon.demo.inbox", health_port="chat", priority=4),
        *(
            _python(settings, service.name, service.module, health_port=service.port_setting, priority=15)
            for service in SERVICES
        ),
        _python(settings, "edge", "neomon.demo.edge", tcp_port="edge", priority=16),
        _python(settings, "stacks", "neomon.demo.stacks", health_port="stacks", priority=16),
        _python(settings, "load", "neomon.demo.load", priority=50),
    ]


def _server(settings: Settings, name: str, fault: str, command: tuple[str, ...], package: str) -> Program:
    return Program(
        name=f"demo-{name}",
        command=(sys.executable, "-m", "neomon.demo.keeper", fault, *command),
        directory=settings.demo_dir,
        address=Runtime.of(settings).address(name),
        health=TcpHealth(),
        package=package,
        environment=_environment(settings),
        priority=5,
        version_command=(command[command.index("-D") - 1], "--version") if "-D" in command else (package, "--version"),
    )


def _python(
    settings: Settings,
    name: str,
    module: str,
    *,
    priority: int,
    health_port: str | None = None,
    tcp_port: str | None = None,
) -> Program:
    runtime = Runtime.of(settings)
    port = health_port or tcp_port
    return Program(
        name=f"demo-{name}",
        command=(sys.executable, "-m", module),
        directory=settings.demo_dir,
        address=runtime.address(port) if port else None,
        health=HttpHealth(runtime.url(health_port) + "/health") if health_port else TcpHealth() if tcp_port else None,
        environment=_environment(settings),
        priority=priority,
        stop_seconds=10,
    )


def _environment(settings: Settings) -> dict[str, str]:
    variables = {
        VARIABLE: Runtime.of(settings).to_json(),
        "NEOMON_URL": settings.url("neomon"),
        "NEOMON_TOKEN_FILE": str(settings.secrets_dir / SERVICE_TOKEN),
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",
    }
    if settings.encrypted:
        variables["NEOMON_CA_FILE"] = str(certificates(settings).ca)
    return variables


def _write_chat_url(runtime: Runtime) -> Path:
    path = runtime.secrets_dir / CHAT_URL
    url = chat_url(runtime)
    if not path.exists() or path.read_text(encoding="utf-8").strip() != url:
        replace_file(path, url.encode())
    return path
