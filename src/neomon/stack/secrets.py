"""Generated passwords and tokens: one file each, mode 0600, made at first use, never logged."""

from __future__ import annotations

import os
import secrets as random
from dataclasses import dataclass
from pathlib import Path

SCRAPE_USER = "neomon"
"""User name of the credentials that open Prometheus, Alertmanager, neomon's metrics and the exporters."""
SCRAPE_PASSWORD = "scrape.password"  # noqa: S105
EXPORTER_USER = "exporter"
"""User name of the credentials that open exporters only: Prometheus shows them to every host it scrapes for metrics."""
EXPORTER_PASSWORD = "exporter.password"  # noqa: S105
ADMIN_PASSWORD = "admin.password"  # noqa: S105
STACK_TOKEN = "stack.token"  # noqa: S105
"""Prometheus and Alertmanager show this to neomon."""
SERVICE_TOKEN = "service.token"  # noqa: S105
"""Services show this to neomon to register their targets."""


@dataclass(frozen=True)
class Secrets:
    """The secrets directory of one installation."""

    directory: Path

    def path(self, name: str) -> Path:
        """File of the secret `name`, generated (256 random bits) when absent."""
        path = self.directory / name
        if not path.exists():
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._create(path, random.token_urlsafe(32))
        return path

    def read(self, name: str) -> str:
        """The secret `name`, generated when absent."""
        return self.path(name).read_text(encoding="utf-8").strip()

    def _create(self, path: Path, value: str) -> None:
        # Linking a finished file is atomic: of two that start at once, both end up with the same secret.
        draft = path.with_name(f".{path.name}.{random.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(value)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
