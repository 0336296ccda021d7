"""Makes demo processes known to neomon, so that Prometheus finds them without a file edit."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from neomon.demo.runtime import HOST, Runtime
from neomon.exporters.registration import Registration

_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Target:
    """Something Prometheus should scrape or probe."""

    job: str
    address: str
    """`host:port`, or the address a probe asks for."""
    service: str
    tenant: str | None = None


def service_targets(service: str, port: int, tenant: str | None = None) -> tuple[Target, ...]:
    """A service's own metrics, and the probe of its health from outside."""
    address = f"{HOST}:{port}"
    return (
        Target("services", address, service, tenant),
        Target("probe-http", f"http://{address}/health", service, tenant),
    )


@asynccontextmanager
async def registered(
    runtime: Runtime, targets: Iterable[Target], unless: Callable[[], bool] = lambda: False
) -> AsyncIterator[None]:
    """Keep `targets` registered, except while `unless` says no; a demo started without neomon goes on without."""
    if "NEOMON_URL" not in os.environ:
        yield
        return
    registrations = [
        Registration.from_environment(
            job=target.job,
            address=target.address,
            service=target.service,
            environment=runtime.environment,
            tenant=target.tenant,
        )
        for target in targets
    ]
    keeper = asyncio.create_task(_keep(registrations, unless))
    try:
        yield
    finally:
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper
        await asyncio.gather(*(one.deregister() for one in registrations))


async def _keep(registrations: list[Registration], unless: Callable[[], bool]) -> None:
    while True:
        withdrawn = unless()
        # Both do nothing when it is so already.
        await asyncio.gather(*(one.deregister() if withdrawn else one.start() for one in registrations))
        await asyncio.sleep(_LOOK_SECONDS)
