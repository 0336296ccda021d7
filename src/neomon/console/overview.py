"""What the overview page shows, asked of Prometheus and Alertmanager."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson

from neomon.errors import NeomonError, UnavailableError
from neomon.settings import Settings
from neomon.stack.client import ComponentClient

_SEVERITIES = ("critical", "warning", "info", "none")


@dataclass(frozen=True)
class FiringAlert:
    """One alert Alertmanager holds."""

    name: str
    severity: str
    service: str
    tenant: str
    summary: str
    since: str
    """RFC 3339 time."""
    state: str
    """`active` or `suppressed` (silenced or inhibited)."""
    runbook: str


@dataclass(frozen=True)
class ServiceRow:
    """One service with its rate of requests, share of errors and p95 latency over 5 minutes."""

    service: str
    tenant: str
    targets: int
    up: int
    requests_per_second: float | None
    error_ratio: float | None
    p95_seconds: float | None

    @property
    def healthy(self) -> bool:
        """All its targets answer scrapes and it is within the limits of the critical alerts."""
        return self.up == self.targets and (self.error_ratio or 0) <= 0.05 and (self.p95_seconds or 0) <= 2


@dataclass(frozen=True)
class Overview:
    """Everything on the page; a problem is named where a part could not be read."""

    services: tuple[ServiceRow, ...]
    infrastructure: tuple[ServiceRow, ...]
    alerts: tuple[FiringAlert, ...]
    problems: tuple[str, ...]
    known: bool
    """Whether both programs answered: without, calm figures mean nothing."""


async def read_overview(settings: Settings, client: ComponentClient) -> Overview:
    """Ask Prometheus and Alertmanager; what does not answer is reported, the rest is shown."""
    queries = {
        "targets": "count by (job, service, tenant) (up)",
        # A probe is up when what it asked answered well, not when the blackbox exporter did.
        "up": 'sum by (job, service, tenant) (probe_success or up{job!~"probe-.+"})',
        "requests": "service:http_requests:rate5m",
        "errors": "service:http_requests_errors:ratio_rate5m",
        "p95": "service:http_request_duration_seconds:p95_5m",
    }
    problems: list[str] = []
    results = await asyncio.gather(
        *(_query(client, settings.url("prometheus"), query) for query in queries.values()), return_exceptions=True
    )
    vectors: dict[str, list[dict[str, Any]]] = {}
    for name, result in zip(queries, results, strict=True):
        if isinstance(result, NeomonError):
            problems.append(str(result))
        elif isinstance(result, BaseException):
            raise result
        vectors[name] = [] if isinstance(result, BaseException) else result
    try:
        alerts = await _alerts(client, settings)
    except NeomonError as error:
        alerts = []
        problems.append(str(error))
    rows = _service_rows(vectors)
    return Overview(
        services=tuple(row for job, row in rows if job == "services"),
        infrastructure=tuple(row for job, row in rows if job != "services"),
        alerts=tuple(sorted(alerts, key=lambda alert: (_SEVERITIES.index(alert.severity), alert.name))),
        problems=tuple(dict.fromkeys(problems)),
        known=not problems,
    )


async def _query(client: ComponentClient, url: str, query: str) -> list[dict[str, Any]]:
    answer = await client.get(f"{url}/api/v1/query?{urlencode({'query': query})}")
    if answer.status != 200:
        raise UnavailableError(f"Prometheus answers {answer.status}")
    result: list[dict[str, Any]] = orjson.loads(answer.text)["data"]["result"]
    return result


async def _alerts(client: ComponentClient, settings: Settings) -> list[FiringAlert]:
    answer = await client.get(settings.url("alertmanager") + "/api/v2/alerts")
    if answer.status != 200:
        raise UnavailableError(f"Alertmanager answers {answer.status}")
    return [_alert(item) for item in orjson.loads(answer.text) if item["labels"].get("alertname") != "Watchdog"]


def _alert(item: Mapping[str, Any]) -> FiringAlert:
    labels, annotations = item["labels"], item["annotations"]
    severity = labels.get("severity", "none")
    return FiringAlert(
        name=labels.get("alertname", "?"),
        severity=severity if severity in _SEVERITIES else "none",
        service=labels.get("service", ""),
        tenant=labels.get("tenant", ""),
        summary=annotations.get("summary", ""),
        since=item["startsAt"],
        state=item["status"]["state"],
        runbook=annotations.get("runbook_url", ""),
    )


def _service_rows(vectors: Mapping[str, list[dict[str, Any]]]) -> list[tuple[str, ServiceRow]]:
    def values(name: str) -> dict[tuple[str, str], float]:
        return {
            (sample["metric"].get("service", ""), sample["metric"].get("tenant", "")): float(sample["value"][1])
            for sample in vectors[name]
        }

    up = {_job_key(sample): float(sample["value"][1]) for sample in vectors["up"]}
    requests, errors, p95 = values("requests"), values("errors"), values("p95")
    rows = []
    for sample in vectors["targets"]:
        job, service, tenant = _job_key(sample)
        key = (service, tenant)
        ours = job == "services"
        row = ServiceRow(
            service=f"{service} ({job})" if job.startswith("probe-") else service or job,
            tenant=tenant,
            targets=int(float(sample["value"][1])),
            up=int(up.get((job, service, tenant), 0)),
            requests_per_second=requests.get(key) if ours else None,
            error_ratio=errors.get(key) if ours else None,
            p95_seconds=p95.get(key) if ours else None,
        )
        rows.append((job, row))
    return sorted(rows, key=lambda item: (item[1].healthy, bool(item[1].tenant), item[1].service))


def _job_key(sample: Mapping[str, Any]) -> tuple[str, str, str]:
    metric = sample["metric"]
    return metric.get("job", ""), metric.get("service", ""), metric.get("tenant", "")
