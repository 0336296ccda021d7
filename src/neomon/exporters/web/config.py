"""The web config file of exporter-toolkit, as all Prometheus programs read it."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neomon.errors import InputError

BCRYPT = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")
TLS_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
CLIENT_AUTH = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


@dataclass(frozen=True)
class TlsFiles:
    """`tls_server_config`: where certificate and key are, and what is asked of clients."""

    certificate: Path
    key: Path
    client_ca: Path | None = None
    client_auth: ssl.VerifyMode = ssl.CERT_NONE
    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2

    def context(self) -> ssl.SSLContext:
        """A server context with these files.

        Raises:
            InputError: A file is missing or not what it should be.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self.minimum
        self.load(context)
        if self.client_ca:
            try:
                context.load_verify_locations(self.client_ca)
            except OSError as error:
                raise InputError(f"client certificates' CA {self.client_ca}: {error}") from error
            context.verify_mode = self.client_auth
        return context

    def load(self, context: ssl.SSLContext) -> None:
        """Load the certificate into `context`; connections made from now on use it."""
        try:
            context.load_cert_chain(self.certificate, self.key)
        except OSError as error:
            raise InputError(f"certificate {self.certificate} with key {self.key}: {error}") from error


@dataclass(frozen=True)
class WebConfig:
    """What a web config file says; without one, neither credentials nor TLS."""

    users: Mapping[str, str] = field(default_factory=dict)
    """Bcrypt hash by user name."""
    tls: TlsFiles | None = None

    def files(self) -> tuple[Path, ...]:
        """Files whose change calls for another look."""
        return (self.tls.certificate, self.tls.key) if self.tls else ()


def load_web_config(path: Path) -> WebConfig:
    """Read a web config file.

    A key this server does not implement is refused: an ignored security setting would be a hole.

    Raises:
        InputError: The file is missing, not YAML, or says something this server can't do.
    """
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise InputError(f"web config {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise InputError(f"{path}{f':{mark.line + 1}' if mark else ''}: not valid YAML") from error
    section = _mapping(path, "the file", document, {"basic_auth_users", "tls_server_config", "http_server_config"})
    _mapping(path, "http_server_config", section.get("http_server_config") or {}, {"http2"})
    users = _mapping(path, "basic_auth_users", section.get("basic_auth_users") or {}, None)
    for user, hashed in users.items():
        if not isinstance(hashed, str) or not BCRYPT.fullmatch(hashed):
            raise InputError(f"{path}: basic_auth_users.{user} is not a bcrypt hash")
    tls = section.get("tls_server_config")
    return WebConfig(users, _tls(path, tls) if tls else None)


def _tls(path: Path, value: object) -> TlsFiles:
    known = {"cert_file", "key_file", "client_ca_file", "client_auth_type", "min_version"}
    section = _mapping(path, "tls_server_config", value, known)
    for key in ("cert_file", "key_file"):
        if not isinstance(section.get(key), str):
            raise InputError(f"{path}: tls_server_config.{key} is missing")
    auth = section.get("client_auth_type") or "NoClientCert"
    if auth not in CLIENT_AUTH:
        raise InputError(f"{path}: tls_server_config.client_auth_type {auth!r} is none of {', '.join(CLIENT_AUTH)}")
    if (auth == "NoClientCert") != ("client_ca_file" not in section):
        raise InputError(f"{path}: tls_server_config needs client_ca_file and client_auth_type together")
    minimum = section.get("min_version") or "TLS12"
    if minimum not in TLS_VERSIONS:
        raise InputError(f"{path}: tls_server_config.min_version {minimum!r} is none of {', '.join(TLS_VERSIONS)}")
    # Relative names are meant relative to the file they stand in.
    folder = path.parent
    return TlsFiles(
        certificate=folder / section["cert_file"],
        key=folder / section["key_file"],
        client_ca=folder / section["client_ca_file"] if "client_ca_file" in section else None,
        client_auth=CLIENT_AUTH[auth],
        minimum=TLS_VERSIONS[minimum],
    )


def _mapping(path: Path, where: str, value: object, known: set[str] | None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{path}: {where} must be a mapping")
    if known is not None and (unknown := sorted(str(key) for key in set(value) - known)):
        raise InputError(f"{path}: {where}: {', '.join(unknown)} is not supported (known: {', '.join(sorted(known))})")
    return {str(key): entry for key, entry in value.items()}
