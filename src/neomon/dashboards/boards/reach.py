"""Panels of what can be reached: exporters, services from outside, certificates."""

from __future__ import annotations

from neomon.dashboards import colours, thresholds
from neomon.dashboards.boards import requests
from neomon.dashboards.panels import Column, state_timeline, table
from neomon.dashboards.panels.frame import PanelBuilder
from neomon.dashboards.queries import rows, select, series


def panels() -> tuple[PanelBuilder, ...]:
    """What answers, what answers from outside, and until when certificates are valid."""
    return (
        state_timeline(
            "Exporters and probes",
            "Whether each exporter answered. A red bar blinds the panels fed by it; what it watches may be well.",
            series('min by (job) (up{environment="$environment",job!~"services|probe-.+"})', "{{job}}"),
            names=requests.UP_NAMES,
            w=8,
        ),
        state_timeline(
            "Probes from outside",
            "Whether each service answered over the network as a caller would reach it. Red here and green above: the "
            "way to the service is broken, not the service.",
            series(f"min by (service, instance) ({select('probe_success')})", "{{service}} {{instance}}"),
            names={"0": ("Failed", colours.CRITICAL), "1": ("Reached", colours.GOOD)},
            no_value="no probes",
            w=8,
        ),
        table(
            "Certificates",
            "When each probed certificate expires, the next one first; amber below 30 days.",
            rows(f"min by (service, instance) ({select('probe_ssl_earliest_cert_expiry')}) - time()"),
            columns=(
                Column("service", "Service"),
                Column("instance", "Address"),
                Column("Value", "Left", unit="s", limit=thresholds.CERTIFICATE, decimals=1),
            ),
            sort="Left",
            descending=False,
            no_value="no TLS probes",
            w=8,
        ),
    )
