"""Start the containers exporter."""

from __future__ import annotations

import logging
from pathlib import Path

from neomon.exporters.containers.collector import ContainersCollector
from neomon.exporters.containers.devices import Devices
from neomon.exporters.containers.hierarchy import CGROUP_ROOT, open_hierarchy
from neomon.exporters.containers.model import Limits
from neomon.exporters.containers.processes import Processes
from neomon.exporters.containers.runtimes import DOCKER, PODMAN, Runtimes
from neomon.exporters.isolated import isolated
from neomon.exporters.web import Exposition, serve
from neomon.exporters.web.config import load_web_config
from neomon.exporters.web.guard import Guard

logger = logging.getLogger(__name__)

LISTEN = "127.0.0.1:9101"


def run(
    *,
    listen: str = LISTEN,
    web_config: Path | None = None,
    cgroup_root: str = CGROUP_ROOT,
    proc_root: str = "/proc",
    docker_root: str = DOCKER,
    podman_root: str = PODMAN,
    only_named: bool = False,
) -> None:
    """Serve container metrics until told to stop.

    Raises:
        NeomonError: The web config is wrong, the address is taken, or there are no control groups.
    """
    guard = Guard(web_config, load=lambda path: isolated(load_web_config, path))
    hierarchy = open_hierarchy(cgroup_root, Devices(), Limits())
    logger.info("reading control groups version %d at %s", hierarchy.version, cgroup_root)
    runtimes = Runtimes(docker_root, podman_root)
    collector = ContainersCollector(hierarchy, Processes(proc_root), runtimes, only_named=only_named)
    serve("Containers exporter", Exposition("containers_exporter", [collector]), guard, listen)
