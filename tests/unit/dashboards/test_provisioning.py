"""What a stock Grafana reads at its start."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from neomon.dashboards.documents import JsonObject, variables
from neomon.settings import REPOSITORY, PrometheusSettings

GRAFANA = REPOSITORY / "grafana"


def datasources() -> dict[str, dict[str, Any]]:
    found = [
        source
        for path in sorted((GRAFANA / "provisioning" / "datasources").glob("*.yml"))
        for source in yaml.safe_load(path.read_text(encoding="utf-8"))["datasources"]
    ]
    return {source["uid"]: source for source in found}


def test_the_two_data_sources_are_there() -> None:
    found = datasources()
    assert {uid: source["type"] for uid, source in found.items()} == {
        "prometheus": "prometheus",
        "alertmanager": "alertmanager",
    }
    assert found["prometheus"]["isDefault"]
    assert found["prometheus"]["jsonData"]["httpMethod"] == "POST"
    interval = PrometheusSettings().scrape_interval
    assert found["prometheus"]["jsonData"]["timeInterval"] == f"{interval:g}s"


def test_dashboards_ask_the_provisioned_data_source(dashboards: dict[str, JsonObject]) -> None:
    for document in dashboards.values():
        source = next(variable for variable in variables(document) if variable["name"] == "datasource")
        assert source["current"]["value"] in datasources()
        for panel in document["panels"]:
            if panel["type"] == "alertlist":
                assert panel["options"]["datasource"] == datasources()["prometheus"]["name"]


def test_no_address_and_no_secret_is_written_down() -> None:
    for path in sorted(GRAFANA.rglob("*.yml")):
        text = path.read_text(encoding="utf-8")
        for key, value in re.findall(r"^\s*(url|path|basicAuthUser|basicAuthPassword): (.*)$", text, re.MULTILINE):
            assert re.fullmatch(r"\$NEOMON_[A-Z_]+", value), f"{path}: {key}"


def test_every_variable_a_file_needs_is_explained_in_it_and_in_the_docs() -> None:
    docs = (REPOSITORY / "docs" / "dashboards.md").read_text(encoding="utf-8")
    for path in sorted(GRAFANA.rglob("*.yml")):
        text = path.read_text(encoding="utf-8")
        for name in set(re.findall(r"\$(NEOMON_[A-Z_]+)", text)):
            assert re.search(rf"^# +{name} ", text, re.MULTILINE), f"{path}: {name}"
            assert name in docs


def test_dashboards_are_found_and_protected() -> None:
    (provider,) = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "neomon.yml").read_text())["providers"]
    assert provider["type"] == "file"
    assert provider["allowUiUpdates"] is False


def test_the_data_sources_stand_in_one_place() -> None:
    link = GRAFANA / "provisioning" / "datasources"
    assert link.is_symlink()
    assert link.resolve() == (GRAFANA / "datasources").resolve()
    assert not Path(link.readlink()).is_absolute()
