"""The local supervisor: supervisord (http://supervisord.org), configured and asked through its own interfaces."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shlex
import shutil
import sys
import tempfile
import xmlrpc.client
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from supervisor.xmlrpc import SupervisorTransport

from neomon.errors import NeomonError, UnavailableError
from neomon.settings import Settings
from neomon.stack.cgroups import create_groups
from neomon.stack.files import replace_file
from neomon.stack.program import Program

_LOG_BYTES = 10 * 1024 * 1024
_LOG_BACKUPS = 3
_START_SECONDS = 1
"""A program that ends sooner is started again with a growing pause (1 s, 2 s, 3 s, …)."""
_START_TRIES = 300
_SOCKET_PATH_BYTES = 100
"""Addresses of Unix sockets are limited to 107 bytes."""

_EXIT = re.compile(
    r"^(?P<time>\S+ \S+?),\d+ \w+ exited: (?P<name>\S+) \((?P<reason>[^;)]*)(; (?P<expectation>[^)]*))?\)"
)


@dataclass(frozen=True)
class ProcessState:
    """What the supervisor knows of one program."""

    name: str
    state: str
    """RUNNING, STARTING, BACKOFF, STOPPING, STOPPED, EXITED, FATAL or UNKNOWN."""
    pid: int | None
    uptime: float
    """Seconds since the start; 0 when not running."""
    error: str
    """Why it does not run, in the supervisor's words; empty when it does."""


@dataclass(frozen=True)
class Exit:
    """One unexpected end of a program, from the supervisor's log."""

    time: str
    reason: str


class Supervisor:
    """The supervisor of one installation, running or not."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.data_dir = settings.data_dir
        self.config_file = settings.data_dir / "run" / "supervisord.conf"
        self.lock_file = settings.data_dir / "run" / "guardian.lock"
        self.log_file = settings.log_dir / "supervisor.log"

    @property
    def socket(self) -> Path:
        """Its control socket; in a private temporary directory when the data directory's path is too long."""
        path = self._settings.data_dir / "run" / "supervisor.sock"
        if len(os.fsencode(path)) <= _SOCKET_PATH_BYTES:
            return path
        digest = hashlib.sha256(os.fsencode(self._settings.data_dir)).hexdigest()[:16]
        directory = Path(tempfile.gettempdir()) / f"neomon-{os.getuid()}-{digest}"
        directory.mkdir(mode=0o700, exist_ok=True)
        if directory.stat().st_uid != os.getuid() or directory.stat().st_mode & 0o077:
            raise NeomonError(f"{directory} must belong to you alone: remove it and start again")
        return directory / "supervisor.sock"

    def command(self) -> tuple[str, ...]:
        """Command line of the supervisor, run in the foreground below the guardian."""
        return (*_tied_to_parent(), sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(self.config_file))

    def guardian_command(self, *, tied: bool) -> tuple[str, ...]:
        """Command line of the guardian; `tied` makes it end with the process that starts it."""
        prefix = _tied_to_parent() if tied else ()
        return (*prefix, sys.executable, "-m", "neomon.stack.guardian", str(self.lock_file), *self.command())

    def write_config(self, programs: Iterable[Program]) -> None:
        """Write the supervisor's configuration file."""
        self.restore_config(self._config(programs))

    def differing(self, programs: Iterable[Program]) -> frozenset[str]:
        """Names of the programs whose instructions differ from those in the configuration file, or are new."""
        present = self.config_file.read_text(encoding="utf-8").split("\n\n")
        sections = {section.strip() for section in present}
        return frozenset(program.name for program in programs if self._program(program) not in sections)

    def restore_config(self, text: str) -> None:
        """Put `text` in place of the configuration file (0600: environments may hold passwords)."""
        replace_file(self.config_file, text.encode())

    def _config(self, programs: Iterable[Program]) -> str:
        sections = [
            f"[unix_http_server]\nfile={_escaped(str(self.socket))}\nchmod=0600",
            "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
            "[supervisord]\n"
            f"logfile={_escaped(str(self.log_file))}\nlogfile_maxbytes={_LOG_BYTES}\nlogfile_backups={_LOG_BACKUPS}\n"
            f"pidfile={_escaped(str(self._settings.data_dir / 'run' / 'supervisord.pid'))}\n"
            f"childlogdir={_escaped(str(self._settings.log_dir))}\nsilent=true\nminfds=4096\numask=077"
            + ("\nuser=root" if os.getuid() == 0 else ""),
            *(self._program(program) for program in programs),
        ]
        return "\n\n".join(sections) + "\n"

    def _program(self, program: Program) -> str:
        environment = ",".join(f"{key}={_quoted(value)}" for key, value in sorted(program.environment.items()))
        lines = [
            f"[program:{program.name}]",
            f"command={_escaped(shlex.join((*_tied_to_parent(), *_grouped(program.name), *program.command)))}",
            f"directory={_escaped(str(program.directory))}",
            f"priority={program.priority}",
            "autorestart=true",
            f"startsecs={_START_SECONDS}",
            f"startretries={_START_TRIES}",
            f"stopsignal={program.stop_signal}",
            f"stopwaitsecs={program.stop_seconds}",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={_escaped(str(self._settings.log_dir / program.name))}.log",
            f"stdout_logfile_maxbytes={_LOG_BYTES}",
            f"stdout_logfile_backups={_LOG_BACKUPS}",
        ]
        if environment:
            lines.append(f"environment={environment}")
        return "\n".join(lines)

    def processes(self) -> dict[str, ProcessState]:
        """State of every program by name.

        Raises:
            UnavailableError: The supervisor is not running.
        """
        infos = cast("list[dict[str, Any]]", self._call("getAllProcessInfo"))
        return {info["name"]: _state(info) for info in infos}

    def start(self, name: str) -> None:
        """Start a stopped program; does not wait for it to be healthy."""
        self._call("startProcess", name, False)

    def stop(self, name: str) -> None:
        """Stop a program and wait until it has ended; it stays down until started again."""
        self._call("stopProcess", name)

    def restart(self, name: str) -> None:
        """Stop and start a program."""
        if self.processes()[name].state in ("RUNNING", "STARTING", "BACKOFF"):
            self.stop(name)
        self.start(name)

    def update(self) -> list[str]:
        """Take over a changed configuration file: programs added, changed and removed; returns their names."""
        added, changed, removed = cast("list[list[list[str]]]", self._call("reloadConfig"))[0]
        for name in (*changed, *removed):
            self._call("stopProcessGroup", name)
            self._call("removeProcessGroup", name)
        for name in (*changed, *added):
            self._call("addProcessGroup", name)
        return [*added, *changed, *removed]

    def exits(self) -> dict[str, list[Exit]]:
        """Unexpected ends of programs still in the supervisor's log, oldest first."""
        found: dict[str, list[Exit]] = {}
        if not self.log_file.exists():
            return found
        with self.log_file.open(encoding="utf-8", errors="replace") as log:
            for line in log:
                match = _EXIT.match(line)
                if match and match["expectation"] != "expected":
                    found.setdefault(match["name"], []).append(Exit(match["time"], match["reason"]))
        return found

    def _call(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, http.client.HTTPException) as error:
            raise UnavailableError("the stack is not running; start it with `neomon up`") from error
        except xmlrpc.client.Fault as fault:
            raise NeomonError(f"supervisor: {fault.faultString}") from fault
        finally:
            transport.close()


