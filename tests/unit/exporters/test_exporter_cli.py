"""The commands of `neomon exporter`, and the light way to start the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neomon.cli.exporter import app

QUERIES = """\
queries:
  - name: tenants
    database: main
    sql: SELECT 1 AS v
    metrics:
      - {name: tenants, type: gauge, help: Tenants., value: v}
"""


def test_help_names_both_exporters_and_shows_how() -> None:
    listing = CliRunner().invoke(app, ["--help"])
    assert listing.exit_code == 0 and "containers" in listing.output and "platform" in listing.output
    for command in ("containers", "platform"):
        shown = CliRunner().invoke(app, [command, "--help"])
        assert shown.exit_code == 0 and f"neomon exporter {command}" in shown.output


def test_check_lists_the_queries_or_names_the_mistake(tmp_path: Path) -> None:
    config, databases = tmp_path / "queries.yml", tmp_path / "databases.json"
    config.write_text(QUERIES)
    databases.write_text(json.dumps({"main": {"address": "h:1", "user": "u", "password_file": "/p"}}))
    arguments = ["platform", "--config", str(config), "--databases", str(databases), "--check"]
    good = CliRunner().invoke(app, arguments)
    assert (good.exit_code, good.output) == (0, "tenants: every 30 s from main: tenants\n")
    config.write_text(QUERIES.replace("gauge", "guage"))
    bad = CliRunner().invoke(app, arguments)
    assert bad.exit_code == 2
    assert f"error: {config}:6: query 'tenants': metrics.0.type" in bad.stderr


@pytest.mark.skipif(not Path("/sys/fs/cgroup").is_dir(), reason="no control groups here")
def test_the_containers_exporter_serves_and_stops(tmp_path: Path) -> None:
    root = tmp_path / "cgroup"
    (root / "neomon" / "node").mkdir(parents=True)
    (root / "cgroup.controllers").write_text("cpu\n")
    for group in ("", "neomon", "neomon/node"):
        (root / group / "cpu.stat").write_text("usage_usec 1000000\n")
    command = [
        sys.executable,
        "-m",
        "neomon.exporters.containers",
        "--listen",
        "127.0.0.1:0",
        "--cgroup-root",
        str(root),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        started = time.monotonic()
        port = None
        while port is None:
            line = process.stderr.readline()
            assert line and time.monotonic() - started < 20, "it says where it listens"
            if "listening on" in line:
                port = int(line.rsplit(":", 1)[1])
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
            page = response.read().decode()
        assert 'container_cpu_usage_seconds_total{id="/neomon/node",image="",name="node"} 1.0' in page
        taken = subprocess.run(
            [*command[:4], f"127.0.0.1:{port}", *command[5:]], capture_output=True, text=True, timeout=20
        )
        assert taken.returncode == 1
        assert f"error: can't listen on 127.0.0.1:{port}" in taken.stderr and "Traceback" not in taken.stderr
    finally:
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        process.stderr.close()
