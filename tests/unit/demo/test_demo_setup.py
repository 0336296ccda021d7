"""Certificates, privileges, settings and programs of the demo."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest
from cryptography import x509

from neomon.demo.catalogue import DATABASES
from neomon.demo.certificates import EdgeCertificates, days_left
from neomon.demo.origin import Origin
from neomon.demo.postgres import schema_sections
from neomon.demo.privileges import first_closed_directory
from neomon.demo.programs import demo_programs, demo_settings
from neomon.demo.runtime import VARIABLE, Runtime
from neomon.settings import Mail, Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("NEOMON_DATA_DIR", str(tmp_path))
    return load_settings()


def test_certificates_are_made_once_and_renewed_in_time(tmp_path: Path) -> None:
    certificates = EdgeCertificates(tmp_path / "certificates")
    certificates.ensure()
    first = certificates.server.read_bytes()
    assert days_left(certificates.server) == pytest.approx(90, abs=0.1)
    certificates.ensure()
    assert certificates.server.read_bytes() == first
    certificates.issue(10)
    assert days_left(certificates.server) == pytest.approx(10, abs=0.1)
    certificates.ensure()
    assert days_left(certificates.server) == pytest.approx(90, abs=0.1)
    assert stat.S_IMODE(certificates.server.stat().st_mode) == 0o600


def test_the_authority_vouches_for_the_server(tmp_path: Path) -> None:
    certificates = EdgeCertificates(tmp_path)
    certificates.ensure()
    authority = x509.load_pem_x509_certificate(certificates.authority.read_bytes())
    server = x509.load_pem_x509_certificate(certificates.server.read_bytes())
    server.verify_directly_issued_by(authority)


def test_the_first_closed_directory_is_named() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as temporary:
        outer = Path(temporary)
        inner = outer / "closed"
        data = inner / "data"
        data.mkdir(parents=True)
        outer.chmod(0o755)
        inner.chmod(0o700)
        stranger = 54_321
        assert first_closed_directory(data, stranger, stranger) == inner
        assert first_closed_directory(data, os.getuid(), os.getgid()) is None
        inner.chmod(0o711)
        assert first_closed_directory(data, stranger, stranger) is None


def test_demo_settings_point_at_the_demo(settings: Settings) -> None:
    demo = demo_settings(settings)
    assert demo.environment == "demo"
    assert demo.postgres is not None
    assert demo.postgres.address == "127.0.0.1:8132"
    assert demo.postgres.user == "neomon_exporter"
    assert set(demo.databases) == set(DATABASES)
    assert demo.redis is not None
    assert demo.alerting.mail is not None
    assert not demo.alerting.mail.require_tls
    assert demo.alerting.chat is not None
    url = demo.alerting.chat.url_file
    assert url.read_text().startswith("http://127.0.0.1:8126/hooks/")
    assert stat.S_IMODE(url.stat().st_mode) == 0o600


def test_demo_settings_leave_alone_what_the_user_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEOMON_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("NEOMON_ENVIRONMENT", "lab")
    mail = Mail(smarthost="mail.example.org:25")
    mine = load_settings()
    mine = mine.model_copy(update={"alerting": mine.alerting.model_copy(update={"mail": mail})})
    demo = demo_settings(mine)
    assert demo.environment == "lab"
    assert demo.alerting.mail == mail
    assert demo.alerting.chat is not None


def test_programs_carry_no_secret_in_sight(settings: Settings) -> None:
    demo = demo_settings(settings)
    secrets = [path.read_text().strip() for path in demo.secrets_dir.iterdir()]
    for program in demo_programs(demo):
        shown = " ".join(program.command) + " ".join(program.environment.values())
        assert program.name.startswith("demo-")
        assert not [secret for secret in secrets if secret in shown]


def test_runtime_survives_the_way_through_the_environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Runtime.of(demo_settings(settings))
    monkeypatch.setenv(VARIABLE, runtime.to_json())
    assert Runtime.from_environment() == runtime


def test_origin_is_decided_once(tmp_path: Path) -> None:
    first = Origin.of(tmp_path)
    assert Origin.of(tmp_path) == first
    assert all(event.at < first.at for event in (*first.deployments, *first.configuration_changes, *first.backups))


def test_schema_has_a_section_for_every_database() -> None:
    assert set(schema_sections()) == {*DATABASES, "*"}
