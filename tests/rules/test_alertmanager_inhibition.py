"""Which alerts silence which others, in a running Alertmanager: what must be suppressed, and what must not be.

Every pair of cause and target lives in an environment of its own (inhibition never crosses environments), so one
Alertmanager serves all and no third alert can be the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from support.alertmanager import Alertmanager, alert, base_config, running
from support.waiting import eventually

Labels = dict[str, str]


@dataclass(frozen=True)
class Case:
    """A firing alert, what it silences, and what stays heard though it looks similar."""

    name: str
    cause: str
    silenced: tuple[str, ...]
    heard: tuple[str, ...]


CASES = [
    Case(
        "critical over warning and info of one name",
        "alertname=QueueLong severity=critical service=shop tenant=acme instance=a:1",
        (
            "alertname=QueueLong severity=warning service=shop tenant=acme instance=a:1",
            "alertname=QueueLong severity=info service=shop tenant=acme instance=a:1",
        ),
        (
            "alertname=QueueLong severity=warning service=shop tenant=globex instance=a:1",
            "alertname=QueueLong severity=warning service=shop instance=a:1",
            "alertname=QueueLong severity=warning service=crm tenant=acme instance=a:1",
            "alertname=QueueLong severity=warning service=shop tenant=acme instance=b:1",
            "alertname=QueueLong severity=warning service=shop tenant=acme",
            "alertname=QueueShort severity=warning service=shop tenant=acme instance=a:1",
        ),
    ),
    Case(
        "critical over warning, told apart by other labels",
        "alertname=HighLatency severity=critical service=api-gateway route=/login",
        ("alertname=HighLatency severity=warning service=api-gateway route=/login",),
        (
            "alertname=HighLatency severity=warning service=api-gateway route=/logout",
            "alertname=HighLatency severity=warning service=api-gateway route=/login database=billing",
        ),
    ),
    Case(
        "warning over info of one name",
        "alertname=QueueLong severity=warning service=shop tenant=acme",
        ("alertname=QueueLong severity=info service=shop tenant=acme",),
        ("alertname=QueueLong severity=info service=shop",),
    ),
    Case(
        "critical disk over the same disk",
        "alertname=DiskSpaceCritical severity=critical service=node instance=n1:9100 device=/dev/sda1 mountpoint=/",
        (
            "alertname=DiskSpaceLow severity=warning service=node instance=n1:9100 device=/dev/sda1 mountpoint=/",
            "alertname=DiskWillFill severity=warning service=node instance=n1:9100 device=/dev/sda1 mountpoint=/",
        ),
        (
            "alertname=DiskSpaceLow severity=warning service=node instance=n1:9100 device=/dev/sdb1 mountpoint=/var",
            "alertname=DiskSpaceLow severity=warning service=node instance=n2:9100 device=/dev/sda1 mountpoint=/",
            "alertname=DiskSpaceLow severity=warning tenant=acme instance=n1:9100 device=/dev/sda1 mountpoint=/",
            "alertname=HighCpu severity=warning service=node instance=n1:9100",
        ),
    ),
    Case(
        "error rate over budget burn",
        "alertname=HighErrorRate severity=critical service=api-gateway",
        (
            "alertname=ErrorBudgetBurnFast severity=critical service=api-gateway",
            "alertname=ErrorBudgetBurnSlow severity=warning service=api-gateway",
        ),
        (
            "alertname=ErrorBudgetBurnSlow severity=warning service=auth-service",
            "alertname=ErrorBudgetBurnSlow severity=warning service=api-gateway tenant=acme",
            "alertname=LatencyBudgetBurnSlow severity=warning service=api-gateway",
            "alertname=HighLatency severity=critical service=api-gateway",
        ),
    ),
    Case(
        "fast burn over slow burn",
        "alertname=ErrorBudgetBurnFast severity=critical service=shop tenant=acme",
        ("alertname=ErrorBudgetBurnSlow severity=warning service=shop tenant=acme",),
        (
            "alertname=ErrorBudgetBurnSlow severity=warning service=shop tenant=initech",
            "alertname=ErrorBudgetBurnSlow severity=warning service=basket tenant=acme",
        ),
    ),
    Case(
        "latency over latency budget burn",
        "alertname=HighLatency severity=critical service=tenant-manager",
        (
            "alertname=LatencyBudgetBurnFast severity=critical service=tenant-manager",
            "alertname=LatencyBudgetBurnSlow severity=warning service=tenant-manager",
        ),
        (
            "alertname=ErrorBudgetBurnSlow severity=warning service=tenant-manager",
            "alertname=LatencyBudgetBurnSlow severity=warning service=auth-service",
            "alertname=LatencyBudgetBurnSlow severity=warning service=tenant-manager tenant=acme",
        ),
    ),
    Case(
        "fast latency burn over slow latency burn",
        "alertname=LatencyBudgetBurnFast severity=critical service=auth-service",
        ("alertname=LatencyBudgetBurnSlow severity=warning service=auth-service",),
        (
            "alertname=LatencyBudgetBurnSlow severity=warning service=api-gateway",
            "alertname=LatencyBudgetBurnSlow severity=warning service=auth-service tenant=acme",
        ),
    ),
    Case(
        "service down over its symptoms",
        "alertname=ServiceDown severity=critical service=auth-service job=services",
        (
            "alertname=HighErrorRate severity=critical service=auth-service",
            "alertname=HighLatency severity=critical service=auth-service",
            "alertname=ErrorBudgetBurnFast severity=critical service=auth-service",
            "alertname=LatencyBudgetBurnSlow severity=warning service=auth-service",
            "alertname=ProbeFailed severity=warning service=auth-service instance=http://a/ job=probe-http",
            "alertname=LoginFailuresHigh severity=warning service=auth-service",
            "alertname=InstanceDown severity=warning service=auth-service instance=10.0.0.4:8102 job=services",
        ),
        (
            "alertname=HighErrorRate severity=critical service=api-gateway",
            "alertname=HighErrorRate severity=critical service=auth-service tenant=acme",
            "alertname=ServiceDown severity=critical service=api-gateway job=services",
            "alertname=CertificateExpiring severity=warning service=auth-service",
            "alertname=LdapSyncFailed severity=warning service=auth-service",
            "alertname=ServiceDeployed severity=info service=auth-service",
        ),
    ),
    Case(
        "vanished service over its symptoms",
        "alertname=ApiGatewayAbsent severity=critical service=api-gateway job=services",
        (
            "alertname=HighErrorRate severity=critical service=api-gateway",
            "alertname=ProbeFailed severity=warning service=api-gateway",
        ),
        ("alertname=HighErrorRate severity=critical service=stack-deployer",),
    ),
    Case(
        "something else is absent",
        "alertname=BackupAbsent severity=critical service=shop tenant=acme",
        (),
        ("alertname=HighErrorRate severity=critical service=shop tenant=acme",),
    ),
    Case(
        "one instance of several is down",
        "alertname=InstanceDown severity=warning service=api-gateway",
        (),
        ("alertname=HighErrorRate severity=critical service=api-gateway",),
    ),
    Case(
        "a probe of the service is no longer made",
        "alertname=TargetsVanished severity=warning service=shop tenant=acme job=probe-http",
        (),
        ("alertname=HighErrorRate severity=critical service=shop tenant=acme",),
    ),
    Case(
        "a milder alert of the same name",
        "alertname=ServiceDown severity=warning service=shop tenant=acme",
        (),
        ("alertname=HighErrorRate severity=critical service=shop tenant=acme",),
    ),
    Case(
        "dead host over its own figures",
        "alertname=NodeDown severity=critical service=node job=node instance=10.0.0.4:9100",
        (
            "alertname=HighCpu severity=warning service=node job=node instance=10.0.0.4:9100",
            "alertname=MemoryCritical severity=critical service=node job=node instance=10.0.0.4:9100",
            "alertname=DiskWillFill severity=warning service=node instance=10.0.0.4:9100 mountpoint=/",
        ),
        (
            "alertname=HighCpu severity=warning service=node job=node instance=10.0.0.5:9100",
            "alertname=HighCpu severity=warning service=node job=node instance=10.0.0.4:9100 tenant=acme",
            "alertname=ServiceDown severity=critical service=auth-service instance=10.0.0.4:8102",
            "alertname=ExporterDown severity=warning scope=monitoring service=redis instance=10.0.0.4:9121",
        ),
    ),
    Case(
        "dead host over what runs on it",
        "alertname=NodeDown severity=critical service=node node=w1 instance=w1",
        (
            "alertname=ServiceDown severity=critical service=auth-service node=w1 instance=10.1.0.4:8102",
            "alertname=InstanceDown severity=warning service=auth-service node=w1 instance=10.1.0.4:8102",
            "alertname=ExporterDown severity=warning scope=monitoring service=redis node=w1 instance=10.1.0.5:9121",
        ),
        (
            "alertname=ServiceDown severity=critical service=auth-service node=w2 instance=10.2.0.4:8102",
            "alertname=ServiceDown severity=critical service=shop tenant=acme node=w1 instance=10.1.0.9:8110",
            "alertname=ServiceDown severity=critical service=api-gateway instance=gateway:8101",
            "alertname=NodeDown severity=critical service=node node=w2 instance=w2",
            "alertname=PostgresDown severity=critical service=postgresql node=w1 instance=10.1.0.6:9187",
            "alertname=NeomonDown severity=critical scope=monitoring service=neomon node=w1 instance=10.1.0.7:8080",
            "alertname=HighErrorRate severity=critical service=auth-service",
        ),
    ),
]

# Causes that lack the label saying what they are about: they must not silence whoever lacks it too.
VAGUE = [
    Case(
        "critical without a service",
        "alertname=QueueLong severity=critical",
        (),
        ("alertname=QueueLong severity=warning", "alertname=QueueLong severity=info queue=b"),
    ),
    Case(
        "service down, but which",
        "alertname=ServiceDown severity=critical",
        (),
        ("alertname=HighErrorRate severity=critical", "alertname=ProbeFailed severity=warning"),
    ),
    Case(
        "error rate of nothing in particular",
        "alertname=HighErrorRate severity=critical",
        (),
        ("alertname=ErrorBudgetBurnSlow severity=warning",),
    ),
    Case(
        "warning without a service",
        "alertname=QueueLong severity=warning",
        (),
        ("alertname=QueueLong severity=info",),
    ),
    Case(
        "fast burn of nothing in particular",
        "alertname=ErrorBudgetBurnFast severity=critical",
        (),
        ("alertname=ErrorBudgetBurnSlow severity=warning",),
    ),
    Case(
        "latency of nothing in particular",
        "alertname=HighLatency severity=critical",
        (),
        ("alertname=LatencyBudgetBurnSlow severity=warning",),
    ),
    Case(
        "fast latency burn of nothing in particular",
        "alertname=LatencyBudgetBurnFast severity=critical",
        (),
        ("alertname=LatencyBudgetBurnSlow severity=warning",),
    ),
    Case(
        "dead host, but which",
        "alertname=NodeDown severity=critical service=node",
        (),
        (
            "alertname=ServiceDown severity=critical service=auth-service",
            "alertname=HighCpu severity=warning service=node",
        ),
    ),
    Case(
        "disk of no host",
        "alertname=DiskSpaceCritical severity=critical service=node",
        (),
        ("alertname=DiskSpaceLow severity=warning service=node",),
    ),
]


PAIRS = [(case, target, target in case.silenced) for case in CASES + VAGUE for target in case.silenced + case.heard]


def _labels(text: str, environment: str) -> Labels:
    return dict(pair.split("=", 1) for pair in text.split()) | {"environment": environment}


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    """Alertmanager with the repository's inhibition, delivering nothing, holding the alerts of every pair."""
    config = base_config()
    config["receivers"] = [{"name": receiver["name"]} for receiver in config["receivers"]]
    with running(config, tmp_path_factory.mktemp("inhibition")) as started:
        for n, (case, target, _) in enumerate(PAIRS):
            started.post([alert(_labels(case.cause, f"pair-{n}")), alert(_labels(target, f"pair-{n}"))])
        # The inhibitor learns of causes a moment later; the last posted pair is a silenced one for this reason.
        started.post([alert(_labels(CASES[0].cause, "last")), alert(_labels(CASES[0].silenced[0], "last"))])
        eventually(
            lambda: [a for a in _of(started, "last") if a["status"]["inhibitedBy"]], "the last target is silenced"
        )
        yield started


