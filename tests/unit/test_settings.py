"""Bad settings are one sentence that names the setting, wherever they come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from neomon.errors import SettingsError
from neomon.settings import Settings, load_settings


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("- a", "expected settings by name"),
        ("just text", "expected settings by name"),
        ("1: 2", "expected settings by name"),
        (b"\xff\xfe\x00", "not UTF-8"),
        ("ports: [", ":1: not valid YAML"),
        ("enviroment: x", "enviroment"),
        ("prometheus: {scrape_interval: often}", "prometheus.scrape_interval"),
        ("prometheus: {scrape_interval: .inf}", "prometheus.scrape_interval"),
        ("prometheus: {retention_days: 99999999999}", "prometheus.retention_days"),
        ("listen: ''", "listen"),
        ("listen: nosuchhost.invalid", "listen"),
        ("tls: {names: ['a b']}", "tls.names"),
        ("alerting: {mail: {smarthost: 'h:99999'}}", "alerting.mail.smarthost"),
        ("ports: {node: 9090}", "ports.node and ports.prometheus are both 9090"),
        ("demo: {ports: {smtp: 8112}}", "both 8112"),
    ],
)
def test_a_bad_file_is_refused_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | bytes, words: str
) -> None:
    file = tmp_path / "neomon.yml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    monkeypatch.setenv("NEOMON_DATA_DIR", str(tmp_path))
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_variable_is_refused_with_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEOMON_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("NEOMON_PORTS", "x")
    with pytest.raises(SettingsError, match="ports"):
        load_settings()


def test_variables_win_over_the_file_and_the_file_over_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "neomon.yml").write_text("environment: staging\nports: {node: 19100, redis: 19121}\n")
    monkeypatch.setenv("NEOMON_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("NEOMON_PORTS__NODE", "29100")
    settings = load_settings()
    assert settings.environment == "staging"
    assert (settings.ports.node, settings.ports.redis, settings.ports.prometheus) == (29100, 19121, 9090)


def test_anything_but_loopback_is_encrypted() -> None:
    assert not Settings().encrypted
    assert Settings(listen="0.0.0.0").encrypted
    assert Settings(listen="0.0.0.0").url("prometheus") == "https://127.0.0.1:9090"
