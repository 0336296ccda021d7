"""What both exporters' processes do at start and end."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable

from neomon.errors import NeomonError


def run_guarded(run: Callable[[], None]) -> int:
    """Run an exporter with logging to standard error; returns the exit status.

    An error meant for the user is one line, without a stack trace.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # What start-up made stays to the end; collections need not look at it each time.
    gc.collect()
    gc.freeze()
    try:
        run()
    except NeomonError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    return 0
