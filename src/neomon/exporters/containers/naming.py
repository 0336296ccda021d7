"""Tell from a control group's path which container or service it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

SHORT_ID = 12
"""Digits of a container's id shown when its name can't be found; what `docker ps` shows."""

_ID = r"(?P<id>[0-9a-f]{64})"
_SCOPE = re.compile(rf"(?P<runtime>docker|cri-containerd|crio|libpod|nerdctl)-{_ID}\.scope")
_BARE = re.compile(_ID)
_LXC = re.compile(r"(?:lxc\.payload[./]|lxc/)(?P<name>[^/]+)$")
_MACHINE = re.compile(r"machine-(?P<name>.+)\.scope")
_SERVICE = re.compile(r"(?P<name>.+)\.service")
# A user's own service manager is a tree of services, not one.
_DELEGATED = re.compile(r"user@\d+\.service")
_ESCAPED = re.compile(r"\\x([0-9a-f]{2})")

OWN = "neomon"
"""neomon's supervisor puts each component into `<somewhere>/neomon/<component>`."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a group is called; both texts are empty for a group that only holds others."""

    name: str = ""
    image: str = ""


ANONYMOUS = Identity()

Lookup = Callable[[str], Identity | None]
"""Finds a container by its 64-digit id."""


def identify(paths: Iterable[str], lookup: Lookup) -> Mapping[str, Identity]:
    """Name each group.

    Only the outermost container or service on a path gets a name: what runs inside is already in its figures, and
    sums over named groups must not count it twice. neomon's components keep theirs, and the unit around them loses its.

    Args:
        paths: Group paths, parents before children.
        lookup: Finds a container's name and image by id.
    """
    identities: dict[str, Identity] = {}
    inside: set[str] = set()
    for path in paths:
        parent, _, base = path.rpartition("/")
        if parent.rpartition("/")[2] == OWN and base:
            identities[path] = Identity(base)
            inside.add(path)
            holder = parent.rpartition("/")[0]
            while holder:
                identities[holder] = ANONYMOUS
                holder = holder.rpartition("/")[0]
        elif parent in inside:
            identities[path] = ANONYMOUS
            inside.add(path)
        else:
            identities[path] = identity = _own(path, base, lookup)
            if identity.name:
                inside.add(path)
    return identities


def _own(path: str, base: str, lookup: Lookup) -> Identity:
    container = _SCOPE.fullmatch(base) or _BARE.fullmatch(base)
    if container:
        identifier = container["id"]
        return lookup(identifier) or Identity(identifier[:SHORT_ID])
    if found := _LXC.search(path):
        return Identity(found["name"])
    if found := _MACHINE.fullmatch(base):
        return Identity(_unescape(found["name"]))
    if (found := _SERVICE.fullmatch(base)) and not _DELEGATED.fullmatch(base):
        return Identity(_unescape(found["name"]))
    return ANONYMOUS


def _unescape(unit: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), unit)
