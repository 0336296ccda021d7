"""The fault directory: one JSON file for each fault that is switched on."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

_LOOK_EVERY = 0.2
"""Seconds between two looks at the directory; requests in between use what was seen last."""


@dataclass
class FaultBoard:
    """Tells which faults are on; cheap enough to ask on every request."""

    directory: Path
    _seen: dict[str, float] = field(default_factory=dict, init=False)
    _looked: float = field(default=float("-inf"), init=False)

    def is_on(self, name: str) -> bool:
        """Whether the fault `name` is on."""
        return name in self.active()

    def active(self) -> dict[str, float]:
        """Faults that are on -> since when (seconds since the epoch)."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_EVERY:
            self._looked = now
            self._look()
        return self._seen

    def switch_on(self, name: str) -> bool:
        """Switch `name` on; False when it was on already."""
        path = self._path(name)
        if path.exists():
            return False
        self.directory.mkdir(parents=True, exist_ok=True)
        # A file that appears complete: readers never see half of it.
        draft = self.directory / f".{name}.{os.getpid()}"
        draft.write_text(json.dumps({"fault": name, "since": round(time.time(), 3)}) + "\n", encoding="utf-8")
        draft.replace(path)
        self._looked = float("-inf")
        return True

    def switch_off(self, name: str) -> bool:
        """Switch `name` off; False when it wasn't on."""
        self._looked = float("-inf")
        try:
            self._path(name).unlink()
        except FileNotFoundError:
            return False
        return True

    def _path(self, name: str) -> Path:
        return self.directory / f"{name}.json"

    def _look(self) -> None:
        found = [path for path in self.directory.glob("*.json") if not path.name.startswith(".")]
        self._seen = {path.stem: self._seen.get(path.stem) or _since(path) for path in found}


def _since(path: Path) -> float:
    try:
        return float(json.loads(path.read_text(encoding="utf-8"))["since"])
    except (OSError, ValueError, KeyError, TypeError):
        # A file made by hand (`touch errors.json`) is as good as one of ours.
        return time.time()
