"""The table of alerts that fire now."""

from __future__ import annotations

from typing import Final

from neomon.dashboards import colours
from neomon.dashboards.panels import Column, table
from neomon.dashboards.panels.frame import PanelBuilder
from neomon.dashboards.queries import rows

SEVERITIES: Final = {
    "critical": ("critical", colours.CRITICAL),
    "warning": ("warning", colours.WARNING),
    "info": ("info", colours.NEUTRAL),
}


def firing_table(*matchers: str, w: int = 24, h: int = 8) -> PanelBuilder:
    """Every firing alert with what it is about and since when its condition holds."""
    # Alerts made from constants carry no environment; they concern every environment.
    common = ",".join(('environment=~"$environment|"', *matchers))
    return table(
        "Firing alerts",
        "What is wrong at this moment, the newest first. Critical first; then look for the one that explains the "
        "others. docs/alerting.md has a runbook section under each alert's name.",
        rows(
            "max by (severity, alertname, service, tenant, instance) "
            f'(1000 * (ALERTS_FOR_STATE{{{common}}} and ignoring (alertstate) ALERTS{{alertstate="firing",{common}}}))',
            may_be_empty="nothing is firing",
        ),
        columns=(
            Column("severity", "Severity", names=SEVERITIES, width=90),
            Column("alertname", "Alert"),
            Column("service", "Service", link=("platform-overview", "service")),
            Column("tenant", "Tenant", link=("tenant-overview", "tenant")),
            Column("instance", "Instance"),
            Column("Value", "Since", unit="dateTimeFromNow", width=140),
        ),
        sort="Since",
        no_value="Nothing is firing",
        w=w,
        h=h,
    )
