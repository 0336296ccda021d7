"""The whole way of an alert: a real fault in the demo, Prometheus, Alertmanager, a mail server, a webhook; and back.

Intervals are shortened by settings (see `support.stack.FAST`); nothing else differs from `neomon up --demo`.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from support.stack import Stack
from support.waiting import eventually


@pytest.fixture
def healed(demo_stack: Stack) -> Iterator[Stack]:
    """The demo, mended again after the test."""
    yield demo_stack
    demo_stack.run("demo", "heal", "all")


def inbox(stack: Stack) -> list[dict[str, Any]]:
    """What people received."""
    messages: list[dict[str, Any]] = json.loads(stack.run("demo", "inbox", "--json").stdout)
    return messages


def subjects(stack: Stack, kind: str) -> list[str]:
    return [message["subject"] for message in inbox(stack) if message["kind"] == kind]


def delivered(stack: Stack, alert: str, status: str) -> list[dict[str, Any]]:
    """Webhook messages about an alert."""
    return [
        message
        for message in stack.notifications()
        if message["status"] == status
        and any(item["labels"]["alertname"] == alert for item in message["payload"]["alerts"])
    ]


def test_everything_of_the_demo_is_healthy_and_scraped(demo_stack: Stack) -> None:
    rows = demo_stack.status()
    assert len(rows) == 19
    assert {row["condition"] for row in rows.values()} == {"healthy"}

    def services() -> bool:
        found = {s["metric"]["service"] for s in demo_stack.query('up{job="services"} == 1')}
        return found == {"api-gateway", "auth-service", "tenant-manager", "stack-deployer", "shop", "crm", "wiki"}

    eventually(services, "all services are scraped", 60, pause=0.5)
    tenants = {s["metric"]["tenant"] for s in demo_stack.query('up{job="services", tenant!=""}')}
    assert tenants == {"acme", "globex", "initech"}
    eventually(lambda: not demo_stack.query("up == 0"), "every target is up", 60, pause=0.5)


def test_no_rule_fails_and_no_alert_fires_without_a_fault(demo_stack: Stack) -> None:
    groups = demo_stack.get("prometheus", "/api/v1/rules")["data"]["groups"]
    broken = {rule["name"]: rule["lastError"] for group in groups for rule in group["rules"] if rule.get("lastError")}
    assert broken == {}

    def calm() -> bool:
        return demo_stack.alert_states("Watchdog") == {"firing"}

    eventually(calm, "the Watchdog fires, always", 30)
    alerts = demo_stack.get("prometheus", "/api/v1/alerts")["data"]["alerts"]
    firing = {a["labels"]["alertname"] for a in alerts if a["state"] == "firing"}
    unexpected = firing - {"Watchdog", "ServiceDeployed", "ConfigurationChanged", "BackupCompleted"}
    assert not unexpected


def test_the_watchdog_reaches_the_dead_mans_switch(demo_stack: Stack) -> None:
    def beat() -> float:
        beats: dict[str, float] = demo_stack.get("neomon", "/api/v1/heartbeats", user="admin", secret="admin.password")
        return beats.get("watchdog", 0)

    assert eventually(beat, "a heartbeat", 60, pause=0.5)


def test_a_service_that_goes_down_is_pending_firing_delivered_and_resolved(healed: Stack) -> None:
    eventually(lambda: healed.query('up{service="auth-service", job="services"} == 1'), "up before", 60, pause=0.5)
    healed.run("demo", "break", "down")
    eventually(lambda: healed.alert_states("ServiceDown"), "pending or firing", 60)
    eventually(lambda: healed.alert_states("ServiceDown") == {"firing"}, "firing", 60)

    def grouped() -> list[Any]:
        groups = healed.get("alertmanager", "/api/v2/alerts/groups")
        return [g for g in groups if any(a["labels"]["alertname"] == "ServiceDown" for a in g["alerts"])]

    group = eventually(grouped, "grouped by Alertmanager", 30)[0]
    assert group["labels"]["service"] == "auth-service"

    first = eventually(lambda: delivered(healed, "ServiceDown", "firing"), "the webhook", 60)[-1]
    alert = first["payload"]["alerts"][0]
    assert first["receiver"] == "critical"
    assert alert["labels"]["severity"] == "critical"
    assert alert["labels"]["environment"] == "demo"
    assert alert["annotations"]["runbook_url"].endswith("/docs/alerting#servicedown")
    mail = eventually(lambda: [s for s in subjects(healed, "mail") if "ServiceDown" in s], "the mail", 60, pause=0.5)
    assert "CRITICAL" in mail[0]
    assert "auth-service" in mail[0]
    assert any("ServiceDown" in subject for subject in subjects(healed, "chat"))

    def held_back() -> bool:
        alerts = healed.get("alertmanager", "/api/v2/alerts")
        return {a["status"]["state"] for a in alerts if a["labels"]["alertname"] == "ProbeFailed"} == {"suppressed"}

    # What follows from the outage pages nobody a second time.
    eventually(held_back, "the failed probe fires, and is held back", 60)
    assert not delivered(healed, "ProbeFailed", "firing")

    healed.run("demo", "heal", "down")
    eventually(lambda: not healed.alert_states("ServiceDown"), "no longer firing", 90)
    resolved = eventually(lambda: delivered(healed, "ServiceDown", "resolved"), "resolved, by webhook", 90)
    assert resolved[0]["payload"]["alerts"][0]["status"] == "resolved"
    eventually(
        lambda: [s for s in subjects(healed, "mail") if "ServiceDown" in s and "RESOLVED" in s],
        "resolved, by mail",
        60,
        pause=0.5,
    )


def test_errors_of_one_tenant_are_an_alert_of_that_tenant_alone(healed: Stack) -> None:
    healed.run("demo", "break", "tenant-errors")
    message = eventually(lambda: delivered(healed, "HighErrorRate", "firing"), "the webhook", 200, pause=0.5)[-1]
    assert {alert["labels"]["tenant"] for alert in message["payload"]["alerts"]} == {"acme"}
    assert message["payload"]["groupLabels"]["tenant"] == "acme"


def test_a_deployment_is_told_and_pages_nobody(healed: Stack) -> None:
    mails = len(subjects(healed, "mail"))
    healed.run("demo", "break", "deploy")
    message = eventually(lambda: delivered(healed, "ServiceDeployed", "firing"), "the webhook", 120, pause=0.5)[-1]
    assert message["receiver"] == "info"
    assert not [s for s in subjects(healed, "mail")[mails:] if "ServiceDeployed" in s]


def test_every_panel_of_every_dashboard_has_an_answer(demo_stack: Stack) -> None:
    ran = demo_stack.run("dashboards", "check", "--wait", "90", check=False, seconds=180)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_killed_processes_of_the_demo_are_back_and_nothing_is_lost(demo_stack: Stack) -> None:
    def invoices() -> float:
        return float(demo_stack.query("sum(billing_invoices_total)")[0]["value"][1])

    before, count = demo_stack.status(), invoices()
    oldest = demo_stack.query("prometheus_tsdb_lowest_timestamp_seconds")[0]["value"][1]
    for name in ("demo-postgres", "demo-redis", "demo-tenant-manager", "demo-load", "prometheus", "platform"):
        os.kill(before[name]["pid"], signal.SIGKILL)

    def back() -> bool:
        rows = demo_stack.status()
        return all(row["condition"] == "healthy" for row in rows.values()) and all(
            rows[name]["pid"] != before[name]["pid"] for name in ("demo-postgres", "prometheus")
        )

    eventually(back, "all are back", 60, pause=0.5)
    assert demo_stack.status()["demo-postgres"]["restarts"] == before["demo-postgres"]["restarts"] + 1
    eventually(lambda: demo_stack.query("billing_invoices_total") and invoices() >= count, "the figures", 60, pause=0.5)
    assert demo_stack.query("prometheus_tsdb_lowest_timestamp_seconds")[0]["value"][1] == oldest
