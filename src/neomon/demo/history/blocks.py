"""From series to blocks of Prometheus' storage: OpenMetrics text, one file for each block, loaded by promtool."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from neomon.demo.history.series import Series
from neomon.errors import MissingProgramError, NeomonError

_BLOCK_SECONDS = 7_200
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class BlockWriter:
    """Writes samples as OpenMetrics, split where promtool would split them into blocks.

    promtool reads a file once for each block it makes, so one file for each is faster, and they load side by side.
    """

    def __init__(self, directory: Path, times: Sequence[int]) -> None:
        self._directory = directory
        self._times = times
        self._slices = _slices(times)
        self._suffixes = [f" {time}\n" for time in times]
        self._files: list[TextIO] = []
        self._stack = ExitStack()

    def __enter__(self) -> BlockWriter:
        self._directory.mkdir(parents=True)
        for number in range(len(self._slices)):
            path = self._directory / f"{number:04d}.om"
            self._files.append(self._stack.enter_context(path.open("w", encoding="utf-8", buffering=1 << 20)))
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.write("# EOF\n")
        self._stack.close()

    def write(self, series: Series) -> None:
        """Add one series whose values belong to the writer's times."""
        head = f"{series.name}{_label_text(series.labels)} "
        values, suffixes = series.values, self._suffixes
        for file, chosen in zip(self._files, self._slices, strict=True):
            file.write(
                "".join(
                    [
                        f"{head}{value}{suffix}"
                        for value, suffix in zip(values[chosen], suffixes[chosen], strict=True)
                        if value is not None
                    ]
                )
            )


def load_blocks(sources: Path, storage: Path) -> None:
    """Turn the files of `sources` into blocks in `storage`.

    Raises:
        MissingProgramError: promtool is not installed.
        NeomonError: promtool refused a file; the message is its own.
    """
    storage.mkdir(parents=True, exist_ok=True)
    files = [path for path in sorted(sources.glob("*.om")) if path.stat().st_size > len("# EOF\n")]
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda file: _load(file, storage), files))


def block_directories(storage: Path) -> list[Path]:
    """The complete blocks in a storage directory."""
    return sorted(path.parent for path in storage.glob("*/meta.json") if "." not in path.parent.name)


def _load(file: Path, storage: Path) -> None:
    command = ("promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", str(file), str(storage))
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise MissingProgramError("not installed: promtool. As root: apt-get install prometheus") from error
    if done.returncode != 0:
        raise NeomonError(f"history could not be loaded: {done.stderr.strip() or done.stdout.strip()}")


def _slices(times: Sequence[int]) -> list[slice]:
    found: list[slice] = []
    begin = 0
    for index in range(1, len(times) + 1):
        if index == len(times) or times[index] // _BLOCK_SECONDS != times[begin] // _BLOCK_SECONDS:
            found.append(slice(begin, index))
            begin = index
    return found


def _label_text(labels: Mapping[str, str]) -> str:
    # An empty label is one that is not there.
    pairs = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items() if value)
    return f"{{{pairs}}}" if pairs else ""
