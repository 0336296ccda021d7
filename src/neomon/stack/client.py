"""HTTP to the components of this installation: credentials, certificates and time limits in one place."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from neomon.errors import UnavailableError
from neomon.settings import Settings
from neomon.stack.secrets import SCRAPE_PASSWORD, SCRAPE_USER, Secrets

_SECONDS = 5.0


@dataclass(frozen=True)
class Answer:
    """An HTTP answer read whole."""

    status: int
    text: str


class ComponentClient:
    """Asks components as the scrape user. Use as an async context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def __aenter__(self) -> ComponentClient:
        trust: ssl.SSLContext | bool = True
        if self._settings.encrypted:
            # Loading the certificate library costs memory that a stack without TLS need not spend.
            from neomon.stack.tls import certificates

            trust = ssl.create_default_context(cafile=str(certificates(self._settings).ca))
        self._login = aiohttp.encode_basic_auth(SCRAPE_USER, Secrets(self._settings.secrets_dir).read(SCRAPE_PASSWORD))
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust), timeout=aiohttp.ClientTimeout(total=_SECONDS)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def request(
        self,
        method: str,
        url: str,
        *,
        authenticated: bool = True,
        seconds: float = _SECONDS,
        json: object = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, with a body of JSON or of form fields.

        Raises:
            UnavailableError: No answer within `seconds`.
        """
        try:
            async with self._session.request(
                method,
                url,
                headers={"Authorization": self._login} if authenticated else None,
                timeout=aiohttp.ClientTimeout(total=seconds),
                json=json,
                data=form,
            ) as response:
                return Answer(response.status, await response.text())
        except TimeoutError as error:
            raise UnavailableError(f"{url} gave no answer within {seconds:g} s") from error
        except aiohttp.ClientError as error:
            raise UnavailableError(f"{url}: {_plain(error)}") from error

    async def get(self, url: str, *, authenticated: bool = True, seconds: float = _SECONDS) -> Answer:
        """`GET url`."""
        return await self.request("GET", url, authenticated=authenticated, seconds=seconds)


def _plain(error: aiohttp.ClientError) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return "connection refused" if isinstance(error.os_error, ConnectionRefusedError) else str(error.os_error)
    return str(error) or type(error).__name__
