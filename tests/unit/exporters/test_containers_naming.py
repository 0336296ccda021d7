"""Which container or service a control group is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neomon.exporters.containers.naming import Identity, identify
from neomon.exporters.containers.runtimes import Runtimes

ID = "0123456789abcdef" * 4
SHORT = "0123456789ab"


def parents_first(path: str) -> list[str]:
    parts = path.strip("/").split("/")
    return ["/", *("/" + "/".join(parts[: count + 1]) for count in range(len(parts)))]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"/system.slice/docker-{ID}.scope", SHORT),
        (f"/docker/{ID}", SHORT),
        (f"/machine.slice/libpod-{ID}.scope", SHORT),
        (f"/kubepods.slice/kubepods-burstable.slice/kubepods-pod12_34.slice/cri-containerd-{ID}.scope", SHORT),
        (f"/kubepods.slice/kubepods-pod12.slice/crio-{ID}.scope", SHORT),
        (f"/kubepods/besteffort/pod12/{ID}", SHORT),
        ("/lxc.payload.web", "web"),
        ("/lxc/web", "web"),
        ("/machine.slice/machine-debian\\x2d12.scope", "debian-12"),
        ("/system.slice/postgresql@15-main.service", "postgresql@15-main"),
        ("/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1"),
        ("/neomon/prometheus", "prometheus"),
        ("/system.slice/neomon.service/neomon/node", "node"),
        # These only hold others, or are nobody's service.
        ("/", ""),
        ("/system.slice", ""),
        ("/neomon", ""),
        ("/kubepods.slice/kubepods-pod12.slice", ""),
        (f"/machine.slice/libpod-conmon-{ID}.scope", ""),
        ("/user.slice/user-1000.slice/user@1000.service", ""),
        ("/user.slice/user-1000.slice/session-3.scope", ""),
        ("/init.scope", ""),
        ("/some/" + "a1" * 16, ""),
    ],
)
def test_names(path: str, name: str) -> None:
    assert identify(parents_first(path), lambda _: None)[path].name == name


def test_what_runs_inside_a_container_is_not_counted_again() -> None:
    scope = f"/system.slice/docker-{ID}.scope"
    identities = identify(parents_first(f"{scope}/system.slice/nginx.service"), lambda _: Identity("web", "debian"))
    assert identities[scope] == Identity("web", "debian")
    assert identities[f"{scope}/system.slice/nginx.service"].name == ""


def test_users_services_are_services() -> None:
    path = "/user.slice/user-1000.slice/user@1000.service/app.slice/syncthing.service"
    assert identify(parents_first(path), lambda _: None)[path].name == "syncthing"


def test_the_unit_around_neomons_components_gives_way_to_them() -> None:
    unit = "/system.slice/neomon.service"
    identities = identify([*parents_first(f"{unit}/neomon/node"), f"{unit}/neomon/node/inner"], lambda _: None)
    assert identities[unit].name == ""
    assert identities[f"{unit}/neomon/node/inner"].name == ""


def test_docker_and_podman_know_names(tmp_path: Path) -> None:
    state = tmp_path / "docker" / "containers" / ID / "config.v2.json"
    state.parent.mkdir(parents=True)
    state.write_text(json.dumps({"Name": "/web", "Config": {"Image": "nginx:1.25"}}))
    listing = tmp_path / "podman" / "overlay-containers" / "containers.json"
    listing.parent.mkdir(parents=True)
    listing.write_text(
        json.dumps([{"id": "f" * 64, "names": ["db"], "metadata": json.dumps({"image-name": "postgres:15"})}])
    )
    lookup = Runtimes(str(tmp_path / "docker"), str(tmp_path / "podman"))
    assert lookup(ID) == Identity("web", "nginx:1.25")
    assert lookup("f" * 64) == Identity("db", "postgres:15")
    assert lookup("0" * 64) is None
    state.write_text(json.dumps({"Name": "/renamed", "Config": {"Image": "nginx:1.26"}}))
    assert lookup(ID) == Identity("renamed", "nginx:1.26")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"Name": 3}', '[{"id": 1}]', '[{"id": "x", "names": []}]'])
def test_odd_state_files_are_as_good_as_none(tmp_path: Path, text: str) -> None:
    for name in (f"docker/containers/{ID}/config.v2.json", "podman/overlay-containers/containers.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    assert Runtimes(str(tmp_path / "docker"), str(tmp_path / "podman"))(ID) is None
