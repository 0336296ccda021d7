"""Both versions of control groups, from trees laid out as the kernel does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from exporter_pages import lint

from neomon.errors import UnavailableError
from neomon.exporters.containers.collector import ContainersCollector
from neomon.exporters.containers.devices import Devices
from neomon.exporters.containers.hierarchy import open_hierarchy
from neomon.exporters.containers.model import Hierarchy, Limits, Scan, Usage
from neomon.exporters.containers.naming import Identity
from neomon.exporters.containers.processes import Processes
from neomon.exporters.web import Exposition

Scrape = Callable[[Exposition], dict[tuple[str, frozenset[tuple[str, str]]], float]]
CONTAINER = "ab" * 32


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    root = tmp_path / "proc"
    table = "Inter-|\n face |bytes\n    lo: 9 0 0 0 0 0 0 0 9 0\n  eth0: {} 0 0 0 0 0 0 0 {} 0\n"
    write(
        root,
        {
            "stat": "cpu 1 2 3\nbtime 1700000000\n",
            "meminfo": "MemTotal:       1000 kB\nMemFree: 1 kB\n",
            "1/ns/net": "",
            "1/net/dev": table.format(100, 200),
            "41/ns/net": "",
            "41/net/dev": table.format(11, 22),
            "41/stat": "41 (odd ) name) S 1 " + " ".join(["0"] * 17) + f" {500 * os.sysconf('SC_CLK_TCK')} 0",
        },
    )
    return root


def v2_group(**more: str) -> dict[str, str]:
    return {
        "cpu.stat": "usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000\n"
        "nr_periods 10\nnr_throttled 4\nthrottled_usec 500000\n",
        "memory.current": "1000\n",
        "memory.max": "max\n",
        "memory.stat": "anon 600\nfile 400\ninactive_file 150\n",
        "memory.events": "low 0\noom 3\noom_kill 2\n",
        "io.stat": "8:0 rbytes=100 wbytes=200 rios=1 wios=2\n253:0 rbytes=100 wbytes=200\n7:0 \n",
        "pids.current": "7\n",
        "cgroup.procs": "41\n",
        **more,
    }


def v2_tree(root: Path) -> None:
    write(root, {"cgroup.controllers": "cpu memory", "cpu.stat": "usage_usec 9000000\n", "cgroup.procs": "1\n"})
    for group, files in {
        "system.slice": v2_group(**{"cgroup.procs": "", "memory.max": "5000\n"}),
        f"system.slice/docker-{CONTAINER}.scope": v2_group(),
        "system.slice/ssh.service": v2_group(**{"cgroup.procs": "1\n"}),
    }.items():
        write(root / group, files)


def v1_tree(root: Path) -> None:
    for controller in ("memory", "cpuacct", "cpu", "pids", "blkio", "systemd", "unified"):
        (root / controller / "neomon" / "prometheus").mkdir(parents=True)
    (root / "unified" / "cgroup.controllers").write_text("hugetlb\n")
    group = "neomon/prometheus"
    write(
        root,
        {
            f"memory/{group}/memory.usage_in_bytes": "1000\n",
            f"memory/{group}/memory.limit_in_bytes": "9223372036854771712\n",
            f"memory/{group}/memory.stat": "cache 1\nrss 1\ntotal_cache 400\ntotal_rss 600\ntotal_inactive_file 150\n",
            f"memory/{group}/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
            f"memory/{group}/cgroup.procs": "41\n",
            f"cpuacct/{group}/cpuacct.usage": "3000000000\n",
            f"cpuacct/{group}/cpuacct.usage_user": "2000000000\n",
            f"cpuacct/{group}/cpuacct.usage_sys": "1000000000\n",
            f"cpu/{group}/cpu.stat": "nr_periods 10\nnr_throttled 4\nthrottled_time 500000000\n",
            f"blkio/{group}/blkio.throttle.io_service_bytes_recursive": "8:0 Read 100\n8:0 Write 200\n8:0 Total 300\n"
            "253:0 Read 100\n253:0 Write 200\nTotal 600\n",
            f"pids/{group}/pids.current": "7\n",
        },
    )


def exposition(root: Path, proc: Path, limits: Limits | None = None, **more: bool) -> Exposition:
    # 253:0 lies on top of 8:0, as LVM's volumes do.
    write(root.parent / "sys", {"dev/block/253:0/slaves/sda": ""})
    hierarchy = open_hierarchy(str(root), Devices(str(root.parent / "sys")), limits or Limits())
    names = {CONTAINER: Identity("web", "nginx:1.25")}
    collector = ContainersCollector(hierarchy, Processes(str(proc)), names.get, **more)
    return Exposition("containers_exporter", [collector])


EXPECTED = {
    "container_cpu_usage_seconds_total": 3,
    "container_cpu_user_seconds_total": 2,
    "container_cpu_system_seconds_total": 1,
    "container_cpu_cfs_periods_total": 10,
    "container_cpu_cfs_throttled_periods_total": 4,
    "container_cpu_cfs_throttled_seconds_total": 0.5,
    "container_memory_usage_bytes": 1000,
    "container_memory_working_set_bytes": 850,
    "container_memory_rss": 600,
    "container_memory_cache": 400,
    "container_spec_memory_limit_bytes": 0,
    "container_oom_events_total": 2,
    "container_fs_reads_bytes_total": 100,
    "container_fs_writes_bytes_total": 200,
    "container_threads": 7,
    "container_processes": 1,
    "container_start_time_seconds": 1700000500,
}


def test_v2_exports_cadvisors_metrics(tmp_path: Path, proc: Path, samples: Scrape) -> None:
    v2_tree(tmp_path / "cgroup")
    found = samples(exposition(tmp_path / "cgroup", proc))
    scope = f"/system.slice/docker-{CONTAINER}.scope"
    labels = {"id": scope, "name": "web", "image": "nginx:1.25"}
    for name, value in EXPECTED.items():
        assert found[name, frozenset(labels.items())] == pytest.approx(value), name
    assert found["container_network_receive_bytes_total", frozenset({**labels, "interface": "eth0"}.items())] == 11
    assert found["container_network_transmit_bytes_total", frozenset({**labels, "interface": "eth0"}.items())] == 22
    assert ("container_last_seen", frozenset(labels.items())) in found
    assert found["machine_memory_bytes", frozenset()] == 1000 * 1024
    holder = frozenset({"id": "/system.slice", "name": "", "image": ""}.items())
    assert found["container_spec_memory_limit_bytes", holder] == 5000
    assert found["container_processes", holder] == 2, "its descendants' processes"
    network = [dict(labels) for name, labels in found if name == "container_network_receive_bytes_total"]
    assert sorted(labels["id"] for labels in network) == ["/", scope], "a service in the machine's network has none"


def test_v1_and_hybrid_give_the_same_figures(tmp_path: Path, proc: Path, samples: Scrape) -> None:
    v1_tree(tmp_path / "cgroup")
    found = samples(exposition(tmp_path / "cgroup", proc))
    labels = frozenset({"id": "/neomon/prometheus", "name": "prometheus", "image": ""}.items())
    for name, value in EXPECTED.items():
        assert found[name, labels] == pytest.approx(value), name


def test_v1_shared_hierarchies_and_old_kernels(tmp_path: Path) -> None:
    root = tmp_path / "cgroup"
    ticks = os.sysconf("SC_CLK_TCK")
    write(
        root / "cpu,cpuacct" / "docker" / CONTAINER,
        {
            "cpuacct.usage": "5000000000\n",
            "cpuacct.stat": f"user {3 * ticks}\nsystem {2 * ticks}\n",
            "cpu.stat": "nr_periods 1\n",
        },
    )
    (root / "cpu").symlink_to("cpu,cpuacct")
    hierarchy = open_hierarchy(str(root), Devices(), Limits())
    assert hierarchy.scan().paths == ["/", "/docker", f"/docker/{CONTAINER}"]
    usage = hierarchy.usage(f"/docker/{CONTAINER}")
    assert usage is not None
    assert (usage.cpu_seconds, usage.cpu_user_seconds, usage.cpu_system_seconds) == (5, 3, 2)
    assert (usage.cfs_periods, usage.memory_bytes, usage.read_bytes) == (1, None, None)


def test_nothing_mounted_is_said_clearly(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no control groups are mounted at"):
        open_hierarchy(str(tmp_path), Devices(), Limits())


@pytest.mark.parametrize("tree", [v1_tree, v2_tree])
def test_pages_pass_promtool(tmp_path: Path, proc: Path, tree: Callable[[Path], None]) -> None:
    tree(tmp_path / "cgroup")
    assert lint(exposition(tmp_path / "cgroup", proc).render().body) == ""


class Vanishing:
    """A hierarchy whose groups go away after they were listed."""

    version = 2

    def __init__(self, inner: Hierarchy) -> None:
        self._inner = inner

    def scan(self) -> Scan:
        return Scan([*self._inner.scan().paths, "/gone", "/gone/deeper"])

    def usage(self, path: str) -> Usage | None:
        return self._inner.usage(path)

    def pids(self, path: str) -> list[int]:
        return self._inner.pids(path)


@pytest.mark.parametrize("tree", [v1_tree, v2_tree])
def test_groups_that_vanish_meanwhile_are_left_out(
    tmp_path: Path, proc: Path, samples: Scrape, tree: Callable[[Path], None]
) -> None:
    tree(tmp_path / "cgroup")
    hierarchy = Vanishing(open_hierarchy(str(tmp_path / "cgroup"), Devices(), Limits()))
    collector = ContainersCollector(hierarchy, Processes(str(proc)), lambda _: None)
    found = samples(Exposition("containers_exporter", [collector]))
    assert found["containers_exporter_scrape_errors_total", frozenset()] == 0
    identifiers = {dict(labels).get("id") for _, labels in found}
    assert "/" in identifiers and "/gone" not in identifiers


def test_a_machine_with_too_many_groups(tmp_path: Path, proc: Path, samples: Scrape) -> None:
    root = tmp_path / "cgroup"
    v2_tree(root)
    for number in range(30):
        write(root / f"many-{number:02}" / "deep" / "deeper", v2_group())
    found = samples(exposition(root, proc, Limits(depth=2, groups=20)))
    assert found["containers_exporter_groups", frozenset()] == 20
    assert found["containers_exporter_groups_skipped", frozenset()] > 0
    depth = samples(exposition(root, proc, Limits(depth=2, groups=1000)))
    assert not any(dict(labels).get("id", "").endswith("/deeper") for _, labels in depth)


def test_only_named_leaves_holders_out(tmp_path: Path, proc: Path, samples: Scrape) -> None:
    v2_tree(tmp_path / "cgroup")
    found = samples(exposition(tmp_path / "cgroup", proc, only_named=True))
    named = {dict(labels)["id"] for name, labels in found if name == "container_memory_usage_bytes"}
    assert named == {f"/system.slice/docker-{CONTAINER}.scope", "/system.slice/ssh.service"}


def test_pods_share_one_network(tmp_path: Path, proc: Path, samples: Scrape) -> None:
    pod = "kubepods.slice/kubepods-pod1234.slice"
    v2_tree(tmp_path / "cgroup")
    write(tmp_path / "cgroup" / pod, v2_group(**{"cgroup.procs": ""}))
    for identifier in ("1" * 64, "2" * 64):
        write(tmp_path / "cgroup" / pod / f"cri-containerd-{identifier}.scope", v2_group())
    # The container of v2_tree is in the same namespace; only the pod stays.
    write(tmp_path / "cgroup" / f"system.slice/docker-{CONTAINER}.scope", {"cgroup.procs": ""})
    found = samples(exposition(tmp_path / "cgroup", proc))
    network = [dict(labels)["id"] for name, labels in found if name == "container_network_receive_bytes_total"]
    assert sorted(network) == ["/", f"/{pod}"]


@pytest.mark.skipif(not Path("/sys/fs/cgroup").is_dir(), reason="no control groups here")
def test_this_machine(samples: Scrape) -> None:
    try:
        hierarchy = open_hierarchy("/sys/fs/cgroup", Devices(), Limits())
    except UnavailableError:
        pytest.skip("no control groups here")
    page = Exposition("containers_exporter", [ContainersCollector(hierarchy, Processes(), lambda _: None)])
    found = samples(page)
    assert found["containers_exporter_scrape_errors_total", frozenset()] == 0
    root = frozenset({"id": "/", "name": "", "image": ""}.items())
    assert found["container_cpu_usage_seconds_total", root] > 0
    assert found["container_processes", root] >= 1
    assert lint(page.render().body) == ""
