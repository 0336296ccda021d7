"""Names and images of containers, from the files Docker and Podman keep."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field

from neomon.exporters.containers.files import read_text
from neomon.exporters.containers.naming import Identity

DOCKER = "/var/lib/docker"
PODMAN = "/var/lib/containers/storage"
REMEMBERED = 4096
"""Containers whose names are kept."""


@dataclass
class Runtimes:
    """Looks containers up by id; unreadable or unknown ones are None, and looked for again when the files change."""

    docker: str = DOCKER
    podman: str = PODMAN
    _known: dict[str, tuple[int, Identity | None]] = field(default_factory=dict)
    _podman: tuple[int, dict[str, Identity]] = (0, {})

    def __call__(self, identifier: str) -> Identity | None:
        """Find a container by its 64-digit id."""
        return self._from_docker(identifier) or self._from_podman(identifier)

    def _from_docker(self, identifier: str) -> Identity | None:
        path = f"{self.docker}/containers/{identifier}/config.v2.json"
        changed = _changed(path)
        if not changed:
            return None
        known = self._known.get(identifier)
        if known is None or known[0] != changed:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[identifier] = (changed, _docker_identity(_parsed(path)))
        return known[1]

    def _from_podman(self, identifier: str) -> Identity | None:
        path = f"{self.podman}/overlay-containers/containers.json"
        changed = _changed(path)
        if changed != self._podman[0]:
            document = _parsed(path)
            entries = document if isinstance(document, list) else []
            self._podman = (changed, dict(pair for entry in entries for pair in _podman_identities(entry)))
        return self._podman[1].get(identifier)


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - kept light
    except OSError:
        return 0


def _parsed(path: str) -> object:
    try:
        return json.loads(read_text(path) or "null")
    except ValueError:
        return None


def _docker_identity(document: object) -> Identity | None:
    if not isinstance(document, dict) or not isinstance(document.get("Name"), str):
        return None
    config = document.get("Config")
    image = config.get("Image") if isinstance(config, dict) else None
    return Identity(document["Name"].lstrip("/"), image if isinstance(image, str) else "")


def _podman_identities(entry: object) -> list[tuple[str, Identity]]:
    if not isinstance(entry, dict):
        return []
    names = entry.get("names")
    if not isinstance(entry.get("id"), str) or not isinstance(names, list) or not names:
        return []
    try:
        details = json.loads(entry.get("metadata") or "{}")
    except (TypeError, ValueError):
        details = {}
    image = details.get("image-name") if isinstance(details, dict) else None
    return [(entry["id"], Identity(str(names[0]), image if isinstance(image, str) else ""))]
