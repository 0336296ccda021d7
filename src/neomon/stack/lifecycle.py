"""Start and stop the stack."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence

from neomon.errors import ConflictError, NeomonError
from neomon.settings import Settings
from neomon.stack.catalog import prepare_directories, require_installed
from neomon.stack.cgroups import remove_groups
from neomon.stack.effective import inherited_environment, write_effective
from neomon.stack.guardian import holder_of
from neomon.stack.ports import require_free
from neomon.stack.program import Program
from neomon.stack.supervisor import Supervisor


def is_running(settings: Settings) -> bool:
    """Whether a stack runs on this data directory."""
    return holder_of(Supervisor(settings).lock_file) is not None


def check_startable(settings: Settings, programs: Sequence[Program]) -> None:
    """Check what would make a start fail, before anything is changed.

    Raises:
        MissingProgramError: A program is not installed.
        ConflictError: It runs already, or a port is taken.
    """
    require_installed(programs)
    if is_running(settings):
        raise ConflictError("already running")
    require_free(programs)


def launch(settings: Settings, programs: Sequence[Program], *, tied: bool) -> subprocess.Popen[bytes]:
    """Start the guardian, which starts the supervisor, which starts the programs.

    Args:
        settings: Settings of the installation.
        programs: What to run.
        tied: Whether everything ends when the calling process does.
    """
    supervisor = Supervisor(settings)
    prepare_directories(settings)
    write_effective(settings)
    supervisor.write_config(programs)
    with (settings.log_dir / "guardian.log").open("ab") as log:
        return subprocess.Popen(
            supervisor.guardian_command(tied=tied),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=settings.data_dir,
            env=inherited_environment(),
        )


def stop(settings: Settings, programs: Sequence[Program], seconds: float = 90.0) -> bool:
    """Stop everything in order and wait for the end; returns whether anything was running.

    Raises:
        NeomonError: It did not end within `seconds`.
    """
    lock = Supervisor(settings).lock_file
    guardian = holder_of(lock)
    if guardian is None:
        return False
    os.kill(guardian, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while holder_of(lock) is not None:
        if time.monotonic() > deadline:
            raise NeomonError(f"the stack (pid {guardian}) did not stop within {seconds:g} s; see {settings.log_dir}")
        time.sleep(0.1)
    for program in programs:
        remove_groups(program.name)
    return True
