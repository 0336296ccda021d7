"""Rendered configurations, one directory each; a link names the one in force.

Swapping is one rename of a link, so that no program ever reads half of an old and half of a new configuration.
"""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neomon.stack.files import replace_file
from neomon.stack.render import Tree

_KEPT = 5


@dataclass(frozen=True)
class Generations:
    """The directory `var/config`."""

    directory: Path

    @property
    def link(self) -> Path:
        """The link that names the generation in force."""
        return self.directory / "current"

    def current(self) -> Path | None:
        """Directory of the generation in force, or None before the first."""
        return self.link.resolve() if self.link.exists() else None

    @property
    def _pending(self) -> Path:
        return self.directory / "pending"

    def pending(self) -> tuple[str, ...]:
        """Files swapped in that the programs have not been seen to take over: an apply was cut short."""
        return tuple(self._pending.read_text(encoding="utf-8").splitlines()) if self._pending.exists() else ()

    def expect(self, changed: Sequence[str]) -> None:
        """Note, before a swap, which files the programs must take over after it."""
        replace_file(self._pending, "\n".join(changed).encode())

    def confirmed(self) -> None:
        """All programs have taken over what is in force."""
        self._pending.unlink(missing_ok=True)

    def write(self, tree: Tree) -> Path:
        """Write a new generation without putting it in force."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        numbers = [int(path.name) for path in self.directory.iterdir() if path.name.isdigit()]
        directory = self.directory / f"{max(numbers, default=0) + 1:06d}"
        for name, content in tree.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return directory

    def activate(self, generation: Path) -> None:
        """Put `generation` in force, atomically, and forget the oldest ones."""
        draft = self.directory / "next"
        draft.unlink(missing_ok=True)
        draft.symlink_to(generation.name)
        draft.replace(self.link)
        others = sorted(path for path in self.directory.iterdir() if path.name.isdigit() and path != generation)
        for path in others[: -_KEPT + 1]:
            shutil.rmtree(path)

    def discard(self, generation: Path) -> None:
        """Remove a generation that is not in force."""
        if generation != self.current():
            shutil.rmtree(generation, ignore_errors=True)


def read_tree(directory: Path | None) -> Tree:
    """All files of a generation; empty when there is none."""
    if directory is None:
        return {}
    files = (path for path in sorted(directory.rglob("*")) if path.is_file())
    return {str(path.relative_to(directory)): path.read_text(encoding="utf-8") for path in files}


def unified_diff(old: Tree, new: Tree) -> str:
    """What changes from `old` to `new`, as a unified diff; empty when nothing does."""
    lines: list[str] = []
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name, ""), new.get(name, "")
        lines += difflib.unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            f"a/{name}" if name in old else "/dev/null",
            f"b/{name}" if name in new else "/dev/null",
        )
    return "".join(lines)
