"""Certificates of the local listeners: given ones, or a private CA and a server certificate made here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neomon.errors import SettingsError
from neomon.settings import Settings


@dataclass(frozen=True)
class Certificates:
    """Files a listener and its clients need."""

    certificate: Path
    key: Path
    ca: Path


def certificates(settings: Settings) -> Certificates:
    """The certificate files of this installation, generated (or renewed) unless given in the settings.

    Raises:
        SettingsError: Only some of certificate, key and CA are given, or one does not exist.
    """
    given = (settings.tls.certificate, settings.tls.key, settings.tls.ca)
    if any(given):
        if not all(given):
            raise SettingsError("tls.certificate, tls.key and tls.ca must be given together")
        for path in given:
            if path is not None and not path.is_file():
                raise SettingsError(f"tls: {path} does not exist")
        certificate, key, ca = (path for path in given if path is not None)
        return Certificates(certificate.absolute(), key.absolute(), ca.absolute())
    directory = settings.data_dir / "tls"
    files = Certificates(directory / "server.crt", directory / "server.key", directory / "ca.crt")
    # The certificate library takes a while to load; most commands of a stack without TLS never need it.
    from neomon.stack.authority import issue, usable

    if not usable(files, settings):
        issue(files, directory / "ca.key", settings)
    return files
