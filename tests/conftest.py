from collections.abc import Iterator

import pytest

from support.stack import FAST, Stack


@pytest.fixture(scope="session")
def demo_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack with the demo, its intervals shortened by settings."""
    stack = Stack(tmp_path_factory.mktemp("demo"), {**FAST, "demo": {"history_hours": 0.5}})
    stack.run("up", "--demo", "--detach", seconds=240)
    yield stack
    stack.down()
