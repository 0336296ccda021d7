"""Recording rules over history: in order of their dependence, each asked of Prometheus over the whole time.

`promtool tsdb create-blocks-from rules` does the same for rules that don't build on one another; ours do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")


@dataclass(frozen=True)
class RecordingRule:
    """One recording rule."""

    record: str
    expr: str
    labels: dict[str, str]
    interval: float
    """Seconds between two evaluations; 0 means the usual."""

    def uses(self) -> set[str]:
        """Names the expression may refer to."""
        return set(_NAME.findall(self.expr))


def read_rules(files: Sequence[Path]) -> list[RecordingRule]:
    """The recording rules of rule files; alerting rules are left out."""
    return [
        RecordingRule(rule["record"], rule["expr"], rule.get("labels", {}), _seconds(group.get("interval", "")))
        for file in files
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "record" in rule
    ]


def layers(rules: Sequence[RecordingRule]) -> Iterator[list[RecordingRule]]:
    """The rules in groups, each of which uses only what the groups before it record."""
    waiting = list(rules)
    while waiting:
        missing = {rule.record for rule in waiting}
        ready = [rule for rule in waiting if not (rule.uses() & missing) - {rule.record}]
        # Rules in a circle read each other's previous results; over history there are none.
        ready = ready or waiting
        yield ready
        waiting = [rule for rule in waiting if rule not in ready]


def _seconds(text: str) -> float:
    return sum(int(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))
