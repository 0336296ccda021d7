"""The version of this installation of neomon."""

from __future__ import annotations

import functools
from importlib.metadata import version


@functools.cache
def neomon_version() -> str:
    """Version of the installed package, such as `3.0.0`."""
    return version("neomon")
