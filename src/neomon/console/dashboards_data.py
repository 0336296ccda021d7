"""What a dashboard page asks of Prometheus: the choices of its variables, then the queries of its panels."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

import orjson

from neomon.console.panels.data import Answers, Window
from neomon.dashboards.api import QueryError
from neomon.dashboards.check import SCRAPE_INTERVAL
from neomon.dashboards.choices import current_value, label_values_query
from neomon.dashboards.documents import JsonObject, variable_query, variables
from neomon.dashboards.interpolate import any_of, built_in_values, interpolate, single_value
from neomon.errors import NeomonError, UnavailableError
from neomon.stack.client import ComponentClient

AT_ONCE: Final = 8
"""Queries of a page under way at the same time."""
QUERY_SECONDS: Final = 5.0
PAGE_SECONDS: Final = 10.0
"""What a page may spend on all its queries."""
ALL: Final = "$__all"


@dataclass(frozen=True)
class Choice:
    """One variable with its options and what is chosen."""

    name: str
    label: str
    description: str
    options: tuple[str, ...]
    chosen: tuple[str, ...]
    """Empty: all."""
    multiple: bool
    value: str
    """As it stands in an expression."""
    shown: bool
    """Whether the reader may choose."""

    @property
    def query_string(self) -> str:
        """The choice as parameters of an address, as Grafana writes them."""
        return "&".join(f"var-{self.name}={quote(value, safe='')}" for value in self.chosen)


class Asker:
    """The questions of one page: few at once, none twice, all within a time limit."""

    def __init__(self, client: ComponentClient, base: str, window: Window, scrape_interval: float) -> None:
        self._client, self._base, self._window = client, base + "/api/v1/", window
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._asked: dict[tuple[str, str, bool], asyncio.Task[str]] = {}
        self._deadline = time.monotonic() + PAGE_SECONDS
        self._built_in = built_in_values(
            step=window.step,
            scrape_interval=max(SCRAPE_INTERVAL, round(scrape_interval)),
            start=window.start,
            end=window.end,
        )

    async def choices(
        self, document: JsonObject, wanted: Mapping[str, Sequence[str]]
    ) -> tuple[list[Choice], list[str]]:
        """The variables with the wanted values where they are among the options, and notices about the others.

        Raises:
            NeomonError: Prometheus does not tell the options.
        """
        found: list[Choice] = []
        notices: list[str] = []
        for variable in variables(document):
            name, label = str(variable["name"]), str(variable.get("label") or variable["name"])
            if variable.get("type") != "query":
                value = current_value(variable)
                found.append(Choice(name, label, "", (value,), (), False, value, False))
                continue
            options = await self._options(variable, {choice.name: choice.value for choice in found})
            asked = [value for value in wanted.get(name, ()) if value != ALL]
            unknown = [value for value in asked if value not in options]
            notices += [f"{label}: there is no {value[:60]!r} here, so it is left out." for value in unknown]
            found.append(_choice(variable, name, label, options, [value for value in asked if value in options]))
        return found, notices

    async def panel(self, panel: JsonObject, values: Mapping[str, str]) -> Answers:
        """The answers to the queries of one panel; failures become sentences."""
        targets = [target for target in panel.get("targets") or [] if not target.get("hide") and target.get("expr")]
        if panel.get("type") == "alertlist":
            targets = [{}]
        results = await asyncio.gather(*(self._target(target, values) for target in targets), return_exceptions=True)
        texts, problems = [], []
        for target, result in zip(targets, results, strict=True):
            if isinstance(result, str):
                texts.append((target, result))
            elif isinstance(result, NeomonError):
                problems.append(str(result))
            else:
                raise result
        return Answers(tuple(texts), tuple(dict.fromkeys(problems)))

    async def _options(self, variable: JsonObject, values: Mapping[str, str]) -> tuple[str, ...]:
        query = label_values_query(variable_query(variable))
        if query is None:
            return ()
        span = {"start": str(self._window.start), "end": str(self._window.end)}
        selector = interpolate(query[0], {**self._built_in, **values})
        fields = urlencode({**span, "match[]": selector} if selector else span)
        text = await self._ask(f"label/{query[1]}/values?{fields}", None)
        return tuple(sorted((str(value) for value in orjson.loads(text)["data"] if value), key=str.casefold))

    async def _target(self, target: JsonObject, values: Mapping[str, str]) -> str:
        if not target:
            return await self._ask("alerts", None)
        expression = interpolate(str(target["expr"]), {**self._built_in, **values})
        instant = bool(target.get("instant"))
        key = (expression, "query" if instant else "query_range", instant)
        if key not in self._asked:
            self._asked[key] = asyncio.ensure_future(self._ask(key[1], self._form(expression, instant)))
        return await self._asked[key]

    def _form(self, expression: str, instant: bool) -> dict[str, str]:
        window = self._window
        if instant:
            return {"query": expression, "time": str(window.end), "timeout": f"{QUERY_SECONDS:g}s"}
        return {
            "query": expression,
            "start": str(window.start),
            "end": str(window.end),
            "step": str(window.step),
            "timeout": f"{QUERY_SECONDS:g}s",
        }

    async def _ask(self, endpoint: str, form: dict[str, str] | None) -> str:
        async with self._slots:
            left = min(QUERY_SECONDS, self._deadline - time.monotonic())
            if left <= 0:
                raise UnavailableError(f"Prometheus was too slow: this page waits {PAGE_SECONDS:g} s at most")
            method = "GET" if form is None else "POST"
            try:
                answer = await self._client.request(method, self._base + endpoint, seconds=left, form=form)
            except UnavailableError as error:
                # The address, with all its parameters, would hide the reason.
                reason = str(error).removeprefix(self._base + endpoint).removeprefix(":").replace("gave no", "no")
                raise UnavailableError(f"Prometheus does not answer: {reason.strip()}") from error
        if answer.status != 200:
            raise QueryError(_refusal(answer.status, answer.text))
        return answer.text


def _choice(variable: JsonObject, name: str, label: str, options: tuple[str, ...], accepted: list[str]) -> Choice:
    multiple, everything = bool(variable.get("multi")), bool(variable.get("includeAll"))
    if not multiple:
        accepted = accepted[:1]
    if not accepted and not everything:
        default = current_value(variable)
        accepted = [default if default in options else options[0]] if options else []
    if not accepted and everything:
        value = str(variable.get("allValue") or any_of(list(options)))
    else:
        value = any_of(accepted) if multiple else single_value("".join(accepted))
    shown = variable.get("hide") != 2
    return Choice(name, label, str(variable.get("description") or ""), options, tuple(accepted), multiple, value, shown)


def _refusal(status: int, text: str) -> str:
    if status in (401, 403):
        return f"Prometheus refuses access ({status})."
    try:
        return f"Prometheus refuses the query: {orjson.loads(text)['error']}"
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"Prometheus answers {status}."
