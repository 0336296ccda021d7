"""What requests the platform gets, where each goes, how long it takes and how it ends.

The load generator sends this mix, the services take their working time from it, and the filled-in history follows
it, so that the three agree.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from neomon.demo.catalogue import AUTH, DEPLOYER, TENANTS_SERVICE, Service

FASTEST_SECONDS = 0.003
SLOWEST_SECONDS = 0.9
GATEWAY_OVERHEAD_SECONDS = 0.005
"""What the gateway adds to the time of the service behind it."""
SERVER_ERROR_EVERY = 4_000
"""One request in this many ends in a 5xx on its own, well inside a 99.9 % objective. Counted, not drawn by chance: a
streak of bad luck must not raise an alert in a healthy demo."""


@dataclass(frozen=True)
class Latency:
    """A log-normal distribution of durations."""

    median: float
    """Seconds."""
    sigma: float = 0.45

    def sample(self, rng: random.Random) -> float:
        """A duration in seconds."""
        return min(SLOWEST_SECONDS, max(FASTEST_SECONDS, rng.lognormvariate(math.log(self.median), self.sigma)))

    def share_within(self, seconds: float, slowdown: float = 1.0) -> float:
        """Share of durations that take at most `seconds`, all being `slowdown` times as long as usual."""
        return 1.0 if seconds >= SLOWEST_SECONDS * slowdown else self.share_unbounded(seconds, slowdown)

    def share_unbounded(self, seconds: float, slowdown: float = 1.0) -> float:
        """The same for durations that are not cut at the slowest."""
        deviation = (math.log(seconds / slowdown) - math.log(self.median)) / self.sigma
        return (1 + math.erf(deviation / math.sqrt(2))) / 2

    def mean(self, slowdown: float = 1.0) -> float:
        """Mean duration in seconds."""
        return self.median * math.exp(self.sigma**2 / 2) * slowdown

    def plus(self, seconds: float) -> Latency:
        """The distribution moved by a constant, near enough."""
        return Latency(self.median + seconds, self.sigma)


@dataclass(frozen=True)
class Operation:
    """One kind of request to the gateway, and the request it becomes behind it."""

    name: str
    method: str
    route: str
    """Route template at the gateway."""
    upstream: Service
    upstream_route: str
    weight: float
    """Relative frequency."""
    latency: Latency
    """Duration in the upstream service."""
    success: str = "200"
    client_errors: tuple[tuple[str, float], ...] = ()
    """Status code and share of the requests that earn it."""


OPERATIONS = (
    Operation("tenants", "GET", "/api/tenants", TENANTS_SERVICE, "/tenants", 8, Latency(0.018)),
    Operation(
        "tenant",
        "GET",
        "/api/tenants/{tenant}",
        TENANTS_SERVICE,
        "/tenants/{tenant}",
        17,
        Latency(0.012),
        client_errors=(("404", 0.02),),
    ),
    Operation(
        "usage",
        "GET",
        "/api/tenants/{tenant}/usage",
        TENANTS_SERVICE,
        "/tenants/{tenant}/usage",
        14,
        Latency(0.028, 0.55),
    ),
    Operation(
        "stacks", "GET", "/api/tenants/{tenant}/stacks", DEPLOYER, "/tenants/{tenant}/stacks", 20, Latency(0.022)
    ),
    Operation(
        "deploy",
        "POST",
        "/api/tenants/{tenant}/stacks",
        DEPLOYER,
        "/tenants/{tenant}/stacks",
        0.5,
        Latency(0.035),
        success="202",
        client_errors=(("400", 0.05),),
    ),
    Operation("login", "POST", "/api/login", AUTH, "/login", 5, Latency(0.095, 0.3), client_errors=(("401", 0.07),)),
    Operation("mfa", "POST", "/api/mfa", AUTH, "/mfa", 3.2, Latency(0.040), client_errors=(("401", 0.05),)),
    Operation("token", "POST", "/api/token", AUTH, "/token", 10, Latency(0.015), client_errors=(("401", 0.01),)),
    Operation("session", "GET", "/api/session", AUTH, "/session", 16, Latency(0.008), client_errors=(("401", 0.01),)),
    Operation("logout", "POST", "/api/logout", AUTH, "/logout", 2, Latency(0.010), success="204"),
    Operation("invoices", "GET", "/api/billing/invoices", TENANTS_SERVICE, "/invoices", 4, Latency(0.055, 0.55)),
    Operation(
        "invoice", "POST", "/api/billing/invoices", TENANTS_SERVICE, "/invoices", 0.25, Latency(0.065), success="201"
    ),
    Operation("create", "POST", "/api/tenants", TENANTS_SERVICE, "/tenants", 0.01, Latency(0.12, 0.3), success="201"),
)
OPERATION_BY_NAME = {operation.name: operation for operation in OPERATIONS}
TOTAL_WEIGHT = sum(operation.weight for operation in OPERATIONS)


@dataclass(frozen=True)
class StackRoute:
    """One kind of request to a tenant's own stack."""

    method: str
    route: str
    weight: float
    latency: Latency
    client_errors: tuple[tuple[str, float], ...] = ()


STACK_ROUTES: dict[str, tuple[StackRoute, ...]] = {
    "shop": (
        StackRoute("GET", "/products", 50, Latency(0.024)),
        StackRoute("GET", "/products/{id}", 34, Latency(0.016), (("404", 0.03),)),
        StackRoute("POST", "/cart", 12, Latency(0.035)),
        StackRoute("POST", "/checkout", 4, Latency(0.14, 0.35), (("402", 0.06),)),
    ),
    "crm": (
        StackRoute("GET", "/contacts", 45, Latency(0.03)),
        StackRoute("GET", "/contacts/{id}", 35, Latency(0.018), (("404", 0.02),)),
        StackRoute("POST", "/contacts", 12, Latency(0.05)),
        StackRoute("GET", "/reports", 8, Latency(0.19, 0.3)),
    ),
    "wiki": (
        StackRoute("GET", "/pages", 30, Latency(0.02)),
        StackRoute("GET", "/pages/{id}", 62, Latency(0.014), (("404", 0.04),)),
        StackRoute("POST", "/pages", 8, Latency(0.045)),
    ),
}

LOGIN_METHODS = {"password": 0.62, "ldap": 0.28, "oidc": 0.10}
MFA_METHODS = {"totp": 0.8, "webauthn": 0.2}
DEPLOYMENT_LATENCY = Latency(9.0, 0.6)
"""Seconds a deployment of a tenant's stack takes, once a worker has it."""
DEPLOYMENT_FAILURES = 0.03
CACHE_HIT_SHARE = 0.72
"""Share of the Tenant Manager's reads that Redis answers."""
BURST_EVERY_SECONDS = 240.0
"""The smallest tenant's nightly-script-gone-hourly: a burst of requests that hits its rate limit."""
BURST_SECONDS = 6.0
BURST_FACTOR = 6.0
"""How many times its usual traffic that tenant sends during a burst."""
BURSTING_TENANT = "initech"


def in_burst(timestamp: float) -> bool:
    """Whether the bursting tenant is at it at `timestamp`."""
    return timestamp % BURST_EVERY_SECONDS < BURST_SECONDS
