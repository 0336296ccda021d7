"""The programs of the stack and the arguments each is started with."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import orjson

from neomon.errors import InputError, MissingProgramError
from neomon.settings import Settings
from neomon.stack.components import enabled_components
from neomon.stack.effective import own_environment
from neomon.stack.files import replace_file
from neomon.stack.program import HttpHealth, Program
from neomon.stack.tls import certificates
from neomon.stack.webconfig import exporter_web_config, web_config

_EXPORTERS_START = 20
"""Place of the exporters in the order of start: after neomon, before Alertmanager and Prometheus."""


def stack_programs(settings: Settings) -> list[Program]:
    """Every program this installation runs, in the order of their start (the demo's own not included)."""
    builders = {
        "neomon": _neomon,
        "node": _node,
        "blackbox": _blackbox,
        "containers": _containers,
        "postgres": _postgres,
        "redis": _redis,
        "platform": _platform,
        "alertmanager": _alertmanager,
        "prometheus": _prometheus,
    }
    enabled = enabled_components(settings)
    return [build(settings) for name, build in builders.items() if name in enabled]


def missing_packages(programs: Iterable[Program]) -> dict[str, str]:
    """Executable -> Debian package, for each program that is not installed."""
    return {
        program.command[0]: program.package or "?" for program in programs if shutil.which(program.command[0]) is None
    }


def require_installed(programs: Iterable[Program]) -> None:
    """Check that every executable is there.

    Raises:
        MissingProgramError: The message names what is missing and how to get it.
    """
    if missing := missing_packages(programs):
        names = ", ".join(sorted(missing))
        packages = " ".join(sorted(set(missing.values())))
        raise MissingProgramError(
            f"not installed: {names}. Run ./scripts/setup.sh, or as root: apt-get install {packages}"
        )


def _bind(settings: Settings, component: str) -> str:
    host = f"[{settings.listen}]" if ":" in settings.listen else settings.listen
    return f"{host}:{getattr(settings.ports, component)}"


def _neomon(settings: Settings) -> Program:
    tls: tuple[str, ...] = ()
    if settings.encrypted:
        files = certificates(settings)
        tls = (f"--certificate={files.certificate}", f"--key={files.key}")
    return Program(
        name="neomon",
        command=(sys.executable, "-m", "neomon.api.serve", f"--listen={_bind(settings, 'neomon')}", *tls),
        directory=settings.data_dir,
        address=settings.address("neomon"),
        health=HttpHealth(settings.url("neomon") + "/-/ready"),
        environment=own_environment(settings),
        priority=10,
        own=True,
    )


def _stock(
    settings: Settings,
    component: str,
    executable: str,
    *arguments: str,
    health: HttpHealth,
    environment: Mapping[str, str] | None = None,
    priority: int = _EXPORTERS_START,
    stop_seconds: int = 20,
) -> Program:
    """A program from a Debian package named like its executable."""
    return Program(
        name=component,
        command=(executable, *arguments),
        directory=settings.data_dir,
        address=settings.address(component),
        health=health,
        package=executable,
        environment=environment or {},
        priority=priority,
        stop_seconds=stop_seconds,
        version_command=(executable, "--version"),
    )


def _guarded(settings: Settings, component: str) -> tuple[str, str]:
    """Flags for address and credentials, which all programs built on exporter-toolkit share."""
    guard = web_config if component in ("prometheus", "alertmanager") else exporter_web_config
    return f"--web.listen-address={_bind(settings, component)}", f"--web.config.file={guard(settings)}"


def _health(settings: Settings, component: str, path: str) -> HttpHealth:
    return HttpHealth(settings.url(component) + path, authenticated=True)


def _prometheus(settings: Settings) -> Program:
    retention = [f"--storage.tsdb.retention.time={settings.prometheus.retention_days}d"]
    if settings.prometheus.retention_bytes:
        retention.append(f"--storage.tsdb.retention.size={settings.prometheus.retention_bytes}B")
    return _stock(
        settings,
        "prometheus",
        "prometheus",
        f"--config.file={settings.config_dir / 'prometheus' / 'prometheus.yml'}",
        f"--storage.tsdb.path={settings.data_dir / 'prometheus' / 'data'}",
        *retention,
        *_guarded(settings, "prometheus"),
        f"--web.external-url={settings.url('prometheus')}",
        "--web.enable-lifecycle",
        "--enable-feature=exemplar-storage",
        "--query.timeout=60s",
        health=_health(settings, "prometheus", "/-/ready"),
        priority=40,
        stop_seconds=60,
    )


def _alertmanager(settings: Settings) -> Program:
    return _stock(
        settings,
        "alertmanager",
        "prometheus-alertmanager",
        f"--config.file={settings.config_dir / 'alertmanager' / 'alertmanager.yml'}",
        f"--storage.path={settings.data_dir / 'alertmanager' / 'data'}",
        *_guarded(settings, "alertmanager"),
        f"--web.external-url={settings.url('alertmanager')}",
        "--cluster.listen-address=",
        health=_health(settings, "alertmanager", "/-/ready"),
        priority=30,
    )


def _node(settings: Settings) -> Program:
    return _stock(
        settings,
        "node",
        "prometheus-node-exporter",
        f"@{settings.config_dir / 'exporters' / 'node_exporter' / 'arguments.txt'}",
        *_guarded(settings, "node"),
        f"--collector.textfile.directory={settings.data_dir / 'textfile'}",
        health=_health(settings, "node", "/"),
    )


def _blackbox(settings: Settings) -> Program:
    return _stock(
        settings,
        "blackbox",
        "prometheus-blackbox-exporter",
        f"--config.file={settings.config_dir / 'exporters' / 'blackbox_exporter' / 'blackbox.yml'}",
        *_guarded(settings, "blackbox"),
        health=_health(settings, "blackbox", "/-/healthy"),
    )


def _postgres(settings: Settings) -> Program:
    database = settings.postgres
    assert database is not None  # noqa: S101
    return _stock(
        settings,
        "postgres",
        "prometheus-postgres-exporter",
        *_guarded(settings, "postgres"),
        f"--extend.query-path={settings.config_dir / 'exporters' / 'postgres_exporter' / 'queries.yaml'}",
        health=_health(settings, "postgres", "/"),
        environment={
            "DATA_SOURCE_URI": f"{database.address}/{database.name}?sslmode={database.sslmode}",
            "DATA_SOURCE_USER": database.user,
            "DATA_SOURCE_PASS_FILE": str(database.password_file),
        },
    )


def _redis(settings: Settings) -> Program:
    server = settings.redis
    assert server is not None  # noqa: S101
    tls: tuple[str, ...] = ()
    if settings.encrypted:
        files = certificates(settings)
        tls = (f"-tls-server-cert-file={files.certificate}", f"-tls-server-key-file={files.key}")
    return _stock(
        settings,
        "redis",
        "prometheus-redis-exporter",
        f"-redis.addr=redis://{server.address}",
        f"-redis.password-file={redis_passwords(settings)}",
        f"-web.listen-address={settings.address('redis')}",
        *tls,
        health=HttpHealth(settings.url("redis") + "/health"),
    )


def redis_passwords(settings: Settings) -> Path:
    """Write the file of passwords by address and return its path.

    The exporter asks any address a caller names, and would show a password given for all of them to each.

    Raises:
        InputError: The password file of the setting can't be read.
    """
    server = settings.redis
    passwords = {}
    if server is not None and server.password_file is not None:
        try:
            passwords[f"redis://{server.address}"] = server.password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise InputError(f"redis.password_file {server.password_file}: {error.strerror}") from error
    path = settings.secrets_dir / "redis_exporter.json"
    replace_file(path, orjson.dumps(passwords))
    return path


def _containers(settings: Settings) -> Program:
    return _own_exporter(settings, "containers", "neomon.exporters.containers")


def _platform(settings: Settings) -> Program:
    exporters = settings.config_dir / "exporters"
    files = (f"--config={exporters / 'custom' / 'platform.yml'}", f"--databases={exporters / 'databases.yml'}")
    return _own_exporter(settings, "platform", "neomon.exporters.platform", *files)


def _own_exporter(settings: Settings, name: str, module: str, *arguments: str) -> Program:
    return Program(
        name=name,
        command=(
            sys.executable,
            "-m",
            module,
            f"--listen={_bind(settings, name)}",
            f"--web-config={exporter_web_config(settings)}",
            *arguments,
        ),
        directory=settings.data_dir,
        address=settings.address(name),
        health=HttpHealth(settings.url(name) + "/-/healthy", authenticated=True),
        environment=own_environment(settings),
        priority=_EXPORTERS_START,
        own=True,
    )


def prepare_directories(settings: Settings) -> None:
    """Create the directories the programs write to; only the owner may enter the data directory's secrets."""
    for path in (
        settings.log_dir,
        settings.data_dir / "run",
        settings.data_dir / "textfile",
        settings.data_dir / "prometheus" / "data",
        settings.data_dir / "alertmanager" / "data",
    ):
        path.mkdir(parents=True, exist_ok=True)
    for path in (settings.log_dir, settings.data_dir / "run", Path(settings.data_dir / "prometheus")):
        path.chmod(0o700)
