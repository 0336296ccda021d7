"""The outcome of the last apply, kept for status and metrics."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import orjson


@dataclass(frozen=True)
class ApplyOutcome:
    """How an apply ended."""

    at: float
    """Seconds since the epoch."""
    success: bool
    message: str


def record_apply(data_dir: Path, outcome: ApplyOutcome) -> None:
    """Keep the outcome in place of the one before."""
    path = _path(data_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_bytes(orjson.dumps(asdict(outcome)))
    draft.replace(path)


def last_apply(data_dir: Path) -> ApplyOutcome | None:
    """The last outcome, or None before the first."""
    try:
        return ApplyOutcome(**orjson.loads(_path(data_dir).read_bytes()))
    except (FileNotFoundError, orjson.JSONDecodeError, TypeError):
        return None


def _path(data_dir: Path) -> Path:
    return data_dir / "run" / "last_apply.json"
