"""The faults that can be switched on, for people and for the command line."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from neomon.errors import NotFoundError


@dataclass(frozen=True)
class Fault:
    """One way to break the demo."""

    name: str
    does: str
    """What really happens."""
    alerts: tuple[str, ...]
    """Alerts to expect; the first is the one it is meant for."""
    after: str
    """How long that takes with the default timing."""
    lasting: bool = True
    """Whether it stays until healed; otherwise it is one event."""


FAULTS = (
    Fault(
        "errors",
        "api-gateway answers 500 to a third of all requests",
        ("HighErrorRate", "ErrorBudgetBurnFast"),
        "3-4 min",
    ),
    Fault(
        "error-budget",
        "api-gateway answers 500 to 3 % of all requests, too few for HighErrorRate",
        ("ErrorBudgetBurnFast", "ErrorBudgetBurnSlow"),
        "30-40 min",
    ),
    Fault(
        "latency", "api-gateway takes 3 s longer for every request", ("HighLatency", "LatencyBudgetBurnFast"), "3-5 min"
    ),
    Fault("down", "auth-service stops listening, and logins fail", ("ServiceDown", "ProbeFailed"), "1-2 min"),
    Fault(
        "vanish",
        "stack-deployer withdraws its registration, as if it had never been there",
        ("StackDeployerAbsent",),
        "5-6 min",
    ),
    Fault("unhealthy", "api-gateway's /health answers 503, while its traffic is fine", ("ProbeFailed",), "2-3 min"),
    Fault("tenant-errors", "acme's shop answers 500 to a third of its requests", ("HighErrorRate",), "3-4 min"),
    Fault(
        "db-connections",
        "tenant-manager leaks connections until PostgreSQL is at 88 % of its limit",
        ("DatabaseConnectionsHigh",),
        "6-7 min",
    ),
    Fault("postgres-down", "PostgreSQL is stopped and stays stopped", ("PostgresDown", "HighErrorRate"), "1-2 min"),
    Fault(
        "redis-down",
        "Redis is stopped and stays stopped; tenant-manager goes on without its cache",
        ("RedisDown",),
        "1-2 min",
    ),
    Fault("cert", "the edge swaps in a certificate that ends in 10 days", ("CertificateExpiring",), "5-6 min"),
    Fault(
        "cpu", "stack-deployer keeps every processor of this machine busy (at low priority)", ("HighCpu",), "12-15 min"
    ),
    Fault("ldap", "auth-service's LDAP synchronisation fails", ("LdapSyncFailed",), "5-6 min"),
    Fault("login-failures", "somebody tries passwords against auth-service", ("LoginFailuresHigh",), "11-13 min"),
    Fault(
        "rate-limit",
        "globex sends four times what it may, and most of it is answered 429",
        (),
        "at once on the dashboard",
    ),
    Fault("backup-stale", "the billing database has had no backup for three days", ("BackupStale",), "10-11 min"),
    Fault("deploy", "a new version of tenant-manager is deployed", ("ServiceDeployed",), "under 1 min", lasting=False),
    Fault(
        "config", "the configuration of api-gateway changes", ("ConfigurationChanged",), "under 1 min", lasting=False
    ),
    Fault(
        "backup",
        "a backup of the tenant_manager database completes",
        ("BackupCompleted",),
        "under 1 min",
        lasting=False,
    ),
)
FAULT_BY_NAME = {fault.name: fault for fault in FAULTS}


def find_fault(name: str) -> Fault:
    """The fault called `name`.

    Raises:
        NotFoundError: There is none; the message suggests the nearest.
    """
    if fault := FAULT_BY_NAME.get(name):
        return fault
    near = difflib.get_close_matches(name, FAULT_BY_NAME, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "`neomon demo list` shows what there is"
    raise NotFoundError(f"no fault is called {name!r}: {hint}")
