"""Thresholds of panels: amber where a warning fires, red where a critical alert fires.

The numbers repeat those of prometheus/alerting_rules.yml; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import Threshold, ThresholdsMode

from neomon.dashboards import colours


@dataclass(frozen=True)
class Limit:
    """Where a figure turns amber and red, in the figure's own unit, and the alerts that fire there."""

    warning: float | None = None
    critical: float | None = None
    warning_alert: str | None = None
    critical_alert: str | None = None
    falling: bool = False
    """Whether a figure is bad when it is below the limit (days left on a certificate)."""

    def config(self) -> ThresholdsConfig:
        """The limit in Grafana's form."""
        return steps(*self.points())

    def points(self) -> tuple[tuple[float | None, str], ...]:
        """Start of each colour, lowest first; None is minus infinity."""
        if self.falling:
            return self._falling()
        found: list[tuple[float | None, str]] = [(None, colours.GOOD)]
        if self.warning is not None:
            found.append((self.warning, colours.WARNING))
        if self.critical is not None:
            found.append((self.critical, colours.CRITICAL))
        return tuple(found)

    def _falling(self) -> tuple[tuple[float | None, str], ...]:
        if self.warning is None:
            return (None, colours.CRITICAL), (self.critical, colours.GOOD)
        if self.critical is None:
            return (None, colours.WARNING), (self.warning, colours.GOOD)
        return (None, colours.CRITICAL), (self.critical, colours.WARNING), (self.warning, colours.GOOD)


def steps(*points: tuple[float | None, str]) -> ThresholdsConfig:
    """Thresholds with absolute values, each `(from, colour)`."""
    return (
        ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=value, color=colour) for value, colour in points])
    )


ERROR_RATIO: Final = Limit(critical=0.05, critical_alert="HighErrorRate")
"""Share of requests answered 5xx, 0 to 1."""
LATENCY: Final = Limit(critical=2, critical_alert="HighLatency")
"""Response time in seconds."""
CPU: Final = Limit(warning=0.8, warning_alert="HighCpu")
"""Share of all cores in use, 0 to 1."""
MEMORY: Final = Limit(critical=0.9, critical_alert="MemoryCritical")
"""Share of memory in use, 0 to 1."""
DISK: Final = Limit(warning=0.8, critical=0.9, warning_alert="DiskSpaceLow", critical_alert="DiskSpaceCritical")
"""Share of a file system in use, 0 to 1."""
DATABASE_CONNECTIONS: Final = Limit(warning=0.8, warning_alert="DatabaseConnectionsHigh")
"""Share of the allowed database connections in use, 0 to 1."""
CERTIFICATE: Final = Limit(warning=30 * 86_400, warning_alert="CertificateExpiring", falling=True)
"""Seconds until a certificate expires."""

QUOTA: Final = Limit(warning=0.8, critical=1)
"""Share of a tenant's quota in use; no alert, the tenant manager refuses what goes over."""
ANY_IS_CRITICAL: Final = Limit(critical=1)
"""A count that should be zero and whose first unit is an emergency."""
ANY_IS_WARNING: Final = Limit(warning=1)
"""A count that should be zero and whose first unit deserves a look."""
ALL_UP: Final = Limit(critical=1, falling=True)
"""A share that is only good when whole."""
NONE: Final = Limit()
"""No opinion: a figure that is neither good nor bad."""
BURN: Final = Limit(warning=1, critical=14.4, warning_alert="ErrorBudgetBurnSlow", critical_alert="ErrorBudgetBurnFast")
"""Speed at which an error budget is used; 1 uses it up exactly at the end of its period."""
HEARTBEAT: Final = Limit(warning=300)
"""Seconds since the Watchdog alert last arrived."""
LOGIN_FAILURES: Final = Limit(warning=0.3, warning_alert="LoginFailuresHigh")
"""Share of logins that failed, 0 to 1."""
LDAP_AGE: Final = Limit(warning=86_400, warning_alert="LdapSyncStale")
"""Seconds since LDAP was last synchronised."""

ALERTED: Final = (
    ERROR_RATIO,
    LATENCY,
    CPU,
    MEMORY,
    DISK,
    DATABASE_CONNECTIONS,
    CERTIFICATE,
    BURN,
    LOGIN_FAILURES,
    LDAP_AGE,
)
"""Every limit that alerts share."""
