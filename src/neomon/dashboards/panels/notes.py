"""Panels without a query of their own."""

from __future__ import annotations

from grafana_foundation_sdk.builders import text as texts
from grafana_foundation_sdk.builders.dashboard import Panel as AnyPanel
from grafana_foundation_sdk.models.text import TextMode

from neomon.dashboards.queries import DATASOURCE


def text(title: str, description: str, content: str, *, w: int = 24, h: int = 3) -> texts.Panel:
    """A note in Markdown."""
    return (
        texts.Panel().title(title).description(description).span(w).height(h).mode(TextMode.MARKDOWN).content(content)
    )


def alert_list(title: str, description: str, *, labels: str, w: int = 8, h: int = 8) -> AnyPanel:
    """Alerts firing or pending in Prometheus; `labels` is a selector such as `{tenant="$tenant"}`."""
    return (
        AnyPanel()
        .type("alertlist")
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .span(w)
        .height(h)
        .options(
            {
                "alertInstanceLabelFilter": labels,
                "alertName": "",
                "dashboardAlerts": False,
                "datasource": "Prometheus",
                "folder": "",
                "groupBy": [],
                "groupMode": "default",
                "maxItems": 20,
                "sortOrder": 3,
                "stateFilter": {"error": True, "firing": True, "noData": False, "normal": False, "pending": True},
                "viewMode": "list",
            }
        )
    )
