"""scripts/setup.sh where it can't install: it names what is missing and how to get it, and changes nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from neomon.settings import REPOSITORY

BASIC = ("bash", "dirname", "id", "sort", "cat", "sed", "cut", "env", "sha256sum", "mktemp", "basename")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A search path with basic tools only."""
    for name in BASIC:
        found = shutil.which(name)
        assert found
        (tmp_path / name).symlink_to(found)
    return tmp_path


def setup(machine: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(REPOSITORY / "scripts" / "setup.sh"), *arguments],
        env={"PATH": str(machine), "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_apt_it_names_the_missing_programs(machine: Path) -> None:
    ran = setup(machine)
    assert ran.returncode == 1
    assert "no apt-get here" in ran.stderr
    for package in ("prometheus-alertmanager", "prometheus-node-exporter", "redis-server"):
        assert package in ran.stderr


def test_without_root_it_says_what_to_ask_an_administrator(machine: Path) -> None:
    for name, body in (("apt-get", "exit 1"), ("id", "echo 1000")):
        (machine / name).unlink(missing_ok=True)
        (machine / name).write_text(f"#!{machine}/bash\n{body}\n")
        (machine / name).chmod(0o755)
    ran = setup(machine)
    assert ran.returncode == 1
    assert "Ask an administrator to run: apt-get install" in ran.stderr
    assert "prometheus-blackbox-exporter" in ran.stderr


def test_an_unknown_option_is_refused(machine: Path) -> None:
    ran = setup(machine, "--fast")
    assert ran.returncode == 2
    assert "--fast" in ran.stderr
