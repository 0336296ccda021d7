"""Which receivers hear of which alert. The table is documentation too: docs/notifications.md points here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.alertmanager import BASE, base_config, routes

CONFIG = BASE / "alertmanager.yml"

# (labels as amtool takes them, receivers in order)
ROUTES = [
    # Platform services, by severity.
    ("alertname=ServiceDown severity=critical service=api-gateway environment=demo", "critical"),
    ("alertname=HighErrorRate severity=critical service=auth-service environment=demo", "critical"),
    ("alertname=HighLatency severity=critical service=tenant-manager environment=production", "critical"),
    ("alertname=ErrorBudgetBurnFast severity=critical service=stack-deployer", "critical"),
    ("alertname=DiskSpaceCritical severity=critical service=node instance=10.0.0.4:9100 mountpoint=/", "critical"),
    ("alertname=MemoryCritical severity=critical service=node instance=10.0.0.4:9100", "critical"),
    ("alertname=PostgresDown severity=critical service=postgresql", "critical"),
    ("alertname=RedisDown severity=critical service=redis", "critical"),
    ("alertname=ApiGatewayAbsent severity=critical service=api-gateway", "critical"),
    ("alertname=HighCpu severity=warning service=node instance=10.0.0.4:9100", "warning"),
    ("alertname=DiskSpaceLow severity=warning service=node mountpoint=/var", "warning"),
    ("alertname=CertificateExpiring severity=warning service=api-gateway instance=localhost:8143", "warning"),
    ("alertname=DatabaseConnectionsHigh severity=warning service=postgresql", "warning"),
    ("alertname=LdapSyncFailed severity=warning service=auth-service", "warning"),
    ("alertname=BackupStale severity=warning service=postgresql database=billing", "warning"),
    # Events: recorded always, told in chat when nobody sleeps, never mailed.
    ("alertname=ServiceDeployed severity=info service=api-gateway version=2.4.1", "info,info-chat"),
    ("alertname=ConfigurationChanged severity=info service=auth-service", "info,info-chat"),
    ("alertname=BackupCompleted severity=info service=postgresql database=billing", "info,info-chat"),
    # Tenants' stacks take the same ways.
    ("alertname=HighErrorRate severity=critical service=shop tenant=acme", "critical"),
    ("alertname=HighLatency severity=warning service=crm tenant=globex", "warning"),
    ("alertname=OrderPlaced severity=info service=shop tenant=acme", "info,info-chat"),
    # The monitoring about itself: without neomon, whatever the severity.
    ("alertname=NeomonDown severity=critical scope=monitoring service=neomon", "monitoring-plain"),
    ("alertname=PrometheusRuleFailures severity=warning scope=monitoring service=prometheus", "monitoring-plain"),
    ("alertname=AlertmanagerNotificationsFailing severity=critical scope=monitoring", "monitoring-plain"),
    ("alertname=ExporterDown severity=warning scope=monitoring service=redis", "monitoring-plain"),
    ("alertname=PrometheusConfigReloadFailed severity=info scope=monitoring", "monitoring-plain"),
    # The heartbeat, and only the platform's own.
    ("alertname=Watchdog severity=none scope=monitoring environment=demo", "dead-mans-switch"),
    ("alertname=Watchdog severity=none scope=monitoring tenant=acme", "nobody"),
    ("alertname=Watchdog severity=critical scope=monitoring tenant=acme", "critical"),
    # A tenant can't pass its alerts off as the monitoring's.
    ("alertname=NeomonDown severity=warning scope=monitoring tenant=globex", "warning"),
    # Unforeseen severities are heard; `none` is meant not to be.
    ("alertname=SomethingNew service=api-gateway", "warning"),
    ("alertname=SomethingNew severity=page service=api-gateway", "warning"),
    ("alertname=SomethingNew severity=none service=api-gateway", "nobody"),
]


def _verify(config: Path, labels: str, receivers: str) -> subprocess.CompletedProcess[str]:
    command = ["amtool", "config", "routes", "test", f"--config.file={config}", f"--verify.receivers={receivers}"]
    return subprocess.run([*command, *labels.split()], capture_output=True, text=True)


@pytest.mark.parametrize(("labels", "receivers"), ROUTES, ids=[labels for labels, _ in ROUTES])
def test_alert_reaches_its_receivers(labels: str, receivers: str) -> None:
    done = _verify(CONFIG, labels, receivers)
    assert done.returncode == 0, done.stdout + done.stderr


def test_amtool_notices_a_wrong_receiver() -> None:
    assert _verify(CONFIG, "severity=critical", "info").returncode != 0


def test_configuration_is_valid_where_it_lies() -> None:
    done = subprocess.run(["amtool", "check-config", str(CONFIG)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_group_is_of_one_tenant() -> None:
    root = base_config()["route"]
    assert "tenant" in root["group_by"]
    assert all("tenant" in route["group_by"] for route in routes(root) if "group_by" in route)


def test_every_inhibition_stays_within_tenant_and_environment() -> None:
    for rule in base_config()["inhibit_rules"]:
        assert {"tenant", "environment"} <= set(rule["equal"]), rule


def test_every_inhibition_needs_a_label_that_says_what_is_meant() -> None:
    for rule in base_config()["inhibit_rules"]:
        demanded = {matcher.partition("!=")[0] for matcher in rule["source_matchers"] if matcher.endswith('!=""')}
        assert demanded & set(rule["equal"]), f"would match alerts that merely lack the same labels: {rule}"


def test_only_people_are_spared_at_night() -> None:
    config = base_config()
    muted = [route["receiver"] for route in routes(config["route"]) if "mute_time_intervals" in route]
    assert muted == ["info-chat"]
    used = {name for route in routes(config["route"]) for name in route.get("mute_time_intervals", [])}
    assert used == {interval["name"] for interval in config["time_intervals"]}


def test_receivers_for_the_monitoring_itself_do_not_need_neomon() -> None:
    plain = next(receiver for receiver in base_config()["receivers"] if receiver["name"] == "monitoring-plain")
    assert "webhook_configs" not in plain
    assert "neo." not in str(plain), "templates could be broken too"


def test_secrets_come_from_files() -> None:
    text = CONFIG.read_text(encoding="utf-8")
    for key in ("smtp_auth_password:", "auth_password:", "api_url:", "slack_api_url:", "credentials:", "password:"):
        assert key not in text
