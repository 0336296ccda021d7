"""In which line of a JSON document each value stands."""

from __future__ import annotations

import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Final

Path = tuple[str | int, ...]

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_SCALAR: Final = re.compile(r"[^\s,\]}]+")


def line_numbers(text: str) -> dict[Path, int]:
    """Line (from 1) of every value of a valid JSON document, by its path; the document itself is `()`.

    A member of an object stands where its key stands.
    """
    found: dict[Path, int] = {}
    _Walker(text, found).value((), _skip(text, 0), None)
    return found


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of the value at `path`, or of what encloses it when there is no such value."""
    while path not in lines and path:
        path = path[:-1]
    return lines.get(path, 1)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


class _Walker:
    """Steps over a document whose syntax json.loads has approved."""

    def __init__(self, text: str, found: dict[Path, int]) -> None:
        self.text = text
        self.found = found
        self.line, self.counted = 1, 0

    def value(self, path: Path, at: int, key_at: int | None) -> int:
        """Record the value that starts at `at`; returns where what follows it starts."""
        self.found[path] = self._line(at if key_at is None else key_at)
        opening = self.text[at]
        if opening == "{":
            return self._members(path, at)
        if opening == "[":
            return self._items(path, at)
        if opening == '"':
            return int(scanstring(self.text, at + 1, True)[1])
        match = _SCALAR.match(self.text, at)
        return match.end() if match else at + 1

    def _members(self, path: Path, at: int) -> int:
        at = _skip(self.text, at + 1)
        while self.text[at] != "}":
            key, after = scanstring(self.text, at + 1, True)
            start = _skip(self.text, _skip(self.text, after) + 1)
            at = self._next(self.value((*path, key), start, at))
        return at + 1

    def _items(self, path: Path, at: int) -> int:
        at, index = _skip(self.text, at + 1), 0
        while self.text[at] != "]":
            at = self._next(self.value((*path, index), at, None))
            index += 1
        return at + 1

    def _next(self, at: int) -> int:
        at = _skip(self.text, at)
        return _skip(self.text, at + 1) if self.text[at] == "," else at

    def _line(self, at: int) -> int:
        # Values are met in the order they stand, so each line break is counted once.
        self.line += self.text.count("\n", self.counted, at)
        self.counted = at
        return self.line
