"""Who lives on the demo platform: its services, its tenants, and the tenants' own stacks.

Only plain data and the standard library: every demo process imports this, and each should start in an instant.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

PLATFORM_VERSION = "3.0.1"
"""Version the four services report; deployed a little over an hour before the demo's first start."""
PREVIOUS_VERSION = "3.0.0"


@dataclass(frozen=True)
class Service:
    """One of the four platform services."""

    name: str
    """Value of the `service` label."""
    port_setting: str
    """Field of `DemoPorts` with its TCP port."""

    @property
    def module(self) -> str:
        """Python module that runs it."""
        return f"neomon.demo.services.{self.name.replace('-', '_')}"


GATEWAY = Service("api-gateway", "api_gateway")
AUTH = Service("auth-service", "auth_service")
TENANTS_SERVICE = Service("tenant-manager", "tenant_manager")
DEPLOYER = Service("stack-deployer", "stack_deployer")
SERVICES = (GATEWAY, AUTH, TENANTS_SERVICE, DEPLOYER)


@dataclass(frozen=True)
class Tenant:
    """One customer of the demo platform."""

    name: str
    title: str
    plan: str
    share: float
    """Share of the platform's requests, 0 to 1."""
    users: int
    mfa_share: float
    """Share of the users that enrolled a second factor."""
    stack: str
    """Name of the tenant's own stack, and value of its `service` label."""
    stack_requests_per_second: float
    """Requests a second to the stack at the daily peak, when the platform has its default load."""
    quota: dict[str, float]
    """Resource type -> upper limit (cores, bytes, bytes, stacks)."""
    usage: dict[str, float]
    """Resource type -> typical use, in the same units."""


def _resources(cores: float, memory_gib: float, storage_gib: float, stacks: float) -> dict[str, float]:
    gib = 1024.0**3
    return {
        "cpu_cores": cores,
        "memory_bytes": memory_gib * gib,
        "storage_bytes": storage_gib * gib,
        "stacks": stacks,
    }


TENANTS = (
    Tenant(
        "acme", "Acme Corporation", "enterprise", 0.55, 120, 0.8, "shop", 3.0,
        quota=_resources(64, 256, 4096, 40), usage=_resources(38, 148, 2300, 17),
    ),
    Tenant(
        "globex", "Globex Industries", "business", 0.30, 60, 0.6, "crm", 1.5,
        quota=_resources(32, 128, 1024, 20), usage=_resources(14, 62, 480, 8),
    ),
    Tenant(
        "initech", "Initech", "starter", 0.15, 24, 0.35, "wiki", 0.8,
        quota=_resources(8, 32, 256, 5), usage=_resources(5.2, 19, 131, 3),
    ),
)  # fmt: skip
TENANT_BY_NAME = {tenant.name: tenant for tenant in TENANTS}

DORMANT_TENANTS = {"umbrella": "suspended", "hooli": "pending"}
"""Tenants without traffic -> status."""
TRIAL_TENANTS = ("piedpiper", "stark", "wonka", "tyrell")
"""Names that trial tenants take in turn, so that their number stays bounded."""

RESOURCE_TYPES = ("cpu_cores", "memory_bytes", "storage_bytes", "stacks")
DATABASES = ("tenant_manager", "billing", "auth")
"""Databases of the demo's PostgreSQL."""
INVOICE_STATUSES = {"paid": 0.86, "open": 0.12, "void": 0.02}
"""Status an invoice is issued with -> share."""
STACK_VERSIONS = {"shop": "2.14.0", "crm": "1.8.3", "wiki": "5.1.0"}
"""A tenant's stack -> its version."""
LDAP_SYNC_SECONDS = 300.0
SESSION_SECONDS = 600.0
"""A session ends this long after its login."""
RATE_LIMIT_HEADROOM = 2.0
"""A tenant's request limit, as a multiple of its share of the peak."""
RATE_LIMIT_MINIMUM = 1.5
"""Requests a second every tenant may send, however small its share."""


def revision_of(version: str) -> str:
    """The source revision a version was built from."""
    return hashlib.sha1(version.encode(), usedforsecurity=False).hexdigest()[:8]


def rate_limit(tenant: Tenant, peak: float) -> float:
    """Requests a second `tenant` may send through the gateway, when the platform's peak is `peak`."""
    return round(max(RATE_LIMIT_MINIMUM, tenant.share * peak * RATE_LIMIT_HEADROOM), 1)
