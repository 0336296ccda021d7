"""Write metrics in Prometheus's text format or in OpenMetrics.

`prometheus_client` writes both, but looks at every character of every name, which is two thirds of what a scrape costs
(see bench/exporters.py). What is plain is written here, byte for byte the same; what is rare is left to the library.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

GZIP_LEVEL = 1
"""Scrapes are frequent and near: level 1 costs a third of the default and gives 10 to 20 % more bytes."""

TYPES = {"counter": "counter", "gauge": "gauge", "histogram": "histogram", "summary": "summary", "unknown": "untyped"}
"""What the text format calls the types written here."""
OPENMETRICS = "application/openmetrics-text"


def encode(registry: Collector, accept: str) -> tuple[bytes, str]:
    """Collect and format.

    Args:
        registry: What to collect.
        accept: The request's `Accept` header.

    Returns:
        The page and its content type.
    """
    library, content_type = choose_encoder(accept)
    opened = content_type.startswith(OPENMETRICS)
    parts: list[str] = []
    for metric in registry.collect():
        if _is_plain(metric):
            _write(parts, metric, opened)
        else:
            text = library(_Single(metric)).decode()
            parts.append(text.removesuffix("# EOF\n"))
    if opened:
        parts.append("# EOF\n")
    return "".join(parts).encode(), content_type


def compress(body: bytes) -> bytes:
    """Gzip, cheaply."""
    return gzip.compress(body, GZIP_LEVEL, mtime=0)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an `Accept-Encoding` header allows gzip."""
    for entry in accept_encoding.split(","):
        coding, _, parameters = entry.partition(";")
        if coding.strip().lower() == "gzip":
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


class _Single:
    """A registry of one family."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterable[Metric]:
        return [self._metric]


def _is_plain(metric: Metric) -> bool:
    if metric.type not in TYPES or metric.unit or not _is_word(metric.name.replace(":", "_")):
        return False
    created = metric.name + "_created"
    names: set[str] = set()
    for sample in metric.samples:
        if sample.timestamp is not None or sample.native_histogram is not None or sample.name == created:
            return False
        names.update(sample.labels)
    return all(_is_word(name) and not name.startswith("__") for name in names)


def _is_word(name: str) -> bool:
    """Whether a name needs neither quotes nor escapes."""
    return name.isascii() and name.isidentifier()


def _write(parts: list[str], metric: Metric, opened: bool) -> None:
    name, kind, text = metric.name, metric.type, metric.documentation
    text = _escaped(text) if opened else text.replace("\\", "\\\\").replace("\n", "\\n")
    if not opened:
        kind = TYPES[kind]
        name = f"{name}_total" if kind == "counter" else name
    parts.append(f"# HELP {name} {text}\n# TYPE {name} {kind}\n")
    for sample in metric.samples:
        exemplar = _exemplar(sample.exemplar) if opened and sample.exemplar else ""
        labels = f"{{{_labels(sample.labels)}}}" if sample.labels else ""
        parts.append(f"{sample.name}{labels} {_number(sample.value)}{exemplar}\n")


def _number(value: float) -> str:
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


def _labels(labels: dict[str, str]) -> str:
    return ",".join([f'{name}="{_escaped(value)}"' for name, value in sorted(labels.items())])


def _escaped(text: str) -> str:
    if "\\" in text or '"' in text or "\n" in text:
        return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return text


def _exemplar(exemplar: Exemplar) -> str:
    timestamp = "" if exemplar.timestamp is None else f" {exemplar.timestamp}"
    return f" # {{{_labels(exemplar.labels)}}} {_number(exemplar.value)}{timestamp}"
