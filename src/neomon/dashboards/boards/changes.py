"""What changed last: deployments, configuration, backups."""

from __future__ import annotations

from neomon.dashboards import colours, thresholds
from neomon.dashboards.panels import Column, table
from neomon.dashboards.panels.frame import PanelBuilder
from neomon.dashboards.queries import rows, select


def tables() -> tuple[PanelBuilder, ...]:
    """Three tables side by side; the same events are drawn over every chart."""
    return (
        table(
            "Last deployments",
            "The newest deployment of each service. Most outages follow a change: compare these times with the start "
            "of the trouble.",
            rows(f"max by (service, version) ({select('deployment_last_timestamp_seconds')}) * 1000"),
            columns=(
                Column("service", "Service"),
                Column("version", "Version"),
                Column("Value", "When", unit="dateTimeFromNow"),
            ),
            sort="When",
            no_value="no deployment recorded",
            w=8,
        ),
        table(
            "Last configuration changes",
            "The newest configuration change of each service. A change without a deployment is easily overlooked.",
            rows(f"max by (service) ({select('configuration_last_change_timestamp_seconds')}) * 1000"),
            columns=(Column("service", "Service"), Column("Value", "When", unit="dateTimeFromNow")),
            sort="When",
            no_value="no change recorded",
            w=8,
        ),
        table(
            "Last backups",
            "The newest backup of each database, whether it succeeded, and its size. Failed, old (BackupStale) or "
            "much smaller than usual: run one by hand and read its output.",
            rows(f"max by (database) ({select('backup_last_success')})"),
            rows(f"max by (database) ({select('backup_last_completion_timestamp_seconds')}) * 1000"),
            rows(f"max by (database) ({select('backup_last_size_bytes')})"),
            columns=(
                Column("database", "Database"),
                Column(
                    "Value #A",
                    "Result",
                    limit=thresholds.ALL_UP,
                    names={"0": ("Failed", colours.CRITICAL), "1": ("Succeeded", colours.GOOD)},
                ),
                Column("Value #B", "When", unit="dateTimeFromNow"),
                Column("Value #C", "Size", unit="bytes"),
            ),
            sort="When",
            no_value="no backup recorded",
            w=8,
        ),
    )
