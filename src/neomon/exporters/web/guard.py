"""Who may scrape: credentials and certificates of the web config file, read again when it changes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import os
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path

from neomon.errors import InputError
from neomon.exporters.web.config import WebConfig, load_web_config

logger = logging.getLogger(__name__)

CACHE_SIZE = 64
"""Accepted `Authorization` headers remembered."""
BCRYPT_LIMIT = 72
"""Bytes of a password that bcrypt looks at; longer ones are refused, as the hash can't tell them apart."""
# A hash of nothing anyone knows, checked for unknown users so that they take as long as known ones.
DECOY = b"$2b$10$s6nk4pmalLU1E47.3UuItOSML7UqsIMwHuxcZXt4fR8SPpvxKPcn."


class Credentials:
    """Checks `Authorization` headers against bcrypt hashes, paying for each right one only once."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = {user: hashed.encode() for user, hashed in users.items()}
        self._key = os.urandom(32)
        self._accepted: set[bytes] = set()

    @property
    def required(self) -> bool:
        """Whether a scraper must identify itself."""
        return bool(self._users)

    def remembered(self, header: str) -> bool:
        """Whether this very header was accepted before; takes microseconds."""
        # The keyed digest, not the secret, is compared: timing tells nothing about the latter.
        return self._digest(header) in self._accepted

    def verify(self, header: str) -> bool:
        """Check a header against the hashes; takes as long as bcrypt does."""
        import bcrypt

        user, password = _basic(header)
        hashed = self._users.get(user, DECOY)
        try:
            matches = len(password) <= BCRYPT_LIMIT and bcrypt.checkpw(password, hashed)
        except ValueError:
            matches = False
        if not matches or user not in self._users:
            return False
        if len(self._accepted) >= CACHE_SIZE:
            self._accepted.clear()
        self._accepted.add(self._digest(header))
        return True

    def _digest(self, header: str) -> bytes:
        return hmac.digest(self._key, header.encode("utf-8", "surrogateescape"), hashlib.sha256)


def _basic(header: str) -> tuple[str, bytes]:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return "", b""
    try:
        user, _, password = base64.b64decode(value.strip(), validate=True).partition(b":")
        return user.decode("utf-8"), password
    except (binascii.Error, ValueError):
        return "", b""


class Guard:
    """The web config file in force.

    `refresh` looks at the files' times and loads what changed, so that credentials and certificates can be rotated
    under a running exporter. A file that became unreadable leaves the last good state in force.
    """

    def __init__(self, path: Path | None, load: Callable[[Path], WebConfig] = load_web_config) -> None:
        self._path = path
        self._stamp = _stamp(path, ())
        config = load(path) if path else WebConfig()
        self._apply(config)
        self.context: ssl.SSLContext | None = config.tls.context() if config.tls else None
        self._stamp = _stamp(path, config.files())

    def _apply(self, config: WebConfig) -> None:
        self._config = config
        self.credentials = Credentials(config.users)

    def refresh(self) -> None:
        """Load the files again when they changed."""
        if self._path is None:
            return
        stamp = _stamp(self._path, self._config.files())
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            config = load_web_config(self._path)
            if _lasting(config) != _lasting(self._config):
                raise InputError(f"{self._path}: only users and certificates can change without a restart")
            if config.tls and self.context:
                config.tls.load(self.context)
        except InputError as error:
            logger.error("%s; the previous web config stays in force", error)
            return
        self._apply(config)
        self._stamp = _stamp(self._path, config.files())
        logger.info("loaded %s again", self._path)


def _lasting(config: WebConfig) -> object:
    """What of the TLS settings a running listener keeps."""
    return config.tls and (config.tls.client_ca, config.tls.client_auth, config.tls.minimum)


def _stamp(path: Path | None, others: tuple[Path, ...]) -> tuple[tuple[int, int] | None, ...]:
    stamps: list[tuple[int, int] | None] = []
    for file in (path, *others) if path else ():
        try:
            status = file.stat()
            stamps.append((status.st_mtime_ns, status.st_ino))
        except OSError:
            stamps.append(None)
    return tuple(stamps)
