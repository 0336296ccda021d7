"""Putting values into an expression's variables, as Grafana does before it sends a query."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from neomon.errors import InputError

_REFERENCE: Final = re.compile(r"\$(?P<plain>\w+)|\$\{(?P<braced>\w+)(?::\w+)?\}|\[\[(?P<old>\w+)(?::\w+)?\]\]")
BUILT_IN: Final = frozenset(
    {"__rate_interval", "__interval", "__interval_ms", "__range", "__range_s", "__range_ms", "__from", "__to"}
)
"""Variables Grafana itself defines."""
_ESCAPED: Final = re.compile(r'(["\\])')
_REGEX_SPECIAL: Final = re.compile(r"([\\^$*+?.()|\[\]{}])")


class UnknownVariableError(InputError):
    """An expression names a variable the dashboard does not have."""


def built_in_values(*, step: int, scrape_interval: int, start: float, end: float) -> dict[str, str]:
    """Grafana's own variables for a query over `start` to `end` (Unix time) with `step` seconds between points."""
    span = int(end - start)
    return {
        "__rate_interval": f"{max(step + scrape_interval, 4 * scrape_interval)}s",
        "__interval": f"{step}s",
        "__interval_ms": str(step * 1000),
        "__range": f"{span}s",
        "__range_s": str(span),
        "__range_ms": str(span * 1000),
        "__from": str(int(start * 1000)),
        "__to": str(int(end * 1000)),
    }


def referenced_variables(expression: str) -> list[str]:
    """Names of the variables in an expression, in their order, Grafana's own included."""
    return [_name(match) for match in _REFERENCE.finditer(expression)]


def interpolate(expression: str, values: Mapping[str, str]) -> str:
    """The expression with every variable replaced.

    Raises:
        UnknownVariableError: `values` lacks a variable.
    """

    def replacement(match: re.Match[str]) -> str:
        name = _name(match)
        if name not in values:
            raise UnknownVariableError(f"the variable ${name} is not defined")
        return values[name]

    return _REFERENCE.sub(replacement, expression)


def single_value(value: str) -> str:
    """One value, fit to stand between quotes."""
    return _ESCAPED.sub(r"\\\1", value)


def any_of(values: list[str]) -> str:
    """Several values as a regular expression, fit to stand between quotes."""
    return "|".join(single_value(_REGEX_SPECIAL.sub(r"\\\1", value)) for value in values)


def _name(match: re.Match[str]) -> str:
    return str(match["plain"] or match["braced"] or match["old"])
