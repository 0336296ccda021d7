from __future__ import annotations

from collections.abc import Callable

import pytest
from exporter_pages import OPENMETRICS
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from neomon.exporters.web import Exposition


@pytest.fixture
def samples() -> Callable[[Exposition], dict[tuple[str, frozenset[tuple[str, str]]], float]]:
    """Scrapes an exposition as OpenMetrics, strictly parsed; series by name and labels."""

    def scrape(exposition: Exposition) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        text = exposition.render(OPENMETRICS).body.decode()
        found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in found, f"{key} comes twice"
                found[key] = sample.value
        return found

    return scrape
