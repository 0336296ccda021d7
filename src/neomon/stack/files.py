"""Files replaced in one step, and locks between commands."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neomon.errors import ConflictError


def replace_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Put `content` in place of `path` so that a reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)


@contextmanager
def one_at_a_time(data_dir: Path, what: str) -> Iterator[None]:
    """Hold the lock of commands that change the installation.

    Raises:
        ConflictError: Another one holds it; `what` names the command that has to wait.
    """
    path = data_dir / "run" / "change.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(
                f"another `neomon up` or `neomon apply` is under way; {what} when it is done"
            ) from error
        yield
    finally:
        os.close(descriptor)
