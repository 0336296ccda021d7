import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bcrypt
import pytest
import yaml

from neomon.errors import SettingsError
from neomon.settings import Settings, Tls
from neomon.stack.secrets import SCRAPE_PASSWORD, SCRAPE_USER, Secrets
from neomon.stack.tls import certificates
from neomon.stack.webconfig import web_config


def test_a_secret_is_generated_once_and_private(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path / "secrets")
    value = secrets.read("a")
    assert len(value) >= 43
    assert secrets.read("a") == value
    assert secrets.read("b") != value
    assert (tmp_path / "secrets" / "a").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_those_that_start_at_once_agree_on_the_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        values = set(pool.map(lambda _: Secrets(tmp_path).read("shared"), range(64)))
    assert len(values) == 1


def test_the_web_config_holds_a_hash_of_the_password_only(settings: Settings) -> None:
    path = web_config(settings)
    password = Secrets(settings.secrets_dir).read(SCRAPE_PASSWORD)
    assert password not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    digest = yaml.safe_load(path.read_text())["basic_auth_users"][SCRAPE_USER]
    assert bcrypt.checkpw(password.encode(), digest.encode())
    before = path.stat().st_mtime_ns
    web_config(settings)
    assert path.stat().st_mtime_ns == before


def test_generated_certificates_are_trusted_by_their_ca_and_kept(settings: Settings) -> None:
    files = certificates(settings)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    assert files.key.stat().st_mode & 0o777 == 0o600
    serial = files.certificate.read_bytes()
    assert certificates(settings).certificate.read_bytes() == serial


def test_a_new_name_gets_a_new_certificate_from_the_same_ca(settings: Settings) -> None:
    files = certificates(settings)
    ca, certificate = files.ca.read_bytes(), files.certificate.read_bytes()
    certificates(settings.model_copy(update={"tls": Tls(names=("mon.example",))}))
    assert files.ca.read_bytes() == ca
    assert files.certificate.read_bytes() != certificate


def test_half_given_certificates_are_refused(settings: Settings, tmp_path: Path) -> None:
    half = settings.model_copy(update={"tls": Tls(certificate=tmp_path / "c.pem")})
    with pytest.raises(SettingsError, match="together"):
        certificates(half)
