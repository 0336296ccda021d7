"""How to reach the Prometheus of this installation."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from yarl import URL

from neomon.dashboards.api import PrometheusAddress
from neomon.errors import InputError
from neomon.settings import Settings
from neomon.stack.secrets import SCRAPE_PASSWORD, SCRAPE_USER, Secrets
from neomon.stack.tls import certificates


def prometheus_address(settings: Settings, url: str | None = None, *, ca_file: Path | None = None) -> PrometheusAddress:
    """This installation's Prometheus, or the one at `url`.

    The generated password goes to this installation's own address only. Credentials for another one stand in its
    address: `https://user:password@host:port`.

    Raises:
        InputError: `url` is not an HTTP address.
    """
    own = settings.url("prometheus")
    wanted = URL(url or own)
    if wanted.scheme not in ("http", "https") or not wanted.host:
        raise InputError(f"{url} is not an address such as http://localhost:9090")
    if wanted.user:
        credentials: tuple[str, str] | None = (wanted.user, wanted.password or "")
    elif urlsplit(str(wanted)).netloc == urlsplit(own).netloc:
        credentials = (SCRAPE_USER, Secrets(settings.secrets_dir).read(SCRAPE_PASSWORD))
    else:
        credentials = None
    if ca_file is None and settings.encrypted and wanted.scheme == "https":
        ca_file = certificates(settings).ca
    return PrometheusAddress(str(wanted.with_user(None)), credentials, ca_file)
