"""prometheus/: configuration, rules, their promtool tests and the runbook hold together."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import prometheus_files as files
import pytest
import yaml

ALERTS = files.alerts()
RECORDED = [rule["record"] for rule in files.rules("recording_rules.yml")]
EXPECTATIONS = files.expectations()
SECTIONS = files.runbook_sections()
JOBS: list[dict[str, Any]] = files.read(files.PROMETHEUS / "prometheus.yml")["scrape_configs"]
KUBERNETES_JOBS: list[dict[str, Any]] = files.read(files.PROMETHEUS / "kubernetes_scrape.yml")["scrape_configs"]
LIMITS = (
    "sample_limit",
    "target_limit",
    "body_size_limit",
    "label_limit",
    "label_name_length_limit",
    "label_value_length_limit",
)
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])


def test_configuration_and_rules_are_valid_in_place() -> None:
    done = files.promtool("check", "config", "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rule files found" in done.stdout
    lint = files.promtool("check", "rules", "--lint=all", "--lint-fatal", "recording_rules.yml", "alerting_rules.yml")
    assert lint.returncode == 0, lint.stdout + lint.stderr


@pytest.mark.parametrize("path", files.test_files(), ids=lambda path: path.stem)
def test_promtool(path: Path) -> None:
    done = files.promtool("test", "rules", path.name, directory=path.parent)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("job", JOBS + KUBERNETES_JOBS, ids=lambda job: job["job_name"])
def test_every_job_is_limited(job: dict[str, Any]) -> None:
    assert [limit for limit in LIMITS if not job.get(limit)] == []


def test_every_shipped_target_carries_the_common_labels() -> None:
    shipped = sorted((files.PROMETHEUS / "targets").rglob("*.yml"))
    named = {pattern for job in JOBS for discovery in job["file_sd_configs"] for pattern in discovery["files"]}
    assert {str(path.relative_to(files.PROMETHEUS)) for path in shipped} - named == {"targets/custom/example.yml"}
    for path in shipped:
        for group in files.read(path):
            assert group["labels"].keys() >= {"service", "environment"}, path


@each_alert
def test_alert_is_labelled_and_annotated(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning", "info", "none"}
    annotations = alert["annotations"]
    assert annotations.keys() == {"summary", "description", "runbook_url", "dashboard_url"}
    assert annotations["runbook_url"] == f"http://localhost:8080/docs/alerting#{alert['alert'].lower()}"
    assert annotations["dashboard_url"].startswith("http://localhost:8080/d/")
    # What is absent has no value to speak of but 0.
    assert "$value" in annotations["description"] or "absent(" in alert["expr"]


@each_alert
def test_alert_is_tested_firing_silent_and_resolving(alert: dict[str, Any]) -> None:
    entries = EXPECTATIONS.get(alert["alert"], [])
    firing = [entry for entry in entries if entry.alerts]
    assert firing, "no test sees it fire"
    if alert["expr"] == "vector(1)":
        return
    after = {(entry.file, entry.case): entry.position for entry in firing}
    silent = [entry for entry in entries if not entry.alerts]
    assert any(entry.position < after.get((entry.file, entry.case), -1) for entry in silent), "no test sees it wait"
    assert any(entry.position > after.get((entry.file, entry.case), 99) for entry in silent), "no test sees it resolve"


@each_alert
def test_alert_fires_with_a_service_and_known_links(alert: dict[str, Any]) -> None:
    for entry in EXPECTATIONS[alert["alert"]]:
        for expected in entry.alerts:
            assert expected["exp_labels"].get("service"), entry
            dashboard = re.match(
                r"http://localhost:8080/d/([a-z-]+)(\?|$)", expected["exp_annotations"]["dashboard_url"]
            )
            assert dashboard is not None, entry
            assert dashboard[1] in files.DASHBOARDS, entry
            assert "<no value>" not in str(expected), entry


@each_alert
def test_alert_has_a_runbook_section(alert: dict[str, Any]) -> None:
    section = SECTIONS[alert["alert"]]
    for part in ("**Meaning.**", "**Impact.**", "**Diagnosis.**", "**Remedy.**"):
        assert part in section
    assert files.promql_blocks(section)


def test_runbook_and_rules_name_the_same_alerts() -> None:
    names = [alert["alert"] for alert in ALERTS]
    assert len(names) == len(set(names))
    assert set(SECTIONS) == set(names)
    table = re.findall(r"^\| \[(\w+)\]\(#(\w+)\)", files.RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sorted(name for name, _ in table) == sorted(names)
    assert all(anchor == name.lower() for name, anchor in table)


def test_severities_of_the_runbook_are_those_of_the_rules() -> None:
    for alert in ALERTS:
        assert f"*{alert['labels']['severity']}*" in SECTIONS[alert["alert"]].strip().splitlines()[0]


def test_queries_of_the_runbook_parse(tmp_path: Path) -> None:
    queries = files.promql_blocks(files.RUNBOOK.read_text(encoding="utf-8"))
    group = {"name": "runbook", "rules": [{"record": f"query:{i}", "expr": q} for i, q in enumerate(queries)]}
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": [group]}), encoding="utf-8")
    done = files.promtool("check", "rules", "--lint=none", "queries.yml", directory=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", RECORDED)
def test_recording_rule_is_well_named_and_tested(name: str) -> None:
    assert re.fullmatch(r"[a-z_]+:[a-z][a-z0-9_]*:[a-z0-9_]+", name)
    tested = (files.PROMETHEUS / "tests" / "recording.yml").read_text(encoding="utf-8")
    assert re.search(rf"{name}\b", tested)


def test_alerts_and_runbook_only_use_series_that_are_recorded() -> None:
    text = "\n".join(alert["expr"] for alert in ALERTS) + files.RUNBOOK.read_text(encoding="utf-8")
    used = set(re.findall(r"\b(?:service|instance|datname|name|platform)[a-z_]*:[a-z][a-z0-9_]*:[a-z0-9_]+", text))
    assert used
    assert used - set(RECORDED) == set()
