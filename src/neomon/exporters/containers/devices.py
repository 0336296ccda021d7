"""Which block devices lie on top of others."""

from __future__ import annotations

import os


class Devices:
    """Tells stacked devices (LVM, RAID, dm-crypt) from those that hold the data.

    The kernel counts a transfer on every layer it passes; adding up all devices would count it twice.
    """

    def __init__(self, sysfs: str = "/sys") -> None:
        self._sysfs = sysfs
        self._known: dict[str, bool] = {}

    def stacked(self, number: str) -> bool:
        """Whether the device `major:minor` has devices below it; False when that can't be told."""
        known = self._known.get(number)
        if known is None:
            try:
                known = bool(os.listdir(f"{self._sysfs}/dev/block/{number}/slaves"))  # noqa: PTH208 - kept light
            except OSError:
                known = False
            self._known[number] = known
        return known
