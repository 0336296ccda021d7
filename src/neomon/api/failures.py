"""How errors are answered: always `{"error": "a sentence"}`, never a stack trace."""

from __future__ import annotations

import logging

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from neomon.errors import NeomonError

_log = logging.getLogger(__name__)


def answer_failures(app: FastAPI) -> None:
    """Map the errors a route may raise to answers."""
    app.add_exception_handler(NeomonError, _neomon)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(StarletteHTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _neomon(_: Request, error: Exception) -> JSONResponse:
    status = error.http_status if isinstance(error, NeomonError) else 500
    return JSONResponse({"error": str(error)}, status)


async def _validation(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return JSONResponse({"error": f"{where}: {first['msg'].removeprefix('Value error, ')}"}, 400)


async def _http(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, (HTTPException, StarletteHTTPException)):
        raise error
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return JSONResponse({"error": "an internal error; neomon's log tells more"}, 500)
