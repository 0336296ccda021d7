"""The root of the process tree: keeps the supervisor running, and takes everything down with it when it goes.

Only the standard library is used: this process lives as long as the stack and should weigh next to nothing.
It holds the lock that says "running"; a lock dies with its holder, so a crash never leaves a stale one.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0
_STEADY_SECONDS = 60.0
"""A supervisor that ran this long starts over with the shortest delay."""


def main() -> int:
    """Run `guardian LOCK_FILE COMMAND…` until told to stop; exit status 3 when the lock is already held."""
    lock_file, *command = sys.argv[1:]
    lock = os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    if not _acquire(lock):
        return 3
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    return _Guard(command).run()


def _acquire(lock: int) -> bool:
    # `holder_of` takes the lock for an instant to look: that must not pass for another guardian.
    for _ in range(20):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


class _Guard:
    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = False
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGHUP, self._stop)

    def run(self) -> int:
        delay = _FIRST_DELAY
        while not self._stopping:
            started = time.monotonic()
            self._child = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)
            if self._stopping:
                self._child.terminate()
            status = self._child.wait()
            if self._stopping:
                break
            delay = _FIRST_DELAY if time.monotonic() - started > _STEADY_SECONDS else min(delay * 2, _LONGEST_DELAY)
            print(f"supervisor ended with status {status}; starting it again in {delay:.1f} s", flush=True)
            time.sleep(delay)
        return 0

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()


def holder_of(lock_file: Path) -> int | None:
    """Process id of the guardian that holds `lock_file`, or None when nobody does."""
    try:
        descriptor = os.open(lock_file, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.read(descriptor, 32) or 0) or None
    else:
        return None
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
