"""Checks by the programs' own tools, each problem with the file and line it is in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 120
_AT_START = re.compile(r"^(?P<file>\S+\.(?:ya?ml|tmpl)): (?P<line>\d+):\d+: ")
_IN_YAML = re.compile(r"\bline (?P<line>\d+):")
_NAMED_FILE = re.compile(r"([^\s\"']+\.(?:ya?ml|tmpl))")
_QUOTED = re.compile(r'"([^"\\]+)"')


@dataclass(frozen=True)
class Problem:
    """Something a person must mend."""

    file: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


async def check_prometheus(config: Path) -> list[Problem]:
    """`promtool check config`, which reads the rule files too."""
    status, output = await _run("promtool", "check", "config", str(config))
    return _problems(output, config) if status else []


async def check_rules(files: Sequence[Path]) -> list[Problem]:
    """`promtool check rules`."""
    found = await asyncio.gather(*(_check_rule_file(path) for path in files))
    return [problem for problems in found for problem in problems]


async def _check_rule_file(path: Path) -> list[Problem]:
    status, output = await _run("promtool", "check", "rules", str(path))
    return _problems(output, path) if status else []


async def test_rules(files: Sequence[Path]) -> list[Problem]:
    """`promtool test rules` on each file of unit tests."""
    if not files:
        return []
    found = await asyncio.gather(*(_test_rule_file(path) for path in files))
    return [problem for problems in found for problem in problems]


async def _test_rule_file(path: Path) -> list[Problem]:
    status, output = await _run("promtool", "test", "rules", str(path))
    if not status:
        return []
    failures = [line.strip() for line in output.splitlines() if "alertname:" in line or "expr:" in line]
    if not failures:
        return _problems(output, path)
    return [Problem(path, _line_of(path, failure), f"rule test failed: {failure}") for failure in failures]


async def check_alertmanager(config: Path) -> list[Problem]:
    """`amtool check-config`, which reads the templates too."""
    status, output = await _run("amtool", "check-config", str(config))
    return _problems(output, config) if status else []


async def check_blackbox(config: Path) -> list[Problem]:
    """`blackbox_exporter --config.check`."""
    status, output = await _run("prometheus-blackbox-exporter", f"--config.file={config}", "--config.check")
    return _problems(output, config) if status else []


async def _run(*command: str) -> tuple[int, str]:
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
    except FileNotFoundError:
        return 127, f"FAILED: {command[0]} is not installed; run ./scripts/setup.sh"
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        return 124, f"FAILED: {command[0]} gave no verdict within {_SECONDS} s"
    return process.returncode or 0, output.decode(errors="replace")


def _problems(output: str, checked: Path) -> list[Problem]:
    """Problems in the output of promtool, amtool or an exporter's check of the file `checked`."""
    messages = _messages(output)
    return [_located(message, checked) for message in messages] or [Problem(checked, 1, output.strip()[-500:])]


def _messages(output: str) -> list[str]:
    found = []
    wanted = False
    subject = ""
    for line in output.splitlines():
        text = line.strip()
        if "FAILED" in text:
            wanted = True
            text = text.split("FAILED", 1)[1].lstrip(": ").removeprefix("error:").strip()
        elif text.startswith(("Checking ", "SUCCESS", "Found:", "- ", "amtool: error")) or text.endswith(" SUCCESS"):
            wanted = False
        elif match := re.search(r'level=error .*?err="((?:[^"\\]|\\.)*)"', text):
            found.append(match[1].replace('\\"', '"').replace("\\n", " "))
        if wanted and text.endswith("unmarshal errors:"):
            # The lines below say what is wrong with the file named here.
            subject = next((f"{name}: " for name in _NAMED_FILE.findall(text)), "")
        elif wanted and text:
            found.append(subject + text if text.startswith("line ") else text)
    return found


def _located(message: str, checked: Path) -> Problem:
    file = next((path for path in map(Path, _NAMED_FILE.findall(message)) if path.is_file()), checked)
    sentence = message.removeprefix(f"parsing YAML file {file}: ")
    if match := _AT_START.match(message):
        return Problem(file, int(match["line"]), message[match.end() :])
    sentence = sentence.removeprefix(f"{file}: ")
    if match := _IN_YAML.search(sentence):
        return Problem(file, int(match["line"]), sentence)
    return Problem(file, _line_of(file, sentence), sentence)


def _line_of(file: Path, message: str) -> int:
    """The first line of `file` that holds the last quoted word of `message` found in it; 1 when none is."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 1
    words = [word for word in _QUOTED.findall(message) if not word.endswith((".yml", ".yaml"))]
    words += re.findall(r"alertname: (\w+)", message) + re.findall(r'rule \d+, "([^"]+)"', message)
    for word in reversed(words):
        for number, line in enumerate(lines, 1):
            if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", line):
                return number
    return 1
