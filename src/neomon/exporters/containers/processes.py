"""What the processes of a group tell: when it started, and its network traffic."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from neomon.exporters.containers.files import read_table, read_text

HOST_INTERFACES_LEFT_OUT = ("lo", "veth", "docker", "br-", "cni", "cali")
"""Traffic over these is counted again on the interface that leads off the machine."""
TRIED_PIDS = 4
"""Processes asked for a group's network before giving up: the first may be ending."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes through one network interface."""

    interface: str
    received: int
    transmitted: int


class Processes:
    """Reads procfs."""

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = proc
        self._boot = read_table(f"{proc}/stat").get("btime", 0)
        self._tick = 1 / os.sysconf("SC_CLK_TCK")
        self._started: dict[str, tuple[int, float | None]] = {}

    def start_time(self, path: str, pids: list[int]) -> float | None:
        """When the first process of a group began, in seconds since 1970; None for an empty group.

        cgroupfs keeps no date of birth that lasts.
        """
        if not pids:
            return None
        known = self._started.get(path)
        if known is None or known[0] != pids[0]:
            known = self._started[path] = (pids[0], self._process_start(pids[0]))
        return known[1]

    def forget_all_but(self, paths: Iterable[str]) -> None:
        """Drop what is remembered of groups that are gone."""
        for path in self._started.keys() - set(paths):
            del self._started[path]

    def _process_start(self, pid: int) -> float | None:
        text = read_text(f"{self._proc}/{pid}/stat")
        # The program's name, in parentheses, may hold anything; field 22 is the 20th after it.
        fields = (text or "").rpartition(")")[2].split()
        return self._boot + int(fields[19]) * self._tick if len(fields) > 19 else None

    def namespace(self, pid: int | str) -> int | None:
        """Number of a process's network namespace; None when it is gone or not ours to see."""
        try:
            return os.stat(f"{self._proc}/{pid}/ns/net").st_ino  # noqa: PTH116 - kept light
        except OSError:
            return None

    def host_namespace(self) -> int | None:
        """The machine's own network namespace."""
        return self.namespace(1) or self.namespace("self")

    def isolated_traffic(self, pids: list[int], seen: set[int]) -> list[Traffic]:
        """Traffic of the network namespace `pids` live in, unless it is in `seen`, to which it is added."""
        for pid in pids[:TRIED_PIDS]:
            namespace = self.namespace(pid)
            if namespace is None:
                continue
            if namespace in seen:
                return []
            text = read_text(f"{self._proc}/{pid}/net/dev")
            if text is None:
                continue
            seen.add(namespace)
            return [traffic for traffic in _parse(text) if traffic.interface != "lo"]
        return []

    def host_traffic(self) -> list[Traffic]:
        """Traffic of the machine itself."""
        text = read_text(f"{self._proc}/1/net/dev") or read_text(f"{self._proc}/net/dev") or ""
        return [traffic for traffic in _parse(text) if not traffic.interface.startswith(HOST_INTERFACES_LEFT_OUT)]

    def memory_bytes(self) -> int | None:
        """The machine's memory."""
        for line in (read_text(f"{self._proc}/meminfo") or "").splitlines():
            if line.startswith("MemTotal:"):
                return int(line.split()[1]) * 1024
        return None


def _parse(text: str) -> list[Traffic]:
    traffic = []
    for line in text.splitlines():
        interface, colon, rest = line.partition(":")
        fields = rest.split()
        if colon and len(fields) >= 9:
            traffic.append(Traffic(interface.strip(), int(fields[0]), int(fields[8])))
    return traffic
