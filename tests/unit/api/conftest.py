from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client import REGISTRY

from neomon.api.app import create_app
from neomon.db.engine import open_engine
from neomon.db.migrate import migrate
from neomon.settings import REPOSITORY, Ports, Settings
from neomon.stack.secrets import ADMIN_PASSWORD, SCRAPE_PASSWORD, SERVICE_TOKEN, STACK_TOKEN, Secrets


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    # Nothing listens on ports 1 and 2: these tests are about neomon alone.
    return Settings(data_dir=tmp_path / "var", base_dir=REPOSITORY, ports=Ports(prometheus=1, alertmanager=2))


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    migrate(open_engine(settings.data_dir))
    before = set(REGISTRY._collector_to_names)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client
    for collector in set(REGISTRY._collector_to_names) - before:
        REGISTRY.unregister(collector)


class Logins:
    """Authorization headers of everyone the API knows."""

    def __init__(self, secrets: Secrets) -> None:
        self.stack = {"Authorization": f"Bearer {secrets.read(STACK_TOKEN)}"}
        self.service = {"Authorization": f"Bearer {secrets.read(SERVICE_TOKEN)}"}
        self.admin = ("admin", secrets.read(ADMIN_PASSWORD))
        self.scraper = ("neomon", secrets.read(SCRAPE_PASSWORD))


@pytest.fixture
def logins(settings: Settings) -> Logins:
    return Logins(Secrets(settings.secrets_dir))
