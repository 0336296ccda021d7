from pathlib import Path

import pytest

from neomon.errors import ConflictError
from neomon.stack.files import one_at_a_time, replace_file


def test_a_replaced_file_is_private_and_leaves_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "run" / "file"
    replace_file(path, b"1")
    replace_file(path, b"2")
    assert path.read_bytes() == b"2"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_two_changes_at_once_are_refused_and_the_next_may_go(tmp_path: Path) -> None:
    with (
        one_at_a_time(tmp_path, "apply"),
        pytest.raises(ConflictError, match="under way"),
        one_at_a_time(tmp_path, "x"),
    ):
        pass
    with one_at_a_time(tmp_path, "apply"):
        pass
