"""Do memory-hungry start-up work in a child process, so that what it imports is not kept for the exporter's life."""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from neomon.errors import NeomonError

P = ParamSpec("P")
R = TypeVar("R")


def isolated(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call `function` in a forked child and return its result.

    Reading the configuration needs pydantic and a YAML reader, about 20 MB that nothing uses afterwards. Call this
    only before the first thread starts: a fork copies just the calling thread.

    Raises:
        NeomonError: The function raised it; it is raised again here.
        RuntimeError: The child ended without an answer; its traceback is on standard error.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(writing, function, *args, **kwargs)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    if not answer:
        raise RuntimeError(f"{function.__qualname__} failed in its child process")
    result = pickle.loads(answer)  # noqa: S301 - written by our own child
    if isinstance(result, NeomonError):
        raise result
    return cast(R, result)


def _answer(writing: int, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> None:
    status = 1
    try:
        result: object
        try:
            result = function(*args, **kwargs)
        except NeomonError as error:
            error.__cause__ = error.__context__ = None
            result = error
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(result, pipe)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        # The parent's exit handlers and buffers are the parent's business.
        os._exit(status)
