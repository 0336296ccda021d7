"""What every component is doing now."""

from __future__ import annotations

import asyncio
import enum
import functools
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from neomon.errors import UnavailableError
from neomon.settings import Settings
from neomon.stack.client import ComponentClient
from neomon.stack.ports import split_address
from neomon.stack.program import HttpHealth, Program, TcpHealth
from neomon.stack.supervisor import ProcessState, Supervisor
from neomon.version import neomon_version

_PROBE_SECONDS = 3.0


class Condition(enum.StrEnum):
    """How a component is, from best to worst."""

    HEALTHY = "healthy"
    STARTING = "starting"
    UNHEALTHY = "unhealthy"
    DOWN = "down"


@dataclass(frozen=True)
class ComponentStatus:
    """One row of `neomon status`."""

    name: str
    condition: Condition
    version: str
    pid: int | None
    uptime_seconds: float
    address: str
    memory_bytes: int
    """Resident memory of the process and its children."""
    restarts: int
    """Unexpected ends since the supervisor's log began."""
    last_error: str
    """Why it is not healthy now, or how it last ended unexpectedly."""


async def stack_status(settings: Settings, programs: Sequence[Program]) -> list[ComponentStatus]:
    """State of all programs; components of a stack that is not running are down."""
    supervisor = Supervisor(settings)
    try:
        processes = supervisor.processes()
    except UnavailableError:
        processes = {}
    exits = supervisor.exits()
    async with ComponentClient(settings) as client:
        probes = await asyncio.gather(*(_probe(client, program, processes.get(program.name)) for program in programs))
    versions = await asyncio.gather(*(asyncio.to_thread(program_version, program) for program in programs))
    rows = []
    for program, problem, program_release in zip(programs, probes, versions, strict=True):
        process = processes.get(program.name)
        ended = exits.get(program.name, [])
        last = f"{ended[-1].reason} at {ended[-1].time}" if ended else ""
        rows.append(
            ComponentStatus(
                name=program.name,
                condition=_condition(process, problem),
                version=program_release,
                pid=process.pid if process else None,
                uptime_seconds=process.uptime if process else 0.0,
                address=program.address or "",
                memory_bytes=_memory(process.pid) if process and process.pid else 0,
                restarts=len(ended),
                last_error="; ".join(text for text in (problem, last) if text),
            )
        )
    return rows


async def _probe(client: ComponentClient, program: Program, process: ProcessState | None) -> str:
    """Why the program is not healthy; empty when it is."""
    if process is None:
        return "not running"
    if process.state not in ("RUNNING", "STARTING"):
        return f"{process.state.lower()}: {process.error}" if process.error else process.state.lower()
    match program.health:
        case HttpHealth(url, authenticated):
            try:
                answer = await client.get(url, authenticated=authenticated, seconds=_PROBE_SECONDS)
            except UnavailableError as error:
                return str(error)
            return "" if answer.status == 200 else f"{url} answers {answer.status}: {answer.text.strip()[:120]}"
        case TcpHealth() if program.address:
            return await _connect(program.address)
        case _:
            return "" if process.state == "RUNNING" else "starting"


async def _connect(address: str) -> str:
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(*split_address(address)), _PROBE_SECONDS)
    except (OSError, TimeoutError) as error:
        return f"{address}: {error.strerror if isinstance(error, OSError) else 'no answer'}"
    writer.close()
    return ""


def _condition(process: ProcessState | None, problem: str) -> Condition:
    if process is None or process.pid is None:
        return Condition.DOWN
    if not problem:
        return Condition.HEALTHY
    return Condition.STARTING if process.uptime < 30 else Condition.UNHEALTHY


def _memory(pid: int) -> int:
    total = 0
    try:
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            total += member.memory_info().rss
    except psutil.Error:
        return total
    return total


def program_version(program: Program) -> str:
    """The program's own word for its version; neomon's for its own processes."""
    if program.version_command is None:
        return neomon_version() if program.own else ""
    return _version_of(program.version_command)


@functools.cache
def _version_of(command: tuple[str, ...]) -> str:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r"\d+\.\d+(\.\d+)?", ran.stdout + ran.stderr)
    return match[0] if match else ""
