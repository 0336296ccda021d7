from pathlib import Path

from neomon.stack.cgroups import create_groups, remove_groups


def hierarchy(root: Path, *names: str) -> None:
    for name in names:
        (root / name).mkdir()


def with_procs(groups: tuple[Path, ...]) -> tuple[Path, ...]:
    for group in groups:
        (group / "cgroup.procs").touch()
    return groups


def test_one_group_in_each_hierarchy_of_version_1(tmp_path: Path) -> None:
    hierarchy(tmp_path, "memory", "cpuacct", "freezer")
    for controller in ("memory", "cpuacct"):
        group = tmp_path / controller / "neomon" / "prometheus"
        group.mkdir(parents=True)
        (group / "cgroup.procs").touch()
    groups = create_groups("prometheus", tmp_path)
    assert groups == (tmp_path / "cpuacct/neomon/prometheus", tmp_path / "memory/neomon/prometheus")


def test_one_group_in_version_2_with_its_controllers_enabled(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids io")
    (tmp_path / "cgroup.subtree_control").touch()
    group = tmp_path / "neomon" / "prometheus"
    group.mkdir(parents=True)
    (group / "cgroup.procs").touch()
    (tmp_path / "neomon" / "cgroup.subtree_control").touch()
    assert create_groups("prometheus", tmp_path) == (group,)
    assert (tmp_path / "neomon" / "cgroup.subtree_control").read_text() == "+io"


def test_without_the_right_to_create_groups_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "memory").write_text("not a directory")
    assert create_groups("prometheus", tmp_path) == ()
    assert create_groups("prometheus", tmp_path / "missing") == ()


def test_removing_leaves_groups_of_others_alone(tmp_path: Path) -> None:
    hierarchy(tmp_path, "memory")
    (tmp_path / "memory/neomon/prometheus").mkdir(parents=True)
    (tmp_path / "memory/neomon/node").mkdir()
    remove_groups("prometheus", tmp_path)
    assert [path.name for path in (tmp_path / "memory/neomon").iterdir()] == ["node"]
