"""The committed files the tests of the dashboards compare."""

from __future__ import annotations

from pathlib import Path

import pytest

from neomon.dashboards.documents import JsonObject, load_dashboard
from neomon.settings import REPOSITORY

UIDS = ("platform-overview", "api-gateway", "auth-service", "tenant-manager", "infrastructure", "tenant-overview")


@pytest.fixture(scope="session")
def dashboards_dir() -> Path:
    return REPOSITORY / "grafana" / "dashboards"


@pytest.fixture(scope="session")
def dashboards(dashboards_dir: Path) -> dict[str, JsonObject]:
    return {uid: load_dashboard(dashboards_dir / f"{uid}.json") for uid in UIDS}


@pytest.fixture
def copied_dashboards(dashboards_dir: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    for path in dashboards_dir.glob("*.json"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path
