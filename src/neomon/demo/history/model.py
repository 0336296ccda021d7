"""All of history, source by source."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from neomon.demo.history.containers import container_series
from neomon.demo.history.context import Context
from neomon.demo.history.node import node_series
from neomon.demo.history.platform import platform_series
from neomon.demo.history.postgresql import postgres_series
from neomon.demo.history.probes import probe_series, up_series
from neomon.demo.history.redis import redis_series
from neomon.demo.history.requests import model_requests
from neomon.demo.history.series import Series
from neomon.demo.history.services import auth_series, deployer_series, gateway_series, tenant_manager_series
from neomon.demo.history.stacks import stack_series

Report = Callable[[float], None]
"""Called with the share that is done."""


def all_series(context: Context, report: Report = lambda _share: None) -> Iterator[Series]:
    """Every series of history."""
    requests = model_requests(context)
    sources: tuple[Callable[[], Iterator[Series]], ...] = (
        lambda: gateway_series(context, requests),
        lambda: auth_series(context, requests),
        lambda: tenant_manager_series(context, requests),
        lambda: deployer_series(context, requests),
        lambda: stack_series(context),
        lambda: platform_series(context, requests),
        lambda: postgres_series(context, requests),
        lambda: redis_series(context, requests),
        lambda: node_series(context),
        lambda: container_series(context),
        lambda: probe_series(context),
        lambda: up_series(context),
    )
    for number, source in enumerate(sources, start=1):
        yield from source()
        report(number / len(sources))
