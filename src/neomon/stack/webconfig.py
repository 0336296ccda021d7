"""The web configuration file that guards the listeners of Prometheus, Alertmanager and the exporters.

Format: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
"""

from __future__ import annotations

from pathlib import Path

import bcrypt
import yaml

from neomon.settings import Settings
from neomon.stack.files import replace_file
from neomon.stack.secrets import SCRAPE_PASSWORD, SCRAPE_USER, Secrets
from neomon.stack.tls import certificates

_ROUNDS = 4
"""The password has 256 random bits: a slow hash would protect nothing and cost CPU time on each scrape."""


def web_config(settings: Settings) -> Path:
    """Write the web configuration file of this installation, unless it is up to date, and return its path."""
    path = settings.secrets_dir / "web.yml"
    password = Secrets(settings.secrets_dir).read(SCRAPE_PASSWORD).encode()
    present = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    digest = present.get("basic_auth_users", {}).get(SCRAPE_USER, "").encode()
    if not digest or not bcrypt.checkpw(password, digest):
        digest = bcrypt.hashpw(password, bcrypt.gensalt(_ROUNDS))
    wanted: dict[str, object] = {"basic_auth_users": {SCRAPE_USER: digest.decode()}}
    if settings.encrypted:
        files = certificates(settings)
        wanted["tls_server_config"] = {"cert_file": str(files.certificate), "key_file": str(files.key)}
    if wanted != present:
        replace_file(path, yaml.safe_dump(wanted).encode())
    return path
