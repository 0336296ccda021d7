"""What a demo process must know of its installation, small enough to start in an instant.

The supervisor hands it over as JSON in `NEOMON_DEMO_RUNTIME`; a process started by hand reads the settings instead.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from neomon.stack.secrets import Secrets

if TYPE_CHECKING:
    from neomon.settings import Settings

VARIABLE = "NEOMON_DEMO_RUNTIME"
HOST = "127.0.0.1"

SUPERUSER_PASSWORD = "demo-postgres.password"  # noqa: S105
APPLICATION_PASSWORD = "demo-application.password"  # noqa: S105
EXPORTER_PASSWORD = "demo-exporter.password"  # noqa: S105
REDIS_PASSWORD = "demo-redis.password"  # noqa: S105
USERS_KEY = "demo-users.key"
CHAT_TOKEN = "demo-chat.token"  # noqa: S105

SUPERUSER = "postgres"
APPLICATION_USER = "neo_stack"
EXPORTER_USER = "neomon_exporter"


@dataclass(frozen=True)
class Runtime:
    """Addresses, directories and the rate of the running demo."""

    demo_dir: Path
    secrets_dir: Path
    environment: str
    requests_per_second: float
    """At the daily peak."""
    ports: dict[str, int]
    """Fields of `DemoPorts`."""

    @classmethod
    def of(cls, settings: Settings) -> Runtime:
        """The runtime of an installation."""
        return cls(
            demo_dir=settings.demo_dir,
            secrets_dir=settings.secrets_dir,
            environment=settings.environment,
            requests_per_second=settings.demo.requests_per_second,
            ports=settings.demo.ports.model_dump(),
        )

    @classmethod
    def from_environment(cls) -> Runtime:
        """The runtime the supervisor passed, else that of the settings.

        Raises:
            SettingsError: A setting is wrong.
        """
        text = os.environ.get(VARIABLE)
        if text is None:
            from neomon.settings import load_settings

            return cls.of(load_settings())
        values = json.loads(text)
        return cls(
            **{**values, "demo_dir": Path(values["demo_dir"]), "secrets_dir": Path(values["secrets_dir"])},
        )

    def to_json(self) -> str:
        """Value for `NEOMON_DEMO_RUNTIME`; holds no secret."""
        return json.dumps({**asdict(self), "demo_dir": str(self.demo_dir), "secrets_dir": str(self.secrets_dir)})

    @cached_property
    def secrets(self) -> Secrets:
        """The installation's secrets."""
        return Secrets(self.secrets_dir)

    def port(self, name: str) -> int:
        """TCP port of a part of the demo, named as in `DemoPorts`."""
        return self.ports[name]

    def address(self, name: str) -> str:
        """`host:port` of a part of the demo."""
        return f"{HOST}:{self.ports[name]}"

    def url(self, name: str) -> str:
        """Base address of a part of the demo that speaks HTTP."""
        return f"http://{self.address(name)}"

    def stack_port(self, index: int) -> int:
        """TCP port of the `index`-th tenant's stack."""
        return self.ports["stacks"] + index

    @property
    def faults_dir(self) -> Path:
        """One file for each fault that is switched on."""
        return self.demo_dir / "faults"
