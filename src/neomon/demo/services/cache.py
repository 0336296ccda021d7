"""The Tenant Manager's cache in Redis; without Redis everything is a miss, and works."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio
from prometheus_client import Counter
from redis.exceptions import RedisError

from neomon.demo.runtime import HOST, REDIS_PASSWORD, Runtime

REQUESTS = Counter("tenant_manager_cache_requests_total", "Reads, by whether Redis had the answer.", ["result"])

_TIMEOUT_SECONDS = 0.2
_PAUSE_SECONDS = 2.0
"""How long an unreachable Redis is left alone."""


class Cache:
    """Answers kept for a few seconds."""

    def __init__(self, runtime: Runtime, seconds: int) -> None:
        self._seconds = seconds
        self._paused_until = 0.0
        self._redis = redis.asyncio.Redis(
            host=HOST,
            port=runtime.port("redis"),
            password=runtime.secrets.read(REDIS_PASSWORD),
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
        )
        for result in ("hit", "miss"):
            REQUESTS.labels(result)

    async def through(self, key: str, load: Callable[[], Awaitable[Any]]) -> tuple[Any, bool]:
        """The value under `key`, loaded when absent, and whether it was there."""
        found = await self._try(self._redis.get(key))
        if found is not None:
            REQUESTS.labels("hit").inc()
            return json.loads(found), True
        REQUESTS.labels("miss").inc()
        value = await load()
        await self._try(self._redis.set(key, json.dumps(value), ex=self._seconds))
        return value, False

    async def forget(self, key: str) -> None:
        """Drop what is kept under `key`."""
        await self._try(self._redis.delete(key))

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _try(self, command: Awaitable[Any]) -> Any:
        if time.monotonic() < self._paused_until:
            command.close()  # type: ignore[attr-defined]
            return None
        try:
            return await command
        except (RedisError, OSError, TimeoutError):
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
            return None
