"""Fill Prometheus' storage with history, once.

Everything is made in a staging directory. Only when it is complete is a list of the finished blocks written, and only
then are they moved, so that an attempt cut off at any moment either left nothing or is finished by the next.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from neomon.demo.history.blocks import BlockWriter, block_directories, load_blocks
from neomon.demo.history.context import Context
from neomon.demo.history.evaluation import evaluate, prometheus_over
from neomon.demo.history.model import all_series
from neomon.demo.history.recording import layers, read_rules
from neomon.demo.history.timeline import Timeline
from neomon.demo.origin import Origin
from neomon.settings import Settings
from neomon.stack.files import replace_file

Progress = Callable[[str, float], None]

_MODEL_SHARE, _LOAD_SHARE = 0.3, 0.5
"""How far along things are when the model is written, and when it is loaded."""


def fill_history(settings: Settings, rules: list[Path], progress: Progress) -> None:
    """Give Prometheus the history of the demo, unless it has it.

    To be called before Prometheus starts.

    Args:
        settings: The demo's settings.
        rules: Files with recording rules to evaluate over history.
        progress: Called with what is being done and the share that is done, 0 to 1.

    Raises:
        MissingProgramError: Prometheus or promtool is not installed.
        NeomonError: A program refused what it was given.
    """
    work = _Work(settings.demo_dir / "history", settings.data_dir / "prometheus" / "data")
    if work.finished:
        return
    if settings.demo.history_hours > 0 and not work.complete:
        progress("History: modelling", 0.0)
        work.begin()
        _build(settings, rules, work, progress)
        work.note_complete()
    work.move()
    progress("History: ready", 1.0)


class _Work:
    """The directories of one attempt."""

    def __init__(self, directory: Path, data: Path) -> None:
        self._directory = directory
        self._data = data
        self._marker = directory / "filled.json"
        self._list = directory / "blocks.json"
        self.staging = directory / "staging"
        self.storage = self.staging / "data"

    @property
    def finished(self) -> bool:
        return self._marker.exists()

    @property
    def complete(self) -> bool:
        """Whether all blocks are made, though perhaps not all moved."""
        return self._list.exists()

    def begin(self) -> None:
        shutil.rmtree(self.staging, ignore_errors=True)
        self.storage.mkdir(parents=True)

    def note_complete(self) -> None:
        _write_json(self._list, [block.name for block in block_directories(self.storage)])

    def move(self) -> None:
        names = json.loads(self._list.read_text(encoding="utf-8")) if self.complete else []
        self._data.mkdir(parents=True, exist_ok=True)
        for name in names:
            # Absent: the attempt before this one had moved it.
            if (self.storage / name).exists():
                (self.storage / name).rename(self._data / name)
        _write_json(self._marker, {"filled_at": round(time.time()), "blocks": names})
        self._list.unlink(missing_ok=True)
        shutil.rmtree(self.staging, ignore_errors=True)


def _build(settings: Settings, rules: list[Path], work: _Work, progress: Progress) -> None:
    timeline = Timeline.until(time.time(), settings.demo.history_hours, Origin.of(settings.demo_dir))
    context = Context(settings, timeline)
    with BlockWriter(work.staging / "model", timeline.times) as writer:
        for series in all_series(context, lambda share: progress("History: modelling", share * _MODEL_SHARE)):
            writer.write(series)
    progress("History: loading", _MODEL_SHARE)
    load_blocks(work.staging / "model", work.storage)
    shutil.rmtree(work.staging / "model")
    steps = list(layers(read_rules(rules)))
    for number, layer in enumerate(steps):
        progress("History: recording rules", _LOAD_SHARE + (0.98 - _LOAD_SHARE) * number / len(steps))
        sources = work.staging / f"rules-{number}"
        with (
            prometheus_over(work.storage, work.staging) as url,
            BlockWriter(sources, timeline.times) as writer,
        ):
            for series in evaluate(url, layer, timeline):
                writer.write(series)
        load_blocks(sources, work.storage)
        shutil.rmtree(sources)


def _write_json(path: Path, value: object) -> None:
    replace_file(path, f"{json.dumps(value)}\n".encode(), mode=0o644)
