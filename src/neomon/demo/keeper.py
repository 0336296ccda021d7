"""Runs a server, and keeps it stopped while a fault is on: `python -m neomon.demo.keeper FAULT COMMAND…`.

PostgreSQL and Redis know nothing of faults, so this small parent does. It uses the standard library alone: it lives as
long as its server, and should weigh next to nothing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from types import FrameType

from neomon.demo.faults.board import FaultBoard
from neomon.demo.runtime import Runtime

_LOOK_SECONDS = 0.25
_STOP_SECONDS = 10


class Keeper:
    """Starts, stops and follows one server."""

    def __init__(self, board: FaultBoard, fault: str, command: list[str]) -> None:
        self._board = board
        self._fault = fault
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def run(self) -> int:
        """Keep the server until told to stop, or until it ends by itself; returns the exit status."""
        while not self._stopping:
            broken = self._board.is_on(self._fault)
            if broken and self._child is not None:
                self._end_child()
            elif not broken and self._child is None:
                self._child = subprocess.Popen(self._command)
            if self._child is not None and (status := self._child.poll()) is not None:
                return status or 1
            time.sleep(_LOOK_SECONDS)
        self._end_child()
        return 0

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        # PostgreSQL's "fast" shutdown; Redis takes it as a normal one.
        child.send_signal(signal.SIGINT)
        try:
            child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True


def main() -> int:
    """Run the keeper named on the command line."""
    fault, *command = sys.argv[1:]
    os.umask(0o077)
    return Keeper(FaultBoard(Runtime.from_environment().faults_dir), fault, command).run()


if __name__ == "__main__":
    sys.exit(main())
