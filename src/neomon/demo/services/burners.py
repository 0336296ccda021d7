"""The fault `cpu`: one busy process for every processor."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

from neomon.demo.faults.board import FaultBoard

FAULT = "cpu"
_LOOK_SECONDS = 0.5


class Burners:
    """Starts and ends the busy processes; they end by themselves when this one dies."""

    def __init__(self, board: FaultBoard) -> None:
        self._board = board
        self._processes: list[subprocess.Popen[bytes]] = []

    async def run(self) -> None:
        """Follow the fault for ever."""
        try:
            while True:
                if self._board.is_on(FAULT) and not self._processes:
                    self.start()
                elif not self._board.is_on(FAULT):
                    self.stop()
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            self.stop()

    def start(self) -> None:
        """Start one busy process for every processor."""
        command = [sys.executable, "-m", "neomon.demo.faults.burner"]
        self._processes = [subprocess.Popen(command) for _ in range(os.cpu_count() or 1)]

    def stop(self) -> None:
        """End the busy processes."""
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes = []
