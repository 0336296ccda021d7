"""The commands: what they print and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from neomon.cli import dashboards as cli
from neomon.dashboards.connection import prometheus_address
from neomon.errors import InputError
from neomon.settings import Settings

from .conftest import UIDS
from .fake_prometheus import FakePrometheus, matrix, running


def run(*arguments: str) -> int:
    assert isinstance(cli.app, typer.Typer)
    result = get_command(cli.app).main(args=list(arguments), prog_name="dashboards", standalone_mode=False)
    return result if isinstance(result, int) else 0


def test_render_check_names_what_differs(copied_dashboards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("render", "--check", "--directory", str(copied_dashboards)) == 0
    path = copied_dashboards / "auth-service.json"
    path.write_text(path.read_text().replace("Auth Service", "Login"))
    assert run("render", "--check", "--directory", str(copied_dashboards)) == 1
    assert str(path) in capsys.readouterr().err
    assert run("render", "--directory", str(copied_dashboards)) == 0
    assert run("render", "--check", "--directory", str(copied_dashboards)) == 0


def test_list_is_readable_by_scripts(dashboards_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "--json", "--directory", str(dashboards_dir)) == 0
    entries = json.loads(capsys.readouterr().out)
    assert {entry["uid"] for entry in entries} == set(UIDS)
    assert all(entry["panels"] and entry["queries"] and entry["description"] for entry in entries)
    assert run("list", "--directory", str(dashboards_dir)) == 0
    assert "Tenant Manager" in capsys.readouterr().out


async def _served(fake: FakePrometheus, *arguments: str) -> int:
    import asyncio

    async with running(fake) as url:
        return await asyncio.to_thread(run, "check", "--url", url, *arguments)


async def test_check_reports_and_ends_with_one_on_failure(
    dashboards_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEOMON_DATA_DIR", str(tmp_path))
    arguments = ("--directory", str(dashboards_dir))
    assert await _served(FakePrometheus(), *arguments) == 0
    assert "queries answered" in capsys.readouterr().out
    fake = FakePrometheus(results={"auth_tokens_issued_total": matrix()})
    assert await _served(fake, *arguments) == 1
    assert "auth-service: Tokens issued, query A: found nothing" in capsys.readouterr().out
    assert await _served(fake, *arguments, "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is False
    assert [entry["panel"] for entry in answer["results"] if entry["outcome"] == "empty"] == ["Tokens issued"]


def test_the_password_goes_to_ones_own_prometheus_only(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    own = prometheus_address(settings)
    assert own.url.rstrip("/") == settings.url("prometheus")
    assert own.credentials is not None
    assert own.credentials[0] == "neomon"
    assert prometheus_address(settings, settings.url("prometheus")).credentials == own.credentials
    assert prometheus_address(settings, "http://prometheus.example.org:9090").credentials is None
    given = prometheus_address(settings, "https://me:secret@prometheus.example.org")
    assert given.credentials == ("me", "secret")
    assert "secret" not in given.url
    with pytest.raises(InputError, match="not an address"):
        prometheus_address(settings, "prometheus:9090")


@pytest.mark.parametrize("command", ["render", "list", "check"])
def test_help_teaches_by_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(command, "--help")
    assert f"neomon dashboards {command}" in capsys.readouterr().out