def _state(info: dict[str, Any]) -> ProcessState:
    running = info["statename"] in ("RUNNING", "STARTING", "STOPPING")
    return ProcessState(
        name=info["name"],
        state=info["statename"],
        pid=info["pid"] or None,
        uptime=float(info["now"] - info["start"]) if running else 0.0,
        error="" if running else (info["spawnerr"] or info["description"]),
    )


def _tied_to_parent() -> tuple[str, ...]:
    """Prefix that makes the kernel end a process when its parent dies, so that a crash leaves no orphans."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "TERM", "--") if setpriv else ()


def _grouped(name: str) -> tuple[str, ...]:
    """Prefix that puts a process into its control groups, where this user may have such."""
    groups = create_groups(name)
    if not groups:
        return ()
    joins = "; ".join(f"echo $$ > {shlex.quote(str(group / 'cgroup.procs'))}" for group in groups)
    return ("/bin/sh", "-c", f'{{ {joins}; }} 2>/dev/null; exec "$@"', name)


def _escaped(value: str) -> str:
    """The supervisor expands `%(name)s`, and its file format cannot quote the start of a comment."""
    if " ;" in value or " #" in value or "\n" in value:
        raise NeomonError(f"the supervisor's configuration cannot hold ' ;', ' #' or a line break: {value!r}")
    return value.replace("%", "%%")


def _quoted(value: str) -> str:
    """The file format knows quotes of two kinds and no way to escape either."""
    quote = "'" if '"' in value else '"'
    if quote in value:
        raise NeomonError("the supervisor's configuration cannot hold a value with both kinds of quotes")
    return quote + _escaped(value) + quote
