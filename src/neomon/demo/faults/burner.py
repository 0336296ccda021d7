"""Keeps one processor busy until its parent goes away: `python -m neomon.demo.faults.burner`."""

from __future__ import annotations

import os
import time

_LOOK_EVERY = 0.2
_NICENESS = 15


def main() -> None:
    """Burn."""
    parent = os.getppid()
    os.nice(_NICENESS)
    while os.getppid() == parent:
        until = time.monotonic() + _LOOK_EVERY
        while time.monotonic() < until:
            sum(range(1000))


if __name__ == "__main__":
    main()
