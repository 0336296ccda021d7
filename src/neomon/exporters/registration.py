"""Register a service with neomon, so that it is scraped from its start to its end.

async with Registration.from_environment(job="services", address="10.0.0.7:8000", service="api-gateway"):
...
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import aiohttp

from neomon.errors import SettingsError

logger = logging.getLogger(__name__)

REQUEST_SECONDS = 10
"""How long one request may take."""
FIRST_RETRY_SECONDS = 1.0
LAST_RETRY_SECONDS = 30.0
"""Bounds of the pause before another try; it doubles in between."""


@dataclass
class Registration:
    """A target's entry at neomon, kept up while this is started.

    Registering happens in the background and goes on until it works: a service starts and serves without neomon.
    """

    url: str
    """Base address of neomon."""
    token_file: Path
    """Holds the bearer token; read for every request, so that it can be rotated."""
    job: str
    address: str
    """What is to be scraped: `host:port`, or a URL for probe jobs."""
    labels: Mapping[str, str]
    ttl_seconds: float | None = 60
    """The entry lapses unless renewed, which is done every third of this; None keeps it until `deregister`."""
    ca_file: Path | None = None
    """Certificates to trust for neomon's own."""
    _task: asyncio.Task[None] | None = field(default=None, init=False, repr=False)
    _registered: asyncio.Event = field(default_factory=asyncio.Event, init=False, repr=False)

    @classmethod
    def from_environment(
        cls,
        *,
        job: str,
        address: str,
        service: str,
        environment: str | None = None,
        tenant: str | None = None,
        ttl_seconds: float | None = 60,
    ) -> Self:
        """Take neomon's address, token and CA from `NEOMON_URL`, `NEOMON_TOKEN_FILE` and `NEOMON_CA_FILE`.

        Raises:
            SettingsError: One of the first two is missing.
        """
        missing = [name for name in ("NEOMON_URL", "NEOMON_TOKEN_FILE") if not os.environ.get(name)]
        if missing:
            raise SettingsError(f"to register with neomon, set {' and '.join(missing)}")
        labels = {"service": service, "environment": environment, "tenant": tenant}
        ca_file = os.environ.get("NEOMON_CA_FILE")
        return cls(
            url=os.environ["NEOMON_URL"],
            token_file=Path(os.environ["NEOMON_TOKEN_FILE"]),
            job=job,
            address=address,
            labels={name: value for name, value in labels.items() if value},
            ttl_seconds=ttl_seconds,
            ca_file=Path(ca_file) if ca_file else None,
        )

    async def start(self) -> None:
        """Begin registering in the background."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep(), name=f"register {self.address}")

    async def registered(self) -> None:
        """Wait until neomon has the entry."""
        await self._registered.wait()

    async def deregister(self) -> None:
        """Stop renewing and remove the entry; a neomon that doesn't answer is not waited for long."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        self._registered.clear()
        try:
            async with self._session() as session:
                await self._send(session, "DELETE")
        except (aiohttp.ClientError, OSError, TimeoutError, RefusedError) as error:
            logger.warning("could not deregister %s from neomon: %s", self.address, _sentence(error))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.deregister()

    async def _keep(self) -> None:
        failures = 0
        while True:
            try:
                async with self._session() as session:
                    await self._send(session, "PUT")
            except (aiohttp.ClientError, OSError, TimeoutError, RefusedError) as error:
                failures += 1
                # Once at the start of a trouble and then rarely: neomon being away is not the service's problem.
                if failures in (1, 10) or failures % 100 == 0:
                    logger.warning("can't register %s with neomon, trying on: %s", self.address, _sentence(error))
                await asyncio.sleep(_pause(failures, isinstance(error, RefusedError)))
                continue
            if failures or not self._registered.is_set():
                logger.info("registered %s with neomon", self.address)
            failures = 0
            self._registered.set()
            if self.ttl_seconds is None:
                return
            await asyncio.sleep(self.ttl_seconds / 3)

    def _session(self) -> aiohttp.ClientSession:
        trust: ssl.SSLContext | bool = True
        if self.ca_file:
            trust = ssl.create_default_context(cafile=self.ca_file)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust), timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        )

    async def _send(self, session: aiohttp.ClientSession, method: str) -> None:
        token = self.token_file.read_text(encoding="utf-8").strip()
        target = f"{self.url.rstrip('/')}/api/v1/targets/{quote(self.job, safe='')}/{quote(self.address, safe=':')}"
        body = {"labels": dict(self.labels), "ttl_seconds": self.ttl_seconds} if method == "PUT" else None
        headers = {"Authorization": f"Bearer {token}"}
        # A redirect would carry the token to an address nobody configured.
        async with session.request(method, target, json=body, headers=headers, allow_redirects=False) as response:
            if method == "DELETE" and response.status == 404:
                return
            if response.status >= 300:
                message = (await response.text())[:300]
                raise RefusedError(f"{method} {target} answered {response.status}: {message}")


class RefusedError(Exception):
    """neomon answered, but did not agree."""


def _pause(failures: int, refused: bool) -> float:
    doubled = LAST_RETRY_SECONDS if refused else FIRST_RETRY_SECONDS * 2.0 ** min(failures - 1, 10)
    return min(doubled, LAST_RETRY_SECONDS) * random.uniform(0.8, 1.2)


def _sentence(error: Exception) -> str:
    return str(error) or type(error).__name__
