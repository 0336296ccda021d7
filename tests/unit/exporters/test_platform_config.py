"""The queries' configuration: what is right runs, what is wrong is named by file, line, query and key."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from neomon.errors import InputError
from neomon.exporters.platform.config import load_databases, load_plan, load_queries

REPOSITORY = Path(__file__).resolve().parents[3]
SHIPPED = REPOSITORY / "exporters" / "custom" / "platform.yml"
GOOD = """\
queries:
  - name: tenants
    database: main
    sql: SELECT 1 AS v;
    metrics:
      - name: tenants
        type: gauge
        help: Tenants.
        value: v
        labels: [tenant]
        constant_labels: {service: x}
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "queries.yml"
    path.write_text(text)
    return path


def test_a_good_file_with_its_defaults(tmp_path: Path) -> None:
    (query,) = load_queries(write(tmp_path, GOOD))
    assert (query.sql, query.interval_seconds, query.timeout_seconds) == ("SELECT 1 AS v", 30, 5)
    assert query.stale_after_seconds == 150
    assert query.metrics[0].labels == ("tenant",)
    assert query.metrics[0].constant_labels == {"service": "x"}


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("type: gauge", "type: guage", r"queries.yml:7: query 'tenants': metrics.0.type: Input should be 'gauge'"),
        ("    sql: SELECT 1 AS v;\n", "", r"queries.yml:2: query 'tenants': sql: Field required"),
        ("  - name: tenants\n    database", "  - database", r"queries.yml:2: query number 1: name: Field required"),
        ("sql:", "sqll:", r"queries.yml:4: query 'tenants': sqll: Extra inputs"),
        (
            "name: tenants\n        type",
            "name: ten-ants\n        type",
            r"queries.yml:6: query 'tenants': metrics.0.name",
        ),
        (
            "type: gauge",
            "type: counter",
            r"'tenants': metrics.0: tenants: counters, and only they, end in _total",
        ),
        ("{service: x}", "{tenant: x}", r"metrics.0: tenants: label tenant is given twice"),
        ("[tenant]", "[__name__]", r"queries.yml:10: query 'tenants': metrics.0.labels.0"),
        ("    sql:", "    interval_seconds: 0\n    sql:", r"queries.yml:4: query 'tenants': interval_seconds"),
        ("    sql:", "    stale_after_seconds: 3\n    sql:", r"query 'tenants': stale_after_seconds is less than"),
        ("queries:", "queries: [", r"queries.yml:2: not valid YAML"),
        (GOOD, "", r"queries.yml:1: Input should be"),
        (GOOD, "queries: []", r"queries.yml:1: queries: Tuple should have at least 1 item"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, before: str, after: str, message: str) -> None:
    assert before in GOOD
    with pytest.raises(InputError, match=message):
        load_queries(write(tmp_path, GOOD.replace(before, after, 1)))


def test_queries_must_agree(tmp_path: Path) -> None:
    second = GOOD.removeprefix("queries:\n")
    with pytest.raises(InputError, match=r"queries.yml:12: query 'tenants': name is used twice"):
        load_queries(write(tmp_path, GOOD + second))
    renamed = second.replace("name: tenants\n    d", "name: more\n    d")
    assert len(load_queries(write(tmp_path, GOOD + renamed))) == 2
    other = renamed.replace("help: Tenants.", "help: Others.")
    with pytest.raises(InputError, match=r"query 'more': metrics.0: tenants has another type or help than in"):
        load_queries(write(tmp_path, GOOD + other))


@pytest.mark.parametrize("dump", [json.dumps, yaml.safe_dump])
def test_databases_from_yaml_or_json(tmp_path: Path, dump: object) -> None:
    entry = {"address": "[::1]:5432", "user": "u", "password_file": "/p", "name": "d", "sslmode": "require"}
    path = tmp_path / "db"
    path.write_text(dump({"main": entry}))  # type: ignore[operator]
    address = load_databases(path)["main"]
    assert (address.host, address.port, address.name, address.sslmode) == ("::1", 5432, "d", "require")
    path.write_text(json.dumps({"main": {**entry, "address": "nowhere"}}))
    with pytest.raises(InputError, match=r"db:1: main.address"):
        load_databases(path)


def test_queries_of_databases_that_are_not_configured_are_skipped(tmp_path: Path) -> None:
    databases = tmp_path / "db.json"
    entry = {"address": "h:1", "user": "u", "password_file": "/p"}
    databases.write_text(json.dumps({"billing": entry}))
    plan = load_plan(SHIPPED, databases)
    assert [query.name for query in plan.runnable()] == ["invoices"]
    assert len(plan.skipped()) == 7
    databases.write_text(json.dumps({"other": entry}))
    with pytest.raises(InputError, match="they ask for databases auth, billing, tenant_manager; configured is other"):
        load_plan(SHIPPED, databases)


def test_the_program_ends_with_status_2_and_one_sentence(tmp_path: Path) -> None:
    config = write(tmp_path, GOOD.replace("gauge", "guage"))
    databases = tmp_path / "db.json"
    databases.write_text("{}")
    command = [sys.executable, "-m", "neomon.exporters.platform", "--listen", "127.0.0.1:0"]
    command += ["--config", str(config), "--databases", str(databases)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {config}:7: query 'tenants': metrics.0.type:")
    assert "Traceback" not in done.stderr


def test_the_light_start_stays_light() -> None:
    program = (
        "import sys, neomon.exporters.platform.__main__, neomon.exporters.containers.__main__\n"
        "heavy = {'pydantic', 'fastapi', 'starlette', 'sqlalchemy', 'rich', 'typer', 'yaml', 'aiohttp', 'jinja2'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
