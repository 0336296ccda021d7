"""The outcome of the last apply, kept for status and metrics."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from neomon.stack.files import replace_file


@dataclass(frozen=True)
class ApplyOutcome:
    """How an apply ended."""

    at: float
    """Seconds since the epoch."""
    success: bool
    message: str


def record_apply(data_dir: Path, outcome: ApplyOutcome) -> None:
    """Keep the outcome in place of the one before."""
    replace_file(_path(data_dir), orjson.dumps(asdict(outcome)))


def last_apply(data_dir: Path) -> ApplyOutcome | None:
    """The last outcome, or None before the first."""
    try:
        return ApplyOutcome(**orjson.loads(_path(data_dir).read_bytes()))
    except (FileNotFoundError, orjson.JSONDecodeError, TypeError):
        return None


def _path(data_dir: Path) -> Path:
    return data_dir / "run" / "last_apply.json"
