"""Which user the demo's PostgreSQL runs as: it refuses root, and another user may not get into the data directory."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from neomon.errors import MissingProgramError, NeomonError

_USER = "postgres"
_TIED = ("--pdeathsig", "INT")
"""A server whose parent dies shuts down by itself."""
_CAPABILITIES = {"dac_read_search": 2, "dac_override": 1}
"""Capabilities that open the way to the data directory, the narrower first -> their number (linux/capability.h)."""


@dataclass(frozen=True)
class Identity:
    """The user PostgreSQL runs as, and how to become it."""

    uid: int
    gid: int
    prefix: tuple[str, ...]
    """Arguments to put before a command."""

    def give(self, path: Path) -> None:
        """Hand a file or directory over to the user."""
        if os.getuid() == 0:
            os.chown(path, self.uid, self.gid)


def server_identity(directory: Path) -> Identity:
    """The identity under which PostgreSQL can use `directory`.

    Raises:
        MissingProgramError: There is no user to change to, or no program to change with.
        NeomonError: That user can't reach the directory; the message says what to do.
    """
    if shutil.which("setpriv") is None:
        raise MissingProgramError("not installed: setpriv. As root: apt-get install util-linux")
    if os.getuid() != 0:
        return Identity(os.getuid(), os.getgid(), ("setpriv", *_TIED))
    try:
        user = pwd.getpwnam(_USER)
    except KeyError as error:
        message = f"PostgreSQL doesn't run as root, and there is no user {_USER}. As root: apt-get install postgresql"
        raise MissingProgramError(message) from error
    change = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups", *_TIED)
    blocked = first_closed_directory(directory, user.pw_uid, user.pw_gid)
    if blocked is None:
        return Identity(user.pw_uid, user.pw_gid, change)
    capability = _held_capability()
    if capability is None:
        raise NeomonError(
            f"the demo's PostgreSQL runs as the user {_USER}, which may not enter {blocked}. Allow it with "
            f"`chmod o+x {blocked}`, or set NEOMON_DATA_DIR to a directory that user can reach"
        )
    passed_on = (f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}")
    return Identity(user.pw_uid, user.pw_gid, (*change, *passed_on))


def first_closed_directory(path: Path, uid: int, gid: int) -> Path | None:
    """The outermost directory above `path` that the user may not enter, if any."""
    for directory in reversed(path.absolute().parents):
        if not directory.exists():
            return None
        status = directory.stat()
        if status.st_uid == uid:
            needed = stat.S_IXUSR
        elif status.st_gid == gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not status.st_mode & needed:
            return directory
    return None


def _held_capability() -> str | None:
    """A capability of this process that lets its holder into every directory, if it has one to pass on."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapPrm:"):
            held = int(line.split()[1], 16)
            return next((name for name, number in _CAPABILITIES.items() if held & (1 << number)), None)
    return None
