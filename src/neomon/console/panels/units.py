"""Numbers as people read them, by the units Grafana's JSON names."""

from __future__ import annotations

import math
from typing import Final

_TIME: Final = ((604_800, "weeks"), (86_400, "d"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs"))
_ABOVE_ONE: Final = ("", "K", "M", "G", "T", "P")
_BINARY: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_RATES: Final = {"reqps": "req/s", "ops": "ops/s", "rowsps": "rows/s", "pps": "p/s", "Bps": "B/s"}
_TIME_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
_AGO: Final = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def written(value: float, unit: str = "", decimals: int | None = None, now: float = 0) -> str:
    """The value in its unit; `now` (Unix time) matters to `dateTimeFromNow` only, whose values are milliseconds."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "-∞" if value < 0 else "–"
    if unit == "dateTimeFromNow":
        return _from_now(value / 1000, now)
    if unit in ("s", "ms", "dtdurations"):
        return _duration(value / 1000 if unit == "ms" else value, decimals)
    if unit in ("percentunit", "percent"):
        share = value * 100 if unit == "percentunit" else value
        return f"{_digits(share, decimals)} %"
    if unit == "bytes":
        power = min(int(math.log(max(abs(value), 1), 1024)), len(_BINARY) - 1)
        return f"{_digits(value / 1024**power, decimals)} {_BINARY[power]}"
    if unit in _RATES or unit == "short":
        power = min(int(math.log10(max(abs(value), 1)) / 3 + 1e-9), len(_ABOVE_ONE) - 1)
        name = _RATES.get(unit, "")
        spaced = f" {_ABOVE_ONE[power]}{name}" if name else f" {_ABOVE_ONE[power]}"
        return (_digits(value / 1000**power, decimals) + spaced).strip()
    return _digits(value, decimals)


def scale(low: float, high: float, unit: str = "", wanted: int = 4) -> list[float]:
    """Round numbers, evenly spaced, that begin at or below `low` and end at or above `high`."""
    if high - low < 1e-12:
        high = low + (abs(low) or 1)
    rough = (high - low) / wanted
    if unit in ("s", "dtdurations") and rough > 5:
        step: float = next((step for step in _TIME_STEPS if step >= rough), 86_400 * math.ceil(rough / 86_400))
    elif unit == "bytes" and rough > 1:
        step = 2.0 ** math.ceil(math.log2(rough) - 1e-9)
    else:
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    return [index * step for index in range(math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9) + 1)]


def _digits(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    if value == 0 or abs(value) < 1e-9:
        return "0"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(places, 6)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _duration(seconds: float, decimals: int | None) -> str:
    size = abs(seconds)
    if size < 1e-9:
        return "0 s"
    length, name = next((pair for pair in _TIME if size >= pair[0] * 0.9995), _TIME[-1])
    # Decimals are set for seconds; what is shown in ms needs none of its own.
    return f"{_digits(seconds / length, decimals if length >= 1 else None)} {name}"


def _from_now(moment: float, now: float) -> str:
    away = abs(now - moment)
    length, name = next((pair for pair in _AGO if away >= pair[0]), _AGO[-1])
    count = int(away / length)
    many = f"{count} {name}{'' if count == 1 else 's'}"
    return f"{many} ago" if moment <= now else f"in {many}"
