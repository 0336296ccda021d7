"""The edge: ends TLS in front of the gateway, and takes over a new certificate without a restart.

`python -m neomon.demo.edge`
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path

from neomon.demo.certificates import FAULTY_DAYS, NORMAL_DAYS, RENEW_DAYS, EdgeCertificates, days_left
from neomon.demo.faults.board import FaultBoard
from neomon.demo.process import log, run
from neomon.demo.registration import Target, registered
from neomon.demo.runtime import HOST, Runtime

FAULT = "cert"
SERVICE = "edge"
_LOOK_SECONDS = 0.5
_CHUNK = 65_536
_IDLE_SECONDS = 60.0


class Edge:
    """Passes bytes between TLS clients and the gateway."""

    def __init__(self, runtime: Runtime, board: FaultBoard) -> None:
        self._runtime = runtime
        self._board = board
        self._certificates = EdgeCertificates(runtime.demo_dir / "certificates")
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._loaded: int | None = None

    async def run(self) -> None:
        """Serve for ever."""
        self._certificates.ensure()
        self._reload(self._certificates.server)
        server = await asyncio.start_server(self._pass_on, HOST, self._runtime.port("edge"), ssl=self._context)
        async with server:
            await self._watch()

    async def _watch(self) -> None:
        while True:
            self._follow_fault()
            self._reload(self._certificates.server)
            await asyncio.sleep(_LOOK_SECONDS)

    def _follow_fault(self) -> None:
        left = days_left(self._certificates.server)
        if self._board.is_on(FAULT) and left > FAULTY_DAYS:
            self._certificates.issue(FAULTY_DAYS)
        elif not self._board.is_on(FAULT) and left < RENEW_DAYS:
            self._certificates.issue(NORMAL_DAYS)

    def _reload(self, file: Path) -> None:
        changed = file.stat().st_mtime_ns
        if changed != self._loaded:
            # Connections made from now on get the new certificate; those that are open keep theirs.
            self._context.load_cert_chain(file)
            self._loaded = changed
            log.info("certificate loaded; it ends in %.0f days", days_left(file))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(HOST, self._runtime.port("api_gateway"))
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await _close(writer)
            return
        await asyncio.gather(_pipe(reader, upstream_writer), _pipe(upstream_reader, writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await asyncio.wait_for(reader.read(_CHUNK), _IDLE_SECONDS):
            writer.write(data)
            await writer.drain()
    except (OSError, TimeoutError):
        pass
    finally:
        await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.close()
        await writer.wait_closed()


async def main() -> None:
    """Run the edge."""
    runtime = Runtime.from_environment()
    address = runtime.address("edge")
    async with registered(runtime, [Target("probe-tls", address, SERVICE)]):
        await Edge(runtime, FaultBoard(runtime.faults_dir)).run()


if __name__ == "__main__":
    run(main())
