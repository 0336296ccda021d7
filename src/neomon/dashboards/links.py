"""Ways from one dashboard to another, keeping the time and the chosen values."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

TITLES: Final = {
    "platform-overview": "Platform Overview",
    "api-gateway": "API Gateway",
    "auth-service": "Auth Service",
    "tenant-manager": "Tenant Manager",
    "infrastructure": "Infrastructure",
    "tenant-overview": "Tenant Overview",
}
"""Title of every dashboard by uid, in the order they are offered."""

_KEPT: Final = "${__url_time_range}&${environment:queryparam}"


def navigation(own: str) -> list[DashboardLink]:
    """The bar of links to the other dashboards."""
    return [
        DashboardLink(title)
        .type(DashboardLinkType.LINK)
        .icon("dashboard")
        .tooltip(f"Open {title} for the same time and the same choices")
        .url(f"/d/{uid}")
        .tags([])
        .include_vars(True)
        .keep_time(True)
        .as_dropdown(False)
        .target_blank(False)
        for uid, title in TITLES.items()
        if uid != own
    ]


def detail_link(uid: str) -> DashboardLink:
    """The way from a panel to the dashboard that explains it."""
    return (
        DashboardLink(f"Open {TITLES[uid]}")
        .type(DashboardLinkType.LINK)
        .icon("dashboard")
        .tooltip("")
        .tags([])
        .url(f"/d/{uid}?{_KEPT}")
    )


def field_link(uid: str, variable: str) -> dict[str, object]:
    """The way from a cell to the dashboard of what the cell names."""
    return {
        "title": f"Open {TITLES[uid]} of ${{__value.text}}",
        "url": f"/d/{uid}?var-{variable}=${{__value.raw}}&{_KEPT}",
        "targetBlank": False,
    }
