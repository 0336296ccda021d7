"""HTTP to the components of this installation: credentials, certificates and time limits in one place."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neomon.errors import UnavailableError
from neomon.settings import Settings
from neomon.stack.secrets import SCRAPE_PASSWORD, SCRAPE_USER, Secrets

if TYPE_CHECKING:
    import aiohttp

_SECONDS = 5.0


@dataclass(frozen=True)
class Answer:
    """An HTTP answer read whole."""

    status: int
    text: str


class ComponentClient:
    """Asks components as the scrape user. Use as an async context manager.

    The HTTP and certificate libraries are loaded at the first request: a server nobody looks at should stay small.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._login = ""

    async def __aenter__(self) -> ComponentClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp

            trust: ssl.SSLContext | bool = True
            if self._settings.encrypted:
                from neomon.stack.tls import certificates

                trust = ssl.create_default_context(cafile=str(certificates(self._settings).ca))
            password = Secrets(self._settings.secrets_dir).read(SCRAPE_PASSWORD)
            self._login = aiohttp.encode_basic_auth(SCRAPE_USER, password)
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust))
        return self._session

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
        import aiohttp

        session = self._connected()
        try:
            async with session.request(
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
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorError):
        return "connection refused" if isinstance(error.os_error, ConnectionRefusedError) else str(error.os_error)
    return str(error) or type(error).__name__
