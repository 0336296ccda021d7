"""`neomon check`: everything a person writes, validated at once, each problem with its file and line."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from neomon.errors import InputError, NeomonError
from neomon.settings import Settings
from neomon.stack.apply import ApplyError, prepare_generation
from neomon.stack.generations import Generations
from neomon.stack.render import RULE_FILES, load_yaml, render
from neomon.stack.validate import Problem, check_alertmanager, check_blackbox, check_prometheus, check_rules, test_rules


async def check_configuration(settings: Settings) -> list[Problem]:
    """Check the base files by the programs' own tools, run the rules' unit tests, then check what is rendered."""
    prometheus = settings.base_dir / "prometheus"
    unreadable = _yaml_problems(settings.base_dir)
    if unreadable:
        return unreadable
    groups = await asyncio.gather(
        check_prometheus(prometheus / "prometheus.yml"),
        check_rules([prometheus / name for name in RULE_FILES]),
        test_rules(sorted((prometheus / "tests").glob("*.yml"))),
        check_alertmanager(settings.base_dir / "alertmanager" / "alertmanager.yml"),
        check_blackbox(settings.base_dir / "exporters" / "blackbox_exporter" / "blackbox.yml"),
    )
    problems = [problem for group in groups for problem in group]
    if not problems:
        problems += await _check_rendered(settings)
    return list(dict.fromkeys(problems))


def _yaml_problems(base: Path) -> list[Problem]:
    problems = []
    for folder in ("prometheus", "alertmanager", "exporters"):
        for path in sorted((base / folder).rglob("*.y*ml")):
            try:
                load_yaml(path)
            except InputError as error:
                _, line, message = str(error).removeprefix(str(path)).split(":", 2)
                problems.append(Problem(path, int(line), message.strip()))
    return problems


async def _check_rendered(settings: Settings) -> list[Problem]:
    """What only the rendered files can show, such as a setting that makes a valid file invalid."""
    generations = Generations(settings.data_dir / "config")
    try:
        generations.discard(await prepare_generation(settings, render(settings)))
    except ApplyError as error:
        return [_problem(text, settings.base_dir) for text in error.problems]
    except NeomonError as error:
        return [_problem(str(error), settings.base_dir)]
    return []


def _problem(text: str, base: Path) -> Problem:
    match = re.match(r"(?P<file>[^:]+):(?P<line>\d+): (?P<message>.*)", text, re.DOTALL)
    return Problem(Path(match["file"]), int(match["line"]), match["message"]) if match else Problem(base, 1, text)
