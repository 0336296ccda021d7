"""A service that stops listening while a fault is on."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from neomon.demo.faults.board import FaultBoard
from neomon.demo.history.temporary import free_port
from neomon.demo.services.base import serve


async def request(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def until(port: int, wanted: bool) -> None:
    async with asyncio.timeout(5):
        while await listens(port) is not wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_fault_healed_while_the_last_request_is_answered_does_not_end_the_service(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def slow(_request: Request) -> Response:
        await release.wait()
        return PlainTextResponse("done")

    board, port = FaultBoard(tmp_path), free_port()
    running = asyncio.create_task(serve(Starlette(routes=[Route("/", slow)]), port, board, down="down"))
    try:
        await until(port, True)
        last = asyncio.create_task(request(port))
        await asyncio.sleep(0.1)
        board.switch_on("down")
        await until(port, False)
        board.switch_off("down")
        await asyncio.sleep(0.3)
        release.set()
        assert (await last).endswith(b"done")
        await until(port, True)
        assert not running.done()
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
