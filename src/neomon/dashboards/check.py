"""Running every query of every dashboard against a live Prometheus: does each answer, and with something?"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from neomon.dashboards.api import PrometheusAddress, PrometheusApi, QueryError
from neomon.dashboards.choices import Choice, VariableAnswer, choices_of
from neomon.dashboards.documents import (
    DashboardQuery,
    JsonObject,
    annotation_queries,
    dashboard_files,
    load_dashboard,
    panel_queries,
)
from neomon.dashboards.interpolate import UnknownVariableError, built_in_values, interpolate
from neomon.errors import UnavailableError

POINTS: Final = 120
"""Points asked of a query over time: enough to meet what comes and goes, few enough to be cheap."""
SCRAPE_INTERVAL: Final = 15
"""Seconds; what grafana/datasources tells Grafana."""
AT_ONCE: Final = 4
"""Queries under way at the same time."""
_PAUSE: Final = 2.0
"""Seconds between two rounds while waiting."""
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

Progress = Callable[[int, int], None]
"""Told how many queries are done, of how many."""


class Outcome(StrEnum):
    """How a query fared."""

    OK = "ok"
    EMPTY = "empty"
    MAY_BE_EMPTY = "may-be-empty"
    """Found nothing, and that is no fault."""
    ERROR = "error"


@dataclass(frozen=True)
class CheckResult:
    """What became of one query."""

    dashboard: str
    panel: str
    """Title of the panel, `annotation <name>` or `variable <name>`."""
    query: str
    """The query's letter; empty for annotations and variables."""
    expression: str
    """As sent."""
    outcome: Outcome
    series: int
    message: str = ""
    """Why it is an error, or why being empty is none."""

    @property
    def failed(self) -> bool:
        """Whether someone must look."""
        return self.outcome in (Outcome.EMPTY, Outcome.ERROR)


@dataclass(frozen=True)
class _Window:
    start: float
    end: float

    @property
    def step(self) -> int:
        return max(1, round((self.end - self.start) / POINTS))

    def built_in(self) -> dict[str, str]:
        return built_in_values(step=self.step, scrape_interval=SCRAPE_INTERVAL, start=self.start, end=self.end)


async def check_dashboards(
    directory: Path, address: PrometheusAddress, *, wait: float = 0, on_progress: Progress | None = None
) -> list[CheckResult]:
    """Run every panel, annotation and variable query of the dashboards in `directory`.

    Variables take real values: All becomes `.*`, a single choice is tried with each of its first values. While a query
    fails and `wait` seconds are not over, everything is tried again, because a fresh installation fills up slowly.

    Returns:
        One result per query and set of values, in the dashboards' order; of the last round.

    Raises:
        NotFoundError: There are no dashboards.
        UnavailableError: Prometheus does not answer at all.
    """
    documents = [load_dashboard(path) for path in dashboard_files(directory)]
    deadline = time.monotonic() + wait
    while True:
        try:
            results = await _round(documents, address, on_progress)
        except UnavailableError:
            if time.monotonic() + _PAUSE > deadline:
                raise
        else:
            if not any(result.failed for result in results) or time.monotonic() + _PAUSE > deadline:
                return results
        await asyncio.sleep(_PAUSE)


async def _round(
    documents: list[JsonObject], address: PrometheusAddress, on_progress: Progress | None
) -> list[CheckResult]:
    now = time.time()
    variable_results: list[CheckResult] = []
    planned: list[tuple[DashboardQuery, Choice, _Window]] = []
    async with PrometheusApi(address) as api:
        for document in documents:
            window = _Window(now - _span(document), now)
            answers, choices = await choices_of(document, api, window.start, window.end)
            variable_results += [_variable_result(str(document.get("uid")), answer) for answer in answers]
            queries = [*panel_queries(document), *annotation_queries(document)]
            planned += [(query, choice, window) for choice in choices for query in queries]
        runner = _Runner(api, len(planned), on_progress)
        checked = await asyncio.gather(*(runner.run(query, choice, window) for query, choice, window in planned))
    return [*variable_results, *_unique(checked)]


class _Runner:
    def __init__(self, api: PrometheusApi, total: int, on_progress: Progress | None) -> None:
        self._api = api
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._done, self._total, self._on_progress = 0, total, on_progress

    async def run(self, query: DashboardQuery, choice: Choice, window: _Window) -> CheckResult:
        """Run one query with one set of values."""
        async with self._slots:
            result = await self._ask(query, choice, window)
        self._done += 1
        if self._on_progress:
            self._on_progress(self._done, self._total)
        return result

    async def _ask(self, query: DashboardQuery, choice: Choice, window: _Window) -> CheckResult:
        expression = query.expression
        try:
            expression = interpolate(expression, {**window.built_in(), **choice})
            if query.instant:
                count = await self._api.instant(expression, window.end)
            else:
                count = await self._api.range(expression, window.start, window.end, window.step)
        except (QueryError, UnknownVariableError) as error:
            return _result(query, expression, Outcome.ERROR, 0, str(error))
        if count:
            return _result(query, expression, Outcome.OK, count, "")
        if query.may_be_empty:
            return _result(query, expression, Outcome.MAY_BE_EMPTY, 0, query.may_be_empty)
        return _result(query, expression, Outcome.EMPTY, 0, "found nothing")


def _result(query: DashboardQuery, expression: str, outcome: Outcome, series: int, message: str) -> CheckResult:
    return CheckResult(query.dashboard, query.panel, query.name, expression, outcome, series, message)


def _variable_result(uid: str, answer: VariableAnswer) -> CheckResult:
    outcome = Outcome.ERROR if answer.error else Outcome.OK if answer.values else Outcome.EMPTY
    message = answer.error or ("" if answer.values else "found no values")
    return CheckResult(uid, f"variable {answer.name}", "", answer.query, outcome, len(answer.values), message)


def _unique(results: Iterable[CheckResult]) -> list[CheckResult]:
    # A query without the variable that was tried with several values was run once for each.
    return list(dict.fromkeys(results))


def _span(document: JsonObject) -> float:
    """Seconds the dashboard shows when it is opened; an hour when it doesn't say so plainly."""
    begin = str((document.get("time") or {}).get("from", ""))
    match = re.fullmatch(r"now-(\d+)([smhdw])", begin)
    return int(match[1]) * _UNITS[match[2]] if match else 3600
