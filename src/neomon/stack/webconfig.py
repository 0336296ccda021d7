"""The web configuration file that guards the listeners of Prometheus, Alertmanager and the exporters.

Format: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import bcrypt
import yaml

from neomon.settings import Settings
from neomon.stack.files import replace_file
from neomon.stack.secrets import EXPORTER_PASSWORD, EXPORTER_USER, SCRAPE_PASSWORD, SCRAPE_USER, Secrets
from neomon.stack.tls import certificates

_ROUNDS = 4
"""The password has 256 random bits: a slow hash would protect nothing and cost CPU time on each scrape."""


def web_config(settings: Settings) -> Path:
    """The file for Prometheus and Alertmanager, written unless it is up to date."""
    return _written(settings, "web.yml", {SCRAPE_USER: SCRAPE_PASSWORD})


def exporter_web_config(settings: Settings) -> Path:
    """The file for the exporters, written unless it is up to date."""
    return _written(settings, "web-exporters.yml", {SCRAPE_USER: SCRAPE_PASSWORD, EXPORTER_USER: EXPORTER_PASSWORD})


def _written(settings: Settings, name: str, users: Mapping[str, str]) -> Path:
    path = settings.secrets_dir / name
    present = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    digests = present.get("basic_auth_users", {})
    secrets = Secrets(settings.secrets_dir)
    wanted: dict[str, object] = {
        "basic_auth_users": {user: _digest(secrets.read(secret), digests.get(user)) for user, secret in users.items()}
    }
    if settings.encrypted:
        files = certificates(settings)
        wanted["tls_server_config"] = {"cert_file": str(files.certificate), "key_file": str(files.key)}
    if wanted != present:
        replace_file(path, yaml.safe_dump(wanted).encode())
    return path


def _digest(password: str, present: str | None) -> str:
    """Hash of the password: the one there is, if it fits, so that an unchanged file stays the same."""
    if present and bcrypt.checkpw(password.encode(), present.encode()):
        return present
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(_ROUNDS)).decode()
