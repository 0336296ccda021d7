"""The demo's own PostgreSQL: a private cluster under the data directory, on loopback, with generated passwords."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from neomon.demo.catalogue import DATABASES
from neomon.demo.origin import Origin
from neomon.demo.privileges import Identity, server_identity
from neomon.demo.runtime import (
    APPLICATION_PASSWORD,
    APPLICATION_USER,
    EXPORTER_PASSWORD,
    EXPORTER_USER,
    HOST,
    SUPERUSER,
    SUPERUSER_PASSWORD,
    Runtime,
)
from neomon.demo.seed import SEEDS
from neomon.errors import MissingProgramError, NeomonError

_SCHEMA = Path(__file__).with_name("schema.sql")
_SECTION = re.compile(r"^-- database: (\S+)$", re.MULTILINE)
_START_SECONDS = 30.0
_SERVER_SETTINGS = {
    "max_connections": "40",
    "shared_preload_libraries": "pg_stat_statements",
    "shared_buffers": "16MB",
    "work_mem": "1MB",
    "maintenance_work_mem": "8MB",
    "wal_buffers": "1MB",
    "max_wal_size": "64MB",
    "min_wal_size": "32MB",
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "jit": "off",
    "autovacuum_naptime": "5min",
    "track_io_timing": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "unix_socket_directories": "",
    "listen_addresses": HOST,
}


def server_binary(name: str) -> Path:
    """A program of the newest PostgreSQL installed.

    Raises:
        MissingProgramError: There is none.
    """
    installed = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]), reverse=True
    )
    if installed:
        return installed[0]
    if found := shutil.which(name):
        return Path(found)
    raise MissingProgramError(
        f"not installed: {name} (PostgreSQL). Run ./scripts/setup.sh, or as root: apt-get install postgresql"
    )


@dataclass(frozen=True)
class Cluster:
    """The cluster of one demo."""

    runtime: Runtime

    @property
    def directory(self) -> Path:
        """Where the cluster and nothing else lives."""
        return self.runtime.demo_dir / "postgres"

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory; there once the cluster is complete."""
        return self.directory / "data"

    def command(self) -> tuple[str, ...]:
        """Command line of the server."""
        return self._command(self.data, self.runtime.port("postgres"))

    def prepare(self) -> bool:
        """Create the cluster with its users, databases and tables unless it is there; True when it was created.

        An attempt that was interrupted is thrown away and repeated: the data directory gets its name only at the end.
        """
        if self.data.is_dir():
            return False
        draft = self.directory / "data.draft"
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        self._identity.give(self.directory)
        shutil.rmtree(draft, ignore_errors=True)
        self._initdb(draft)
        with self._running(draft) as port:
            self._create_contents(port)
        draft.rename(self.data)
        return True

    @contextmanager
    def superuser(self, database: str = "postgres", port: int | None = None) -> Iterator[psycopg.Connection]:
        """A connection of the superuser to the running server, committing each statement."""
        connection = psycopg.connect(
            host=HOST,
            port=port or self.runtime.port("postgres"),
            dbname=database,
            user=SUPERUSER,
            password=self.runtime.secrets.read(SUPERUSER_PASSWORD),
            sslmode="disable",
            connect_timeout=5,
            autocommit=True,
        )
        with connection:
            yield connection

    @property
    def _identity(self) -> Identity:
        return server_identity(self.data)

    def _command(self, data: Path, port: int) -> tuple[str, ...]:
        settings = {**_SERVER_SETTINGS, "port": str(port)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return (*self._identity.prefix, str(server_binary("postgres")), "-D", str(data), *options)

    def _initdb(self, data: Path) -> None:
        # initdb runs as the server's user, who can't read our secrets.
        password_file = self.directory / ".password"
        password_file.unlink(missing_ok=True)
        descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(self.runtime.secrets.read(SUPERUSER_PASSWORD))
        self._identity.give(password_file)
        command = (
            *self._identity.prefix, str(server_binary("initdb")), f"--pgdata={data}", f"--username={SUPERUSER}",
            "--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip
        try:
            done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
        finally:
            password_file.unlink()
        if done.returncode != 0:
            raise NeomonError(
                f"the demo's PostgreSQL could not be created: {done.stderr.strip() or done.stdout.strip()}"
            )

    @contextmanager
    def _running(self, data: Path) -> Iterator[int]:
        """Run the server on a free port for as long as the context lasts."""
        port = _free_port()
        log = self.directory / "first-start.log"
        with log.open("wb") as output:
            server = subprocess.Popen(self._command(data, port), cwd="/", stdout=output, stderr=subprocess.STDOUT)
        try:
            self._await_answer(server, port, log)
            yield port
        finally:
            # "Fast": does not wait for connections that are still open.
            server.send_signal(signal.SIGINT)
            server.wait()

    def _await_answer(self, server: subprocess.Popen[bytes], port: int, log: Path) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                with self.superuser(port=port):
                    return
            except psycopg.OperationalError as error:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise NeomonError(
                        f"the demo's PostgreSQL did not start: {log.read_text(errors='replace')}"
                    ) from error
                time.sleep(0.05)

    def _create_contents(self, port: int) -> None:
        with self.superuser(port=port) as connection:
            for user, secret in ((APPLICATION_USER, APPLICATION_PASSWORD), (EXPORTER_USER, EXPORTER_PASSWORD)):
                password = sql.Literal(self.runtime.secrets.read(secret))
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(user), password))
            connection.execute(sql.SQL("GRANT pg_monitor TO {}").format(sql.Identifier(EXPORTER_USER)))
            for database in DATABASES:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        sections, origin = schema_sections(), Origin.of(self.runtime.demo_dir)
        for database in DATABASES:
            with self.superuser(database, port) as connection:
                connection.execute(sections[database].encode())
                connection.execute(sections["*"].replace(":database", database).encode())
                with connection.transaction():
                    SEEDS[database](connection, origin)
        with self.superuser("tenant_manager", port) as connection:
            # The statements that made the users hold their passwords.
            connection.execute("SELECT pg_stat_statements_reset()")


def schema_sections() -> dict[str, str]:
    """Database -> its part of schema.sql; `*` is for every database."""
    _, *parts = _SECTION.split(_SCHEMA.read_text(encoding="utf-8"))
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
