"""Helpers for tests that look at metrics pages."""

from __future__ import annotations

import shutil
import subprocess

import pytest

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def lint(text: bytes) -> str:
    """What promtool has to say of a page in the text format; empty when all is well."""
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed")
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=20)
    return (done.stdout + done.stderr).decode().strip()
