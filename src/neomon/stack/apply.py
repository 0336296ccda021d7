"""Put a changed configuration in force, or leave everything as it was.

Render, check, swap, reload, confirm from the programs' own metrics; when any step fails the last good
configuration is put back and reloaded.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from neomon.errors import InputError, NeomonError, UnavailableError
from neomon.settings import Settings
from neomon.stack.client import ComponentClient
from neomon.stack.effective import read_effective, write_effective
from neomon.stack.generations import Generations, read_tree, unified_diff
from neomon.stack.guardian import holder_of
from neomon.stack.health import wait_healthy
from neomon.stack.ports import require_free
from neomon.stack.program import Program
from neomon.stack.render import Tree, render
from neomon.stack.supervisor import Supervisor
from neomon.stack.validate import Problem, check_alertmanager, check_blackbox, check_prometheus

_CONFIRM_SECONDS = 20.0
_RESTORE_SECONDS = 5.0
_HEALTHY_SECONDS = 30.0
_RESTORED = "the last good configuration is in force again"
_RESTARTED: dict[str, tuple[str, ...]] = {
    "node": ("exporters/node_exporter/",),
    "postgres": ("exporters/postgres_exporter/",),
    "platform": ("exporters/custom/", "exporters/databases.yml"),
}
"""Programs that read their files only at the start."""


class ApplyError(NeomonError):
    """The configuration was not put in force; the last good one still is."""

    exit_status = 2

    def __init__(self, step: str, problems: Sequence[str]) -> None:
        super().__init__(f"{step}: " + "\n".join(problems))
        self.step = step
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Applied:
    """What an apply did."""

    changed: tuple[str, ...]
    """Rendered files that differ from before."""
    reloaded: tuple[str, ...]
    """Programs that took the change over, confirmed."""
    diff: str


def preview(settings: Settings) -> str:
    """What `apply` would change, as a unified diff.

    Raises:
        InputError: A base file is broken.
    """
    generations = Generations(settings.data_dir / "config")
    return unified_diff(read_tree(generations.current()), render(settings))


async def prepare_generation(settings: Settings, tree: Tree) -> Path:
    """Write `tree` as a new generation and check it, without putting it in force.

    Raises:
        ApplyError: A check failed; the generation is gone again.
    """
    generations = Generations(settings.data_dir / "config")
    generation = generations.write(tree)
    checks = await asyncio.gather(
        check_prometheus(generation / "prometheus" / "prometheus.yml"),
        check_alertmanager(generation / "alertmanager" / "alertmanager.yml"),
        check_blackbox(generation / "exporters" / "blackbox_exporter" / "blackbox.yml"),
    )
    if problems := [problem for found in checks for problem in found]:
        texts = [str(_in_base(problem, generation, settings)) for problem in problems]
        generations.discard(generation)
        raise ApplyError("check", texts)
    return generation


def _in_base(problem: Problem, generation: Path, settings: Settings) -> Problem:
    """The problem where a person can mend it: in the base file, when the same line can be found there."""
    try:
        relative = problem.file.resolve().relative_to(generation.resolve())
        rendered = problem.file.read_text(encoding="utf-8").splitlines()
        base = settings.base_dir / relative
        lines = base.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return problem
    wanted = rendered[problem.line - 1].strip(" -") if problem.line <= len(rendered) else ""
    for number, line in enumerate(lines, 1):
        if wanted and line.strip(" -") == wanted:
            return Problem(base, number, problem.message)
    return Problem(base, 1, problem.message)


async def apply(
    settings: Settings, programs: Sequence[Program], report: Callable[[str], None] = lambda _: None
) -> Applied:
    """Render, check, swap, reload and confirm.

    Args:
        settings: The settings to put in force.
        programs: All programs of the installation, the demo's included.
        report: Called with a word for each step as it begins.

    Raises:
        ApplyError: A step failed; the configuration before is in force.
        ConflictError: A new address is taken; nothing was touched.
        InputError: A base file is broken; nothing was touched.
    """
    report("render")
    generations = Generations(settings.data_dir / "config")
    before = generations.current()
    old = read_tree(before)
    tree = render(settings)
    changed = tuple(sorted(name for name in old.keys() | tree.keys() if old.get(name) != tree.get(name)))
    concerned = tuple(sorted({*changed, *generations.pending()}))
    supervisor = Supervisor(settings)
    guardian = holder_of(supervisor.lock_file)
    if guardian is not None:
        require_free(programs, guardian)
    if changed:
        report("check")
        generation = await prepare_generation(settings, tree)
        report("swap")
        generations.expect(concerned)
        generations.activate(generation)
    reloaded: list[str] = []
    if guardian is not None:
        instructions = supervisor.config_file.read_text(encoding="utf-8")
        in_force = read_effective(settings.data_dir)
        try:
            restarting = supervisor.differing(programs)
            report("reload and confirm")
            reloaded += await _reload(settings, supervisor, concerned, restarting, _CONFIRM_SECONDS)
            report("restart what has new arguments")
            write_effective(settings)
            supervisor.write_config(programs)
            await asyncio.to_thread(supervisor.update)
            again = restarting | (set(reloaded) & _RESTARTED.keys())
            restarted = [program for program in programs if program.name in again]
            await wait_healthy(settings, restarted, seconds=_HEALTHY_SECONDS)
            reloaded += sorted(restarting)
        except (NeomonError, OSError) as error:
            if changed and before is not None:
                generations.activate(before)
                generations.discard(generation)
            restored = await _restore(in_force, supervisor, instructions, concerned)
            if restored == _RESTORED:
                generations.confirmed()
            raise ApplyError("reload", [str(error), restored]) from error
    generations.confirmed()
    return Applied(changed, tuple(dict.fromkeys(reloaded)), unified_diff(old, tree))


async def _restore(settings: Settings, supervisor: Supervisor, instructions: str, concerned: Sequence[str]) -> str:
    """Give the programs the configuration back that `settings` and `instructions` are of; returns what came of it."""
    try:
        write_effective(settings)
        restarted: list[str] = []
        if supervisor.config_file.read_text(encoding="utf-8") != instructions:
            supervisor.restore_config(instructions)
            restarted = await asyncio.to_thread(supervisor.update)
        await _reload(settings, supervisor, concerned, frozenset(restarted), _RESTORE_SECONDS)
    except NeomonError as error:
        # A program that is down reads the restored files when it comes back; one that hangs is reloaded by the next
        # apply, since the files are still noted as pending.
        return f"the last good configuration is in place again, but not everything has taken it over: {error}"
    return _RESTORED


async def _reload(
    settings: Settings, supervisor: Supervisor, changed: Sequence[str], restarting: frozenset[str], seconds: float
) -> list[str]:
    """Make the programs concerned take the files over, each within `seconds`; returns their names.

    Those that are about to be restarted read the files then.
    """
    done = []
    async with ComponentClient(settings) as client:
        for name in ("prometheus", "alertmanager"):
            if name not in restarting and any(file.startswith(f"{name}/") for file in changed):
                await _reload_and_confirm(client, settings.url(name), name, seconds)
                done.append(name)
        blackbox = any(file.startswith("exporters/blackbox_exporter/") for file in changed)
        if blackbox and "blackbox" not in restarting:
            await _post_reload(client, settings.url("blackbox"), "blackbox", seconds)
            done.append("blackbox")
    processes = supervisor.processes()
    for name, prefixes in _RESTARTED.items():
        concerned = name in processes and name not in restarting
        if concerned and any(file.startswith(prefixes) for file in changed):
            await asyncio.to_thread(supervisor.restart, name)
            done.append(name)
    return done


async def _post_reload(client: ComponentClient, url: str, name: str, seconds: float) -> None:
    answer = await client.request("POST", f"{url}/-/reload", seconds=seconds)
    if answer.status != 200:
        raise InputError(f"{name} refused the configuration: {answer.text.strip()}")


async def _reload_and_confirm(client: ComponentClient, url: str, name: str, seconds: float) -> None:
    asked_at = time.time()
    await _post_reload(client, url, name, seconds)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        metrics = (await client.get(f"{url}/metrics")).text
        succeeded = _metric(metrics, f"{name}_config_last_reload_successful")
        at = _metric(metrics, f"{name}_config_last_reload_success_timestamp_seconds")
        if succeeded == 1 and at is not None and at >= int(asked_at):
            return
        if succeeded == 0:
            raise InputError(f"{name} reports that its last reload failed; see its log")
        await asyncio.sleep(0.1)
    raise UnavailableError(f"{name} did not confirm the reload within {seconds:g} s")


def _metric(exposition: str, name: str) -> float | None:
    match = re.search(rf"^{re.escape(name)} (\S+)$", exposition, re.MULTILINE)
    return float(match[1]) if match else None
