from pathlib import Path

import pytest

from neomon.settings import REPOSITORY, Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "var", base_dir=REPOSITORY)
