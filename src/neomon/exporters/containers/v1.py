"""Control groups version 1, and hybrid machines: a hierarchy for each controller."""

from __future__ import annotations

import os
from pathlib import Path

from neomon.exporters.containers.devices import Devices
from neomon.exporters.containers.files import read_number, read_pids, read_table, read_text
from neomon.exporters.containers.model import Limits, Scan, Usage, working_set
from neomon.exporters.containers.walk import walk

NANOSECONDS = 1e-9
TICK = 1 / os.sysconf("SC_CLK_TCK")
NO_LIMIT = 1 << 62
"""The kernel says "unlimited" with a number near 2^63."""
CONTROLLERS = ("memory", "cpuacct", "pids", "blkio", "cpu")
IO_FILES = (
    "blkio.throttle.io_service_bytes_recursive",
    "blkio.throttle.io_service_bytes",
    "blkio.io_service_bytes_recursive",
    "blkio.bfq.io_service_bytes_recursive",
)


def find_controllers(root: Path) -> dict[str, str]:
    """Directory of each controller's hierarchy under `root`: `memory`, or shared as `cpu,cpuacct`."""
    found: dict[str, str] = {}
    for entry in sorted(root.iterdir()) if root.is_dir() else ():
        for name in entry.name.split(","):
            if name in CONTROLLERS and entry.is_dir():
                found.setdefault(name, str(entry.resolve()))
    return found


class Split:
    """Reads cgroup v1 mounts; a group is there when any controller has it."""

    version = 1

    def __init__(self, controllers: dict[str, str], devices: Devices, limits: Limits) -> None:
        self._controllers = controllers
        self._roots = sorted(set(controllers.values()))
        self._devices = devices
        self._limits = limits

    def scan(self) -> Scan:
        """Find the groups."""
        return walk(self._roots, self._limits)

    def pids(self, path: str) -> list[int]:
        """Processes directly in a group, in any of the hierarchies."""
        for controller in CONTROLLERS:
            if pids := read_pids(self._file(controller, path, "cgroup.procs")):
                return pids
        return []

    def usage(self, path: str) -> Usage | None:
        """Read one group; None when it has vanished from all hierarchies."""
        if not any(Path(root + path).is_dir() for root in self._roots):
            return None
        cfs = read_table(self._file("cpu", path, "cpu.stat"))
        memory = read_table(self._file("memory", path, "memory.stat"))
        used = read_number(self._file("memory", path, "memory.usage_in_bytes"))
        limit = read_number(self._file("memory", path, "memory.limit_in_bytes"))
        user, system = self._modes(path)
        read, written = self._transferred(path)
        return Usage(
            cpu_seconds=_seconds(read_number(self._file("cpuacct", path, "cpuacct.usage"))),
            cpu_user_seconds=user,
            cpu_system_seconds=system,
            cfs_periods=cfs.get("nr_periods"),
            cfs_throttled_periods=cfs.get("nr_throttled"),
            cfs_throttled_seconds=_seconds(cfs.get("throttled_time")),
            memory_bytes=used,
            memory_working_set_bytes=working_set(used, memory.get("total_inactive_file")),
            memory_rss_bytes=memory.get("total_rss"),
            memory_cache_bytes=memory.get("total_cache"),
            memory_limit_bytes=0 if limit is not None and limit >= NO_LIMIT else limit,
            oom_kills=read_table(self._file("memory", path, "memory.oom_control")).get("oom_kill"),
            read_bytes=read,
            written_bytes=written,
            threads=read_number(self._file("pids", path, "pids.current")),
        )

    def _file(self, controller: str, path: str, name: str) -> str:
        # A controller that isn't mounted leads to a file that isn't there.
        return f"{self._controllers.get(controller, '/nonexistent')}{path.rstrip('/')}/{name}"

    def _modes(self, path: str) -> tuple[float | None, float | None]:
        user = _seconds(read_number(self._file("cpuacct", path, "cpuacct.usage_user")))
        system = _seconds(read_number(self._file("cpuacct", path, "cpuacct.usage_sys")))
        if user is None or system is None:
            ticks = read_table(self._file("cpuacct", path, "cpuacct.stat"))
            user, system = (ticks[mode] * TICK if mode in ticks else None for mode in ("user", "system"))
        return user, system

    def _transferred(self, path: str) -> tuple[int | None, int | None]:
        for name in IO_FILES:
            text = read_text(self._file("blkio", path, name))
            if text is not None:
                return self._sum(text, "Read"), self._sum(text, "Write")
        return None, None

    def _sum(self, text: str, operation: str) -> int:
        rows = [line.split() for line in text.splitlines()]
        wanted = [row for row in rows if len(row) == 3 and row[1] == operation]
        return sum(int(row[2]) for row in wanted if not self._devices.stacked(row[0]))


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds * NANOSECONDS
