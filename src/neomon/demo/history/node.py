"""History of this machine. The node exporter is asked once, so that devices and mount points are the real ones.

Counters are reckoned back from what they are now: live values go on where history ends.
"""

from __future__ import annotations

import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client.parser import text_string_to_metric_families

from neomon.demo.history.context import Context
from neomon.demo.history.series import Series, Value
from neomon.demo.history.temporary import free_port
from neomon.demo.rhythm import ripple
from neomon.demo.runtime import HOST

Sample = tuple[str, Mapping[str, str], float]

_START_SECONDS = 10.0
_KEPT = (
    "node_cpu_seconds_total", "node_load", "node_memory_Mem", "node_memory_Buffers", "node_memory_Cached",
    "node_memory_Swap", "node_filesystem_", "node_disk_read", "node_disk_writ", "node_disk_io_time",
    "node_network_receive_bytes", "node_network_transmit_bytes", "node_network_receive_errs",
    "node_network_transmit_errs", "node_network_receive_drop", "node_network_transmit_drop", "node_vmstat_pgmajfault",
    "node_boot_time_seconds", "node_uname_info", "node_context_switches_total", "node_time_seconds", "node_procs_",
)  # fmt: skip
"""Beginnings of the names worth a history; the exporter has a thousand others nobody draws."""
_DEMO_CORES = {"user": 0.16, "system": 0.07}
"""Processor time the stack and its demo use, in cores."""
_DEMO_MEMORY = 0.9e9
_BYTES_PER_SECOND = {"node_disk_written_bytes_total": 60e3, "node_disk_read_bytes_total": 900.0}
_DISK_BUSY = 0.004
_EARLIER_UPTIME = 9 * 86_400.0
"""How long the machine had run before the boot that falls into history, if one does."""


def node_series(context: Context) -> Iterator[Series]:
    """Everything of the job `node`."""
    samples = scrape_node()
    target = context.component_target("node")
    boot = next((value for name, _, value in samples if name == "node_boot_time_seconds"), 0.0)
    cores = len({labels["cpu"] for name, labels, _ in samples if name == "node_cpu_seconds_total"}) or 1
    for name, labels, value in samples:
        own = {**target, **labels}
        if name.endswith("_total") or name.startswith("node_vmstat"):
            rates = _rates(context, name, labels, value, boot, cores)
            yield Series(name, own, backcast(context, value, rates, boot))
        else:
            yield Series(name, own, _gauge(context, name, value, cores))


def scrape_node() -> list[Sample]:
    """What the node exporter says of this machine now; nothing when it can't be run."""
    address = f"{HOST}:{free_port()}"
    command = ("prometheus-node-exporter", f"--web.listen-address={address}", "--log.level=error")
    try:
        exporter = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        return []
    try:
        text = _get(f"http://{address}/metrics")
    finally:
        exporter.kill()
        exporter.wait()
    families = text_string_to_metric_families(text)
    return [(s.name, s.labels, s.value) for family in families for s in family.samples if s.name.startswith(_KEPT)]


def backcast(context: Context, now: float, rates: Sequence[float], boot: float) -> list[Value]:
    """A counter that is `now` in the present and grew at `rates`, from 0 if the machine was started meanwhile."""
    times, step = context.timeline.times, context.step
    since = next((index for index, moment in enumerate(times) if moment >= boot), len(times) - 1)
    grown = list(accumulate(rate * step for rate in rates))
    whole = grown[-1] - grown[since]
    room = now if since > 0 else now * 0.999
    scale = min(1.0, room / whole) if whole > 0 else 0.0
    if since > 0 and whole > 0:
        scale = room / whole
    before = rates[0] * _EARLIER_UPTIME
    return [
        before + grown[index] if index < since else max(0.0, now - scale * (grown[-1] - grown[index]))
        for index in range(len(times))
    ]


def _rates(
    context: Context, name: str, labels: Mapping[str, str], value: float, boot: float, cores: int
) -> list[float]:
    load = context.timeline.load
    usual = value / max(60.0, context.timeline.end - boot)
    if name == "node_cpu_seconds_total":
        busy = [sum(_DEMO_CORES.values()) / cores * (0.6 + 0.6 * level) for level in load]
        if labels["mode"] == "idle":
            return [max(0.0, 1 - part) for part in busy]
        if labels["mode"] in _DEMO_CORES:
            return [_DEMO_CORES[labels["mode"]] / cores * (0.6 + 0.6 * level) for level in load]
        return [min(usual, 0.002)] * len(load)
    phase = float(len(name) + len(labels.get("device", "")))
    if name in _BYTES_PER_SECOND:
        usual = min(usual, _BYTES_PER_SECOND[name])
    elif name == "node_disk_io_time_seconds_total":
        usual = min(usual, _DISK_BUSY)
    times = context.timeline.times
    return [
        usual * (0.7 + 0.4 * level + 0.25 * ripple(moment, phase)) for moment, level in zip(times, load, strict=True)
    ]


def _gauge(context: Context, name: str, value: float, cores: int) -> list[Value]:
    times, load = context.timeline.times, context.timeline.load
    if name.startswith("node_load"):
        typical = sum(_DEMO_CORES.values()) * 1.3
        width = 0.5 if name == "node_load1" else 0.2
        return [
            round(max(0.01, typical * (0.6 + 0.6 * level + width * ripple(moment))), 2)
            for moment, level in zip(times, load, strict=True)
        ]
    if name in ("node_memory_MemAvailable_bytes", "node_memory_MemFree_bytes"):
        taken = min(_DEMO_MEMORY, value * 0.5)
        return [int(value - taken * (1 + 0.05 * ripple(moment, 1.0))) for moment in times]
    if name in ("node_filesystem_avail_bytes", "node_filesystem_free_bytes"):
        return [int(value + 3_000.0 * (times[-1] - moment)) for moment in times]
    if name == "node_time_seconds":
        return [float(moment) for moment in times]
    if name == "node_procs_running":
        return [1 + int(ripple(moment, 3.0) > 0.3) for moment in times]
    return [value] * len(times)


def _get(url: str) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
