"""A Prometheus that runs for a moment, to evaluate rules over blocks that are being made."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from neomon.demo.history.recording import RecordingRule
from neomon.demo.history.series import Series, Value
from neomon.demo.history.temporary import free_port
from neomon.demo.history.timeline import Timeline
from neomon.demo.runtime import HOST
from neomon.errors import MissingProgramError, NeomonError

_START_SECONDS = 30.0
_QUERY_SECONDS = 120
_POINTS = 10_000
"""Prometheus answers a range query with 11 000 points at most."""


@contextmanager
def prometheus_over(storage: Path, directory: Path) -> Iterator[str]:
    """Run Prometheus over `storage`; gives its address."""
    config = directory / "prometheus.yml"
    config.write_text("global: {}\n", encoding="utf-8")
    address = f"{HOST}:{free_port()}"
    command = (
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={storage}", f"--web.listen-address={address}",
        "--storage.tsdb.retention.time=10y", "--log.level=error", "--query.timeout=2m",
    )  # fmt: skip
    log = directory / "prometheus.log"
    try:
        with log.open("ab") as output:
            server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    except FileNotFoundError as error:
        raise MissingProgramError("not installed: prometheus. As root: apt-get install prometheus") from error
    try:
        _await_ready(server, f"http://{address}/-/ready", log)
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait()


def evaluate(url: str, rules: list[RecordingRule], timeline: Timeline) -> Iterator[Series]:
    """The series the rules would have recorded, had they been evaluated all along."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        for rule, answer in zip(rules, pool.map(lambda rule: _samples(url, rule, timeline), rules), strict=True):
            for labels, values in answer:
                labels.pop("__name__", None)
                yield Series(rule.record, {**labels, **rule.labels}, values)


def _samples(url: str, rule: RecordingRule, timeline: Timeline) -> list[tuple[dict[str, str], list[Value | None]]]:
    stride = max(1, round(rule.interval / timeline.step))
    index = {time: number for number, time in enumerate(timeline.times)}
    found: dict[bytes, tuple[dict[str, str], list[Value | None]]] = {}
    moments = timeline.evaluations[::stride]
    for begin in range(0, len(moments), _POINTS):
        part = moments[begin : begin + _POINTS]
        for series in _query(url, rule.expr, part[0], part[-1], stride * timeline.step):
            key = orjson.dumps(series["metric"], option=orjson.OPT_SORT_KEYS)
            _, values = found.setdefault(key, (series["metric"], [None] * len(index)))
            for moment, value in series["values"]:
                values[index[int(moment)]] = float(value)
    return list(found.values())


def _query(url: str, expr: str, start: int, end: int, step: int) -> list[dict[str, Any]]:
    form = urllib.parse.urlencode({"query": expr, "start": start, "end": end, "step": step}).encode()
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query_range", form, timeout=_QUERY_SECONDS) as answer:  # noqa: S310
            return list(orjson.loads(answer.read())["data"]["result"])
    except urllib.error.HTTPError as error:
        raise NeomonError(f"a rule could not be evaluated over history: {expr}: {error.read().decode()}") from error


def _await_ready(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310
                return
        except OSError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                text = log.read_text(encoding="utf-8", errors="replace")[-2_000:]
                raise NeomonError(f"Prometheus did not start over the history: {text}") from error
            time.sleep(0.03)
