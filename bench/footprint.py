"""Start time of the stack, and memory and CPU of neomon's own processes at idle.

Starts the stack with the demo on free ports in a temporary directory, three times (first start, later starts), waits
until it has settled, and reads the processes' proportional set size (memory shared by processes counted once) and CPU
time.

    .venv/bin/python bench/footprint.py
    .venv/bin/python bench/footprint.py --idle 60 --json
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.stack import Stack

OWN = re.compile(r"neomon\.(stack|api|exporters)|supervisor\.")


def name_of(process: psutil.Process) -> str:
    """The Python module a process runs, or its program."""
    command = process.cmdline()
    return command[2] if command[1:2] == ["-m"] else Path(command[0]).name


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time used so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def measure(directory: Path, idle: float) -> dict[str, Any]:
    """Start the demo's stack three times and watch the last one for `idle` seconds."""
    stack = Stack(directory)
    starts = []
    for number in range(3):
        began = time.monotonic()
        stack.run("up", "--demo", "--detach", seconds=240)
        starts.append(time.monotonic() - began)
        if number < 2:
            stack.down()
    try:
        time.sleep(10)
        names = {process: name_of(process) for process in stack.processes()}
        own = [process for process, name in names.items() if OWN.match(name)]
        before = {process: cpu_seconds(process) for process in own}
        time.sleep(idle)
        rows = [
            {
                "process": names[process],
                "pss_mb": round(process.memory_full_info().pss / 1e6, 1),
                "cpu_percent": round(100 * (cpu_seconds(process) - before[process]) / idle, 2),
            }
            for process in own
        ]
        programs = [stack.status()[name]["memory_bytes"] for name in ("prometheus", "alertmanager", "node", "blackbox")]
    finally:
        stack.down()
    memory = sum(row["pss_mb"] for row in rows)
    return {
        "first_start_seconds": round(starts[0], 1),
        "later_start_seconds": round(statistics.median(starts[1:]), 1),
        "own_pss_mb": round(memory, 1),
        "own_cpu_percent_of_a_core": round(sum(row["cpu_percent"] for row in rows), 2),
        "own_to_prometheus_alertmanager_node_blackbox_memory": round(memory / (sum(programs) / 1e6), 2),
        "processes": rows,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idle", type=float, default=30, metavar="SECONDS", help="how long to watch (default 30)")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="neomon-bench-") as directory:
        # PostgreSQL runs as its own user and must be able to reach its data.
        Path(directory).chmod(0o755)
        result = measure(Path(directory), arguments.idle)
    if arguments.json:
        print(json.dumps(result, indent=2))
        return
    print(f"first start            {result['first_start_seconds']:7.1f} s")
    print(f"later start            {result['later_start_seconds']:7.1f} s   goal 10 s")
    print(f"own memory (PSS)       {result['own_pss_mb']:7.1f} MB  goal 150 MB")
    print(f"own CPU, idle          {result['own_cpu_percent_of_a_core']:7.2f} %   goal 2 % of a core")
    ratio = result["own_to_prometheus_alertmanager_node_blackbox_memory"]
    print(f"own memory to that of Prometheus, Alertmanager, node and blackbox exporter: {ratio}")
    for row in result["processes"]:
        print(f"  {row['pss_mb']:6.1f} MB {row['cpu_percent']:5.2f} %  {row['process']}")


if __name__ == "__main__":
    main()
