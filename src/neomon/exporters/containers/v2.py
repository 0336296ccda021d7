"""Control groups version 2: one hierarchy for all controllers."""

from __future__ import annotations

from neomon.exporters.containers.devices import Devices
from neomon.exporters.containers.files import read_number, read_pids, read_table, read_text
from neomon.exporters.containers.model import Limits, Scan, Usage, working_set
from neomon.exporters.containers.walk import walk

MICROSECONDS = 1e-6


class Unified:
    """Reads a cgroup2 mount; see the kernel's Documentation/admin-guide/cgroup-v2.rst."""

    version = 2

    def __init__(self, root: str, devices: Devices, limits: Limits) -> None:
        self._root = root
        self._devices = devices
        self._limits = limits

    def scan(self) -> Scan:
        """Find the groups."""
        return walk([self._root], self._limits)

    def pids(self, path: str) -> list[int]:
        """Processes directly in a group."""
        return read_pids(f"{self._root}{path}/cgroup.procs")

    def usage(self, path: str) -> Usage | None:
        """Read one group; None when it has vanished."""
        folder = self._root + path.rstrip("/")
        cpu = read_table(f"{folder}/cpu.stat")
        if not cpu:
            return None
        memory = read_table(f"{folder}/memory.stat")
        # The root group has memory.stat but neither usage nor limit.
        used = read_number(f"{folder}/memory.current")
        limit = read_text(f"{folder}/memory.max")
        throttled = cpu.get("throttled_usec")
        read, written = self._transferred(f"{folder}/io.stat")
        return Usage(
            cpu_seconds=_seconds(cpu.get("usage_usec")),
            cpu_user_seconds=_seconds(cpu.get("user_usec")),
            cpu_system_seconds=_seconds(cpu.get("system_usec")),
            cfs_periods=cpu.get("nr_periods"),
            cfs_throttled_periods=cpu.get("nr_throttled"),
            cfs_throttled_seconds=_seconds(throttled),
            memory_bytes=used,
            memory_working_set_bytes=working_set(used, memory.get("inactive_file")),
            memory_rss_bytes=memory.get("anon"),
            memory_cache_bytes=memory.get("file"),
            memory_limit_bytes=None if limit is None else 0 if limit.strip() == "max" else int(limit),
            oom_kills=read_table(f"{folder}/memory.events").get("oom_kill"),
            read_bytes=read,
            written_bytes=written,
            threads=read_number(f"{folder}/pids.current"),
        )

    def _transferred(self, file: str) -> tuple[int | None, int | None]:
        text = read_text(file)
        if text is None:
            return None, None
        read = written = 0
        for line in text.splitlines():
            device, *fields = line.split()
            if self._devices.stacked(device):
                continue
            values = dict(field.partition("=")[::2] for field in fields)
            read += int(values.get("rbytes", 0))
            written += int(values.get("wbytes", 0))
        return read, written


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds * MICROSECONDS
