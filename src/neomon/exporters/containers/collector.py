"""Turn one scan of the control groups into metric families."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from neomon.exporters.containers.model import Hierarchy, Scan, Usage
from neomon.exporters.containers.naming import Identity, Lookup, identify
from neomon.exporters.containers.processes import TRIED_PIDS, Processes, Traffic

LABELS = ("id", "name", "image")
Family = CounterMetricFamily | GaugeMetricFamily


@dataclass(frozen=True)
class _Series:
    """A metric read from `Usage`; cAdvisor's name and meaning."""

    name: str
    help: str
    value: Callable[[Usage], float | None]
    counter: bool = True

    def family(self) -> Family:
        kind = CounterMetricFamily if self.counter else GaugeMetricFamily
        return kind(self.name, self.help, labels=LABELS)


# One entry a metric, in the order they are exported. A lambda is the shortest typed way to name a field.
SERIES = (
    _Series("container_cpu_usage_seconds_total", "CPU time used.", lambda usage: usage.cpu_seconds),
    _Series("container_cpu_user_seconds_total", "CPU time used in user mode.", lambda usage: usage.cpu_user_seconds),
    _Series(
        "container_cpu_system_seconds_total", "CPU time used in the kernel.", lambda usage: usage.cpu_system_seconds
    ),
    _Series("container_cpu_cfs_periods_total", "Quota periods in which it ran.", lambda usage: usage.cfs_periods),
    _Series(
        "container_cpu_cfs_throttled_periods_total",
        "Quota periods in which it was held back.",
        lambda usage: usage.cfs_throttled_periods,
    ),
    _Series(
        "container_cpu_cfs_throttled_seconds_total",
        "Time it was held back by its CPU quota.",
        lambda usage: usage.cfs_throttled_seconds,
    ),
    _Series("container_memory_usage_bytes", "Memory in use, caches included.", lambda usage: usage.memory_bytes, False),
    _Series(
        "container_memory_working_set_bytes",
        "Memory in use that can't simply be taken back.",
        lambda usage: usage.memory_working_set_bytes,
        False,
    ),
    _Series("container_memory_rss", "Anonymous memory in bytes.", lambda usage: usage.memory_rss_bytes, False),
    _Series("container_memory_cache", "Page cache in bytes.", lambda usage: usage.memory_cache_bytes, False),
    _Series(
        "container_spec_memory_limit_bytes",
        "Memory limit; 0 means none.",
        lambda usage: usage.memory_limit_bytes,
        False,
    ),
    _Series("container_oom_events_total", "Processes killed for lack of memory.", lambda usage: usage.oom_kills),
    _Series("container_fs_reads_bytes_total", "Bytes read from block devices.", lambda usage: usage.read_bytes),
    _Series("container_fs_writes_bytes_total", "Bytes written to block devices.", lambda usage: usage.written_bytes),
    _Series("container_threads", "Threads running.", lambda usage: usage.threads, False),
)


@dataclass
class _Members:
    """Processes in a group and its descendants."""

    count: int = 0
    first: list[int] = field(default_factory=list)


class ContainersCollector:
    """Reads all control groups at each scrape.

    Nothing is kept between scrapes but names and start times. A group that vanishes meanwhile is left out.
    """

    def __init__(self, hierarchy: Hierarchy, processes: Processes, lookup: Lookup, *, only_named: bool = False) -> None:
        self._hierarchy = hierarchy
        self._processes = processes
        self._lookup = lookup
        self._only_named = only_named

    def collect(self) -> Iterator[Metric]:
        """Read everything and yield the families."""
        scan = self._hierarchy.scan()
        identities = identify(scan.paths, self._lookup)
        members = self._members(scan)
        self._processes.forget_all_but(scan.paths)
        chosen = [path for path in scan.paths if path == "/" or identities[path].name or not self._only_named]
        families = [series.family() for series in SERIES]
        alive: dict[str, list[str]] = {}
        for path in chosen:
            usage = self._hierarchy.usage(path)
            if usage is None:
                continue
            labels = alive[path] = _labels(path, identities[path])
            for series, family in zip(SERIES, families, strict=True):
                value = series.value(usage)
                if value is not None:
                    family.add_metric(labels, value)
        yield from families
        yield from self._of_processes(alive, members)
        yield from self._of_network(alive, identities, members)
        yield from self._of_machine(scan)

    def _members(self, scan: Scan) -> dict[str, _Members]:
        members = {path: _Members() for path in scan.paths}
        for path in reversed(scan.paths):
            pids = self._hierarchy.pids(path)
            here = members[path]
            here.count += len(pids)
            here.first = [*pids, *here.first][:TRIED_PIDS]
            if path != "/":
                above = members[path.rpartition("/")[0] or "/"]
                above.count += here.count
                above.first = [*here.first, *above.first][:TRIED_PIDS]
        return members

    def _of_processes(self, alive: Mapping[str, list[str]], members: Mapping[str, _Members]) -> Iterator[Metric]:
        processes = GaugeMetricFamily("container_processes", "Processes running.", labels=LABELS)
        started = GaugeMetricFamily(
            "container_start_time_seconds", "When its first process began, in seconds since 1970.", labels=LABELS
        )
        seen = GaugeMetricFamily("container_last_seen", "When it was last seen, in seconds since 1970.", labels=LABELS)
        now = time.time()
        for path, labels in alive.items():
            processes.add_metric(labels, members[path].count)
            seen.add_metric(labels, now)
            start = self._processes.start_time(path, members[path].first)
            if start is not None:
                started.add_metric(labels, start)
        yield from (processes, started, seen)

    def _of_network(
        self, alive: Mapping[str, list[str]], identities: Mapping[str, Identity], members: Mapping[str, _Members]
    ) -> Iterator[Metric]:
        labels = (*LABELS, "interface")
        received = CounterMetricFamily("container_network_receive_bytes_total", "Bytes received.", labels=labels)
        transmitted = CounterMetricFamily("container_network_transmit_bytes_total", "Bytes sent.", labels=labels)

        def add(path: str, traffic: list[Traffic]) -> None:
            for interface in traffic:
                received.add_metric([*alive[path], interface.interface], interface.received)
                transmitted.add_metric([*alive[path], interface.interface], interface.transmitted)

        host = self._processes.host_namespace()
        if "/" in alive:
            add("/", self._processes.host_traffic())
        # Groups that share a namespace share one count, which is shown once.
        namespaces = {host} if host is not None else set()
        for path in alive if host is not None else ():
            if identities[path].name:
                pod = path.rpartition("/")[0]
                owner = pod if "kubepods" in path and pod in alive else path
                add(owner, self._processes.isolated_traffic(members[path].first, namespaces))
        yield from (received, transmitted)

    def _of_machine(self, scan: Scan) -> Iterator[Metric]:
        yield GaugeMetricFamily("machine_cpu_cores", "CPUs the machine has.", value=os.cpu_count() or 1)
        memory = self._processes.memory_bytes()
        if memory is not None:
            yield GaugeMetricFamily("machine_memory_bytes", "Memory the machine has.", value=memory)
        yield GaugeMetricFamily("containers_exporter_groups", "Control groups found.", value=len(scan.paths))
        yield GaugeMetricFamily(
            "containers_exporter_groups_skipped",
            "Control groups left out because there are too many or they lie too deep.",
            value=scan.skipped,
        )


def _labels(path: str, identity: Identity) -> list[str]:
    return [path, identity.name, identity.image]
