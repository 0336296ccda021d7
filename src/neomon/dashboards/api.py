"""The few questions asked of a Prometheus server, or of anything that speaks its HTTP API."""

from __future__ import annotations

import math
import ssl
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from neomon.errors import NeomonError, UnavailableError


class QueryError(NeomonError):
    """Prometheus refused a query or could not answer it."""


@dataclass(frozen=True)
class PrometheusAddress:
    """Where a Prometheus is and how to be let in."""

    url: str
    """Base address, under which `/api/v1` is."""
    credentials: tuple[str, str] | None = None
    """User name and password."""
    ca_file: Path | None = None
    """Certificate authority to trust; None means the system's."""
    timeout: float = 10
    """Seconds to wait for one answer."""


class PrometheusApi:
    """One session with a Prometheus; use it in `async with`.

    The HTTP library is loaded by the first session: the server imports this module for its types and should stay small.
    """

    def __init__(self, address: PrometheusAddress) -> None:
        self._base = address.url.rstrip("/") + "/api/v1/"
        self._timeout = address.timeout
        self._credentials = address.credentials
        self._ca_file = address.ca_file

    async def __aenter__(self) -> Self:
        import aiohttp

        login = aiohttp.encode_basic_auth(*self._credentials) if self._credentials else None
        context = ssl.create_default_context(cafile=self._ca_file) if self._ca_file else True
        self._session = aiohttp.ClientSession(
            headers={"Authorization": login} if login else None,
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            connector=aiohttp.TCPConnector(ssl=context),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def instant(self, query: str, at: float) -> int:
        """How many series a query finds at a Unix time, those that are NaN not counted."""
        return _count(await self._ask("query", {"query": query, "time": f"{at:.3f}"}))

    async def range(self, query: str, start: float, end: float, step: int) -> int:
        """How many series a query finds from `start` to `end`, those that are always NaN not counted."""
        parameters = {"query": query, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": str(step)}
        return _count(await self._ask("query_range", parameters))

    async def label_values(self, label: str, selector: str, start: float, end: float) -> list[str]:
        """Values of a label on the series a selector matches; of every series when it is empty."""
        parameters = {"start": f"{start:.3f}", "end": f"{end:.3f}"}
        if selector:
            parameters["match[]"] = selector
        data = await self._ask(f"label/{label}/values", parameters, method="GET")
        return sorted(str(value) for value in data)

    async def _ask(self, endpoint: str, parameters: dict[str, str], method: str = "POST") -> Any:
        import aiohttp

        sent = {"params": parameters} if method == "GET" else {"data": parameters}
        try:
            async with self._session.request(method, self._base + endpoint, **sent) as response:  # type: ignore[arg-type]
                if response.status in (401, 403):
                    raise QueryError(f"access denied ({response.status}): wrong or missing credentials")
                try:
                    answer = await response.json(content_type=None)
                except ValueError as error:
                    raise QueryError(f"answered {response.status} with something that is not JSON") from error
        except TimeoutError as error:
            raise QueryError(f"no answer within {self._timeout:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise UnavailableError(f"Prometheus at {self._base} does not answer: {_plain(error)}") from error
        if not isinstance(answer, dict) or answer.get("status") != "success":
            message = answer.get("error") if isinstance(answer, dict) else None
            raise QueryError(str(message or f"answered {response.status} without a result"))
        return answer["data"]


def _plain(error: Exception) -> str:
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorError):
        return "connection refused" if isinstance(error.os_error, ConnectionRefusedError) else str(error.os_error)
    return str(error) or type(error).__name__


def _count(data: Any) -> int:
    result = data.get("result") or []
    if data.get("resultType") in ("scalar", "string"):
        return int(_is_number(result[1]))
    return sum(1 for series in result if _has_number(series))


def _has_number(series: dict[str, Any]) -> bool:
    if "histogram" in series or "histograms" in series:
        return True
    samples = series.get("values") or [series["value"]]
    return any(_is_number(value) for _, value in samples)


def _is_number(value: str) -> bool:
    return not math.isnan(float(value))
