from pathlib import Path

import pytest

from neomon.stack.validate import check_alertmanager, check_blackbox, check_prometheus, check_rules
from neomon.stack.validate import test_rules as run_rule_tests

GOOD_RULES = """groups:
  - name: g
    rules:
      - alert: Good
        expr: up == 0
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (GOOD_RULES + "      - alert: Bad\n        expr: up ==\n", 7, "unexpected end of input"),
        (GOOD_RULES + "        colour: red\n", 6, "field colour not found"),
        (GOOD_RULES + "      - alert: Tpl\n        expr: up\n        annotations: {a: '{{ x'}\n", 6, "template"),
    ],
)
async def test_a_broken_rule_is_found_at_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    problems = await check_rules([write(tmp_path / "rules.yml", text)])
    assert len(problems) == 1
    assert (problems[0].file, problems[0].line) == (tmp_path / "rules.yml", line)
    assert words in problems[0].message


async def test_good_files_have_no_problem(tmp_path: Path) -> None:
    assert await check_rules([write(tmp_path / "rules.yml", GOOD_RULES)]) == []


async def test_a_broken_rule_is_found_through_the_configuration_that_loads_it(tmp_path: Path) -> None:
    write(tmp_path / "rules.yml", GOOD_RULES + "      - alert: Bad\n        expr: up ==\n")
    problems = await check_prometheus(write(tmp_path / "prometheus.yml", "rule_files: [rules.yml]\n"))
    assert [(problem.file.name, problem.line) for problem in problems] == [("rules.yml", 7)]


async def test_an_unknown_receiver_is_found_at_its_line(tmp_path: Path) -> None:
    config = write(tmp_path / "am.yml", "route:\n  receiver: nobody\nreceivers:\n  - name: somebody\n")
    problems = await check_alertmanager(config)
    assert [(problem.line, "nobody" in problem.message) for problem in problems] == [(2, True)]


async def test_a_broken_blackbox_module_is_found(tmp_path: Path) -> None:
    problems = await check_blackbox(write(tmp_path / "blackbox.yml", "modules:\n  a:\n    prober: http\n    foo: 1\n"))
    assert [problem.line for problem in problems] == [4]


async def test_a_failing_rule_test_is_reported(tmp_path: Path) -> None:
    write(tmp_path / "rules.yml", GOOD_RULES)
    tests = """rule_files: [rules.yml]
tests:
  - interval: 1m
    input_series:
      - series: up
        values: 1 1 1
    alert_rule_test:
      - eval_time: 2m
        alertname: Good
        exp_alerts:
          - exp_labels: {}
"""
    problems = await run_rule_tests([write(tmp_path / "tests.yml", tests)])
    assert problems
    assert all("Good" in problem.message for problem in problems)
    assert problems[0].line == 9
