"""Which components an installation has, and where the stock programs expect each other by default."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from neomon.settings import Ports, Settings

STOCK_PORTS: dict[int, str] = {port: name for name, port in Ports().model_dump().items()}
"""The port a component has in the base files -> its name."""

_STOCK_ADDRESS = re.compile(r"(?P<scheme>https?://)?\blocalhost:(?P<port>\d+)\b")


def enabled_components(settings: Settings) -> frozenset[str]:
    """Names (as in `Ports`) of the components that run in this installation."""
    optional = {
        "postgres": settings.postgres is not None,
        "redis": settings.redis is not None,
        "platform": bool(settings.databases),
        "containers": Path("/sys/fs/cgroup").is_dir(),
    }
    return frozenset(name for name in STOCK_PORTS.values() if optional.get(name, True))


def stock_component(address: str) -> str | None:
    """The component a base file means by `localhost:<port>`; None for any other address."""
    match = _STOCK_ADDRESS.fullmatch(address)
    return STOCK_PORTS.get(int(match["port"])) if match else None


def localise(value: Any, settings: Settings) -> Any:
    """`value` (parsed YAML) with the stock addresses in all its strings replaced by this installation's."""
    if isinstance(value, dict):
        return {key: localise(item, settings) for key, item in value.items()}
    if isinstance(value, list):
        return [localise(item, settings) for item in value]
    if isinstance(value, str):
        return _STOCK_ADDRESS.sub(lambda match: _local_address(match, settings), value)
    return value


def _local_address(match: re.Match[str], settings: Settings) -> str:
    component = STOCK_PORTS.get(int(match["port"]))
    if component is None:
        return match[0]
    return settings.url(component) if match["scheme"] else settings.address(component)
