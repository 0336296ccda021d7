"""The demo's own Redis: on loopback, with a generated password, in memory only."""

from __future__ import annotations

import os
import shutil

from neomon.demo.runtime import HOST, REDIS_PASSWORD, Runtime
from neomon.errors import MissingProgramError

_MEMORY = "32mb"


def prepare(runtime: Runtime) -> None:
    """Write the server's configuration (0600: it holds the password).

    Raises:
        MissingProgramError: Redis is not installed.
    """
    if shutil.which("redis-server") is None:
        raise MissingProgramError(
            "not installed: redis-server. Run ./scripts/setup.sh, or as root: apt-get install redis-server"
        )
    directory = runtime.demo_dir / "redis"
    directory.mkdir(parents=True, exist_ok=True)
    lines = (
        f"bind {HOST}",
        f"port {runtime.port('redis')}",
        f"requirepass {runtime.secrets.read(REDIS_PASSWORD)}",
        f'dir "{directory}"',
        'save ""',
        "appendonly no",
        f"maxmemory {_MEMORY}",
        "maxmemory-policy allkeys-lru",
        "loglevel warning",
        "databases 1",
        "hz 5",
    )
    path = directory / "redis.conf"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def command(runtime: Runtime) -> tuple[str, ...]:
    """Command line of the server."""
    return ("setpriv", "--pdeathsig", "INT", "redis-server", str(runtime.demo_dir / "redis" / "redis.conf"))
