"""Read and check the configuration of queries and databases.

Imported only where configuration is read: pydantic takes more memory than the whole exporter.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from neomon.errors import InputError
from neomon.exporters.platform.plan import Address, MetricSpec, MetricType, Plan, Query
from neomon.settings import Database, load_settings

MetricName = Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")]
LabelName = Annotated[str, Field(pattern=r"^(_?[a-zA-Z][a-zA-Z0-9_]*|_)$")]
"""Two leading underscores are reserved by Prometheus."""
QueryName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
STALE_INTERVALS = 5
"""Default of `stale_after_seconds`, in intervals."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MetricModel(_Strict):
    """One metric of a query."""

    name: MetricName
    type: MetricType
    help: Annotated[str, Field(min_length=1)]
    value: Annotated[str, Field(min_length=1)]
    labels: tuple[LabelName, ...] = ()
    constant_labels: dict[LabelName, str] = {}

    @model_validator(mode="after")
    def _consistent(self) -> MetricModel:
        if (self.type == "counter") != self.name.endswith("_total"):
            raise ValueError(f"{self.name}: counters, and only they, end in _total")
        names = [*self.labels, *self.constant_labels]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{self.name}: label {', '.join(repeated)} is given twice")
        return self


class QueryModel(_Strict):
    """One query."""

    name: QueryName
    database: Annotated[str, Field(min_length=1)]
    sql: Annotated[str, Field(min_length=1)]
    interval_seconds: Annotated[float, Field(ge=1, le=86400)] = 30
    timeout_seconds: Annotated[float, Field(ge=0.1, le=600)] = 5
    stale_after_seconds: Annotated[float, Field(gt=0)] | None = None
    row_limit: Annotated[int, Field(ge=1, le=100_000)] = 5000
    metrics: Annotated[tuple[MetricModel, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> QueryModel:
        if self.stale_after_seconds is not None and self.stale_after_seconds < self.interval_seconds:
            raise ValueError("stale_after_seconds is less than interval_seconds: the result would come and go")
        return self

    def plan(self) -> Query:
        """The query as the exporter runs it."""
        stale = self.stale_after_seconds or max(STALE_INTERVALS * self.interval_seconds, 2 * self.timeout_seconds)
        return Query(
            name=self.name,
            database=self.database,
            sql=self.sql.strip().rstrip(";"),
            metrics=tuple(MetricSpec(**metric.model_dump()) for metric in self.metrics),
            interval_seconds=self.interval_seconds,
            timeout_seconds=self.timeout_seconds,
            stale_after_seconds=stale,
            row_limit=self.row_limit,
        )


class QueriesFile(_Strict):
    """The whole file."""

    queries: Annotated[tuple[QueryModel, ...], Field(min_length=1)]


def load_queries(path: Path) -> tuple[Query, ...]:
    """Read the queries.

    Raises:
        InputError: Says which line of the file, which query and which key is wrong.
    """
    text = _read(path)
    try:
        queries = QueriesFile.model_validate(_parse(path, text)).queries
    except ValidationError as error:
        raise InputError("\n".join(_explain(path, text, problem) for problem in error.errors())) from error
    _check_together(path, text, queries)
    return tuple(query.plan() for query in queries)


def load_databases(path: Path) -> dict[str, Address]:
    """Read a file `{name: {address, user, password_file, name, sslmode}}`, YAML or JSON.

    Raises:
        InputError: Says what is wrong where.
    """
    text = _read(path)
    try:
        databases = TypeAdapter(dict[str, Database]).validate_python(_parse(path, text))
    except ValidationError as error:
        raise InputError("\n".join(_explain(path, text, problem) for problem in error.errors())) from error
    return _addresses(databases)


def load_plan(config: Path, databases: Path | None) -> Plan:
    """Read both; without a databases file, neomon's settings say where they are."""
    queries = load_queries(config)
    addresses = load_databases(databases) if databases else _addresses(load_settings().databases)
    plan = Plan(queries, addresses)
    if not plan.runnable():
        asked = ", ".join(sorted({query.database for query in queries}))
        known = ", ".join(sorted(addresses)) or "none"
        raise InputError(f"no query of {config} can run: they ask for databases {asked}; configured is {known}")
    return plan


def default_config() -> Path:
    """The queries shipped with neomon, as rendered if `neomon apply` has run."""
    settings = load_settings()
    rendered = settings.config_dir / "exporters" / "custom" / "platform.yml"
    return rendered if rendered.is_file() else settings.base_dir / "exporters" / "custom" / "platform.yml"


def _addresses(databases: Mapping[str, Database]) -> dict[str, Address]:
    addresses = {}
    for name, database in databases.items():
        host, _, port = database.address.rpartition(":")
        addresses[name] = Address(
            host.removeprefix("[").removesuffix("]"),
            int(port),
            database.user,
            database.password_file,
            database.name,
            database.sslmode,
        )
    return addresses


def _check_together(path: Path, text: str, queries: tuple[QueryModel, ...]) -> None:
    names: set[str] = set()
    described: dict[str, tuple[str, str, str]] = {}
    for number, query in enumerate(queries):
        if query.name in names:
            line = _line(text, ("queries", number, "name"))
            raise InputError(f"{path}:{line}: query {query.name!r}: name is used twice")
        names.add(query.name)
        for index, metric in enumerate(query.metrics):
            first = described.setdefault(metric.name, (query.name, metric.type, metric.help))
            if first[1:] != (metric.type, metric.help):
                line = _line(text, ("queries", number, "metrics", index))
                raise InputError(
                    f"{path}:{line}: query {query.name!r}: metrics.{index}: {metric.name} has another type or help "
                    f"than in query {first[0]!r}"
                )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text") from error


def _parse(path: Path, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise InputError(f"{path}{f':{mark.line + 1}' if mark else ''}: not valid YAML: {error}") from error


def _explain(path: Path, text: str, problem: Any) -> str:
    where = tuple(problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    line = _line(text, where)
    query = ""
    if len(where) > 1 and where[0] == "queries":
        name = _at(yaml.safe_load(text), ("queries", where[1], "name"))
        query = f"query {name!r}: " if isinstance(name, str) else f"query number {int(where[1]) + 1}: "
        where = where[2:]
    key = ".".join(str(part) for part in where)
    return f"{path}:{line}: {query}{f'{key}: ' if key else ''}{message}"


def _at(value: Any, where: tuple[str | int, ...]) -> Any:
    for part in where:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _line(text: str, where: tuple[str | int, ...]) -> int:
    """Line of the deepest node on the way to `where` that the text has."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    line = 1
    for part in where:
        if isinstance(node, yaml.MappingNode):
            pairs = [(key, value) for key, value in node.value if key.value == str(part)]
            if not pairs:
                break
            line, node = pairs[0][0].start_mark.line + 1, pairs[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line
