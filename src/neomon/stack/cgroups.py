"""One control group for each program, so that the container exporter can tell them apart.

Needs the right to create groups (root, or a delegated tree); without it programs run where neomon runs.
"""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_V1_CONTROLLERS = ("cpuacct", "memory", "pids", "blkio")
_V2_CONTROLLERS = "+cpu +memory +pids +io"


def create_groups(name: str, root: Path = ROOT) -> tuple[Path, ...]:
    """Create the group `neomon/<name>` in every hierarchy this user may; returns the directories."""
    if (root / "cgroup.controllers").exists():
        return tuple(_try_create(root / "neomon" / name))
    hierarchies = [root / controller for controller in _V1_CONTROLLERS if (root / controller).is_dir()]
    return tuple(group for hierarchy in hierarchies for group in _try_create(hierarchy / "neomon" / name))


def _try_create(group: Path) -> list[Path]:
    try:
        group.mkdir(parents=True, exist_ok=True)
        _enable_controllers(group.parent)
    except OSError:
        return []
    return [group] if os.access(group / "cgroup.procs", os.W_OK) else []


def _enable_controllers(parent: Path) -> None:
    control = parent / "cgroup.subtree_control"
    if not control.exists():
        return
    for directory in (parent.parent, parent):
        for controller in _V2_CONTROLLERS.split():
            try:
                (directory / "cgroup.subtree_control").write_text(controller)
            except OSError:
                # A controller bound elsewhere, or not delegated, is simply not measured.
                continue


def remove_groups(name: str, root: Path = ROOT) -> None:
    """Remove the groups of `name` that are empty."""
    for hierarchy in (root, *(root / controller for controller in _V1_CONTROLLERS)):
        for group in (hierarchy / "neomon" / name, hierarchy / "neomon"):
            try:
                group.rmdir()
            except OSError:
                break
