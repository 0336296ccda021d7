"""History of the control groups the programs of the stack and the demo run in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from neomon.demo.catalogue import SERVICES
from neomon.demo.history.context import PROCESS_AGE_SECONDS, Context
from neomon.demo.history.series import Series, constant, counter
from neomon.demo.rhythm import ripple
from neomon.stack.cgroups import create_groups, remove_groups
from neomon.stack.components import enabled_components

_PROBE = "history-probe"
_USER_SHARE = 0.7
_MEBIBYTE = 1024.0**2


@dataclass(frozen=True)
class Footprint:
    """What one program typically uses."""

    cores: float
    """At the daily peak."""
    memory: float
    """Mebibytes."""
    processes: int = 1
    written: float = 0.0
    """Bytes a second."""


_COMPONENTS = {
    "prometheus": Footprint(0.02, 139, written=9_000),
    "alertmanager": Footprint(0.002, 35, written=300),
    "neomon": Footprint(0.008, 150, written=400),
    "node": Footprint(0.004, 15),
    "blackbox": Footprint(0.003, 19),
    "containers": Footprint(0.004, 34),
    "platform": Footprint(0.006, 53),
    "postgres": Footprint(0.006, 14),
    "redis": Footprint(0.002, 14),
}
_DEMO = {
    "demo-postgres": Footprint(0.008, 121, processes=14, written=14_000),
    "demo-redis": Footprint(0.003, 23, processes=2),
    "demo-api-gateway": Footprint(0.03, 84),
    "demo-auth-service": Footprint(0.014, 97),
    "demo-tenant-manager": Footprint(0.022, 118),
    "demo-stack-deployer": Footprint(0.01, 97),
    "demo-edge": Footprint(0.002, 57),
    "demo-stacks": Footprint(0.012, 85),
    "demo-load": Footprint(0.022, 50),
    "demo-inbox": Footprint(0.002, 50),
}


def container_series(context: Context) -> Iterator[Series]:
    """Everything of the job `containers`; nothing where programs get no groups of their own."""
    if "containers" not in enabled_components(context.settings):
        return
    target = context.component_target("containers")
    yield constant("machine_cpu_cores", target, os.cpu_count() or 1, context.length)
    yield constant("machine_memory_bytes", target, psutil.virtual_memory().total, context.length)
    if not _groups_possible():
        return
    names = {name: print_ for name, print_ in _COMPONENTS.items() if name in enabled_components(context.settings)}
    for name, footprint in {**names, **_DEMO}.items():
        # Empty labels (`image`) don't exist in Prometheus.
        yield from _program(context, {**target, "id": f"/neomon/{name}", "name": name}, footprint)


def _program(context: Context, labels: dict[str, str], footprint: Footprint) -> Iterator[Series]:
    timeline, length = context.timeline, context.length
    phase = float(len(labels["name"]))
    moments = list(zip(timeline.times, timeline.load, strict=True))
    seconds = [
        footprint.cores * (0.35 + 0.65 * load) * (1 + 0.15 * ripple(time, phase)) * context.step
        for time, load in moments
    ]
    before = footprint.cores * 0.75 * PROCESS_AGE_SECONDS
    for kind, share in (("usage", 1.0), ("user", _USER_SHARE), ("system", 1 - _USER_SHARE)):
        grown = [part * share for part in seconds]
        yield counter(f"container_cpu_{kind}_seconds_total", labels, grown, before * share)
    memory = [int(footprint.memory * _MEBIBYTE * (1 + 0.02 * ripple(time, phase))) for time, _ in moments]
    yield Series("container_memory_working_set_bytes", labels, memory)
    yield Series("container_memory_rss", labels, [int(value * 0.92) for value in memory])
    yield Series("container_memory_usage_bytes", labels, [int(value * 1.12) for value in memory])
    yield Series("container_memory_cache", labels, [int(value * 0.2) for value in memory])
    written = [footprint.written * context.step * (1 + 0.3 * ripple(time, phase)) for time, _ in moments]
    yield counter("container_fs_writes_bytes_total", labels, written, footprint.written * PROCESS_AGE_SECONDS)
    for name in (
        "container_fs_reads_bytes_total", "container_spec_memory_limit_bytes", "container_oom_events_total",
        "container_cpu_cfs_throttled_seconds_total", "container_cpu_cfs_throttled_periods_total",
        "container_cpu_cfs_periods_total",
    ):  # fmt: skip
        yield constant(name, labels, 0, length)
    yield constant("container_processes", labels, footprint.processes, length)
    yield constant("container_start_time_seconds", labels, timeline.start - PROCESS_AGE_SECONDS, length)
    yield Series("container_last_seen", labels, timeline.times)


def _groups_possible() -> bool:
    """Whether the supervisor may put programs into groups here, as it will in a moment."""
    created = create_groups(_PROBE)
    remove_groups(_PROBE)
    return bool(created)


assert {f"demo-{service.name}" for service in SERVICES} <= set(_DEMO)  # noqa: S101