def _of(alertmanager: Alertmanager, environment: str) -> list[dict[str, Any]]:
    return [found for found in alertmanager.alerts() if found["labels"]["environment"] == environment]


@pytest.mark.parametrize(
    ("number", "silenced"),
    [(n, silenced) for n, (_, _, silenced) in enumerate(PAIRS)],
    ids=[f"{case.name}: {'silences' if silenced else 'leaves'} {target}" for case, target, silenced in PAIRS],
)
def test_inhibition(alertmanager: Alertmanager, number: int, silenced: bool) -> None:
    case, target, _ = PAIRS[number]
    found = {frozenset(a["labels"].items()): a for a in _of(alertmanager, f"pair-{number}")}
    cause = found[frozenset(_labels(case.cause, f"pair-{number}").items())]
    status = found[frozenset(_labels(target, f"pair-{number}").items())]["status"]
    assert cause["status"]["inhibitedBy"] == []
    assert status["inhibitedBy"] == ([cause["fingerprint"]] if silenced else [])


def test_the_same_alert_of_another_environment_is_heard(alertmanager: Alertmanager) -> None:
    alertmanager.post([alert(_labels(CASES[0].silenced[0], "quiet"))])
    found = eventually(lambda: _of(alertmanager, "quiet"), "the alert is known")
    assert [a["status"]["inhibitedBy"] for a in found] == [[]]
