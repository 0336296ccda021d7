"""Choose the reader for what is mounted here."""

from __future__ import annotations

from pathlib import Path

from neomon.errors import UnavailableError
from neomon.exporters.containers.devices import Devices
from neomon.exporters.containers.model import Hierarchy, Limits
from neomon.exporters.containers.v1 import Split, find_controllers
from neomon.exporters.containers.v2 import Unified

CGROUP_ROOT = "/sys/fs/cgroup"


def open_hierarchy(root: str, devices: Devices, limits: Limits) -> Hierarchy:
    """The reader for the control groups mounted at `root`.

    A hybrid machine, whose controllers are on version 1 beside an idle version 2, is read as version 1.

    Raises:
        UnavailableError: No control groups are mounted there.
    """
    if (Path(root) / "cgroup.controllers").is_file():
        return Unified(root, devices, limits)
    controllers = find_controllers(Path(root))
    if not controllers:
        raise UnavailableError(f"no control groups are mounted at {root} (Linux only; see --cgroup-root)")
    return Split(controllers, devices, limits)
