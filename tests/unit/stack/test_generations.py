from pathlib import Path

from neomon.stack.generations import Generations, read_tree, unified_diff


def test_a_generation_is_in_force_only_once_activated(tmp_path: Path) -> None:
    generations = Generations(tmp_path)
    first = generations.write({"a/b.yml": "1\n"})
    assert generations.current() is None
    generations.activate(first)
    second = generations.write({"a/b.yml": "2\n"})
    assert read_tree(generations.current()) == {"a/b.yml": "1\n"}
    generations.activate(second)
    assert (tmp_path / "current" / "a" / "b.yml").read_text() == "2\n"
    generations.activate(first)
    assert read_tree(generations.current()) == {"a/b.yml": "1\n"}


def test_the_one_in_force_survives_clearing(tmp_path: Path) -> None:
    generations = Generations(tmp_path)
    for number in range(12):
        generations.activate(generations.write({"x": str(number)}))
    assert read_tree(generations.current()) == {"x": "11"}
    assert len([path for path in tmp_path.iterdir() if path.name.isdigit()]) == 5
    generations.discard(generations.current() or tmp_path)
    assert read_tree(generations.current()) == {"x": "11"}


def test_a_half_written_generation_is_not_taken_for_the_next(tmp_path: Path) -> None:
    generations = Generations(tmp_path)
    generations.activate(generations.write({"x": "good"}))
    generations.write({"x": "abandoned by a killed process"})
    generations.activate(generations.write({"x": "newer"}))
    assert read_tree(generations.current()) == {"x": "newer"}


def test_the_diff_names_new_changed_and_removed_files() -> None:
    diff = unified_diff(
        {"same": "1\n", "changed": "1\n", "gone": "1\n"}, {"same": "1\n", "changed": "2\n", "new": "3\n"}
    )
    assert "same" not in diff
    assert "-1\n+2\n" in diff
    assert "--- a/gone\n+++ /dev/null" in diff
    assert "--- /dev/null\n+++ b/new" in diff
    assert unified_diff({"a": "1"}, {"a": "1"}) == ""
