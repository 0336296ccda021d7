"""Colours by meaning; names are Grafana's, so that they follow the reader's theme."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders.dashboard import FieldColor
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, FieldColorModeId

GOOD: Final = "green"
WARNING: Final = "orange"
CRITICAL: Final = "red"
NEUTRAL: Final = "blue"
SECOND: Final = "purple"
QUIET: Final = "text"

PALETTE: Final = FieldColorModeId.PALETTE_CLASSIC_BY_NAME
"""A series keeps its colour across panels, because the colour is drawn from its name."""
BY_THRESHOLD: Final = FieldColorModeId.THRESHOLDS


def fixed(colour: str) -> FieldColor:
    """The colour scheme of a panel whose series all have one meaning."""
    return FieldColor().mode(FieldColorModeId.FIXED).fixed_color(colour)


def property_of(colour: str) -> DynamicConfigValue:
    """The override that gives a series one fixed colour."""
    return DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})
