"""Start the platform exporter."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from neomon.exporters.isolated import isolated
from neomon.exporters.platform.collector import PREFIX, PlatformCollector
from neomon.exporters.platform.plan import Plan
from neomon.exporters.platform.runner import Runner
from neomon.exporters.web import Exposition, serve
from neomon.exporters.web.config import load_web_config
from neomon.exporters.web.guard import Guard

logger = logging.getLogger(__name__)

LISTEN = "127.0.0.1:9102"


def run(
    *,
    listen: str = LISTEN,
    web_config: Path | None = None,
    config: Path | None = None,
    databases: Path | None = None,
) -> None:
    """Run the queries and serve their answers until told to stop.

    Raises:
        NeomonError: A file is wrong or the address is taken.
    """
    plan = isolated(_load, config, databases)
    guard = Guard(web_config, load=lambda path: isolated(load_web_config, path))
    for query in plan.skipped():
        logger.warning("query %s is skipped: database %r is not configured", query.name, query.database)
    runners = [Runner(query, plan.databases[query.database]) for query in plan.runnable()]
    collector = PlatformCollector([runner.state for runner in runners], len(plan.skipped()))

    async def work() -> None:
        await asyncio.gather(*(runner.run() for runner in runners))

    serve("Platform exporter", Exposition(PREFIX, [collector]), guard, listen, work)


def describe(config: Path | None, databases: Path | None) -> str:
    """Check both files and say what would run, one query a line.

    Raises:
        InputError: A file is wrong.
    """
    plan = _load(config, databases)
    lines = [
        f"{query.name}: every {query.interval_seconds:g} s from {query.database}"
        + (": " if query.database in plan.databases else " (not configured, skipped): ")
        + ", ".join(dict.fromkeys(metric.name for metric in query.metrics))
        for query in plan.queries
    ]
    return "\n".join(lines)


def _load(config: Path | None, databases: Path | None) -> Plan:
    from neomon.exporters.platform.config import default_config, load_plan

    return load_plan(config or default_config(), databases)
