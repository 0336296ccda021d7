"""The values a dashboard's variables would take, asked of Prometheus as Grafana asks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from neomon.dashboards.api import PrometheusApi, QueryError
from neomon.dashboards.documents import JsonObject, variable_query, variables
from neomon.dashboards.interpolate import UnknownVariableError, any_of, interpolate, single_value

Choice = dict[str, str]
"""A value for every variable, ready to stand in an expression."""

SINGLE_VALUES: Final = 5
"""How many values of a single choice are tried."""
_LABEL_VALUES: Final = re.compile(r"\s*label_values\(\s*(?:(?P<selector>.*?)\s*,)?\s*(?P<label>\w+)\s*\)\s*", re.DOTALL)


@dataclass(frozen=True)
class VariableAnswer:
    """What one variable's query found."""

    name: str
    query: str
    """As sent."""
    values: tuple[str, ...]
    error: str = ""


async def choices_of(
    document: JsonObject, api: PrometheusApi, start: float, end: float
) -> tuple[list[VariableAnswer], list[Choice]]:
    """Every set of values worth trying, and what each variable's query found on the way.

    A variable may depend on those before it, so each is asked once per set of values of those.
    """
    answers: list[VariableAnswer] = []
    choices: list[Choice] = [{}]
    for variable in variables(document):
        name = str(variable.get("name"))
        grown: list[Choice] = []
        for choice in choices:
            if variable.get("type") == "query":
                answer = await _ask(name, variable_query(variable), choice, api, start, end)
                answers.append(answer)
                values = _values(variable, list(answer.values))
            else:
                values = [current_value(variable)]
            grown += [{**choice, name: value} for value in values]
        choices = grown
    return list(dict.fromkeys(answers)), choices


def label_values_query(query: str) -> tuple[str, str] | None:
    """The selector (may be empty) and the label of a `label_values(...)` query; None for another kind of query."""
    match = _LABEL_VALUES.fullmatch(query)
    return None if match is None else (match["selector"] or "", match["label"])


def current_value(variable: JsonObject) -> str:
    """The value a variable has in the file; its query where it states none."""
    value = (variable.get("current") or {}).get("value") or variable_query(variable)
    return str(value[0] if isinstance(value, list) else value)


async def _ask(name: str, query: str, choice: Choice, api: PrometheusApi, start: float, end: float) -> VariableAnswer:
    wanted = label_values_query(query)
    if wanted is None:
        return VariableAnswer(name, query, (), "only label_values(...) can be checked")
    try:
        sent = interpolate(query, choice)
        selector = interpolate(wanted[0], choice)
        values = await api.label_values(wanted[1], selector, start, end)
    except (QueryError, UnknownVariableError) as error:
        return VariableAnswer(name, query, (), str(error))
    return VariableAnswer(name, sent, tuple(values))


def _values(variable: JsonObject, found: list[str]) -> list[str]:
    if variable.get("includeAll"):
        return [str(variable.get("allValue") or any_of(found))]
    if variable.get("multi"):
        return [any_of(found)]
    return [single_value(value) for value in found[:SINGLE_VALUES]] or [""]
