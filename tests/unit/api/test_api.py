import re
import time
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from neomon.api import access
from neomon.api.guard import MAX_BODY_BYTES
from neomon.discovery.registry import GRACE_SECONDS

TARGET = "/api/v1/targets/services/127.0.0.1:8101"
LABELS = {"labels": {"service": "api-gateway", "environment": "demo"}}


def message(status: str = "firing", **extra: Any) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="X"}',
        "status": status,
        "receiver": "critical",
        "alerts": [{"status": status, "labels": {"alertname": "X"}, "annotations": {"summary": "s"}}],
        **extra,
    }


def test_a_registered_service_is_discovered_and_vanishes_when_withdrawn(client: TestClient, logins: Any) -> None:
    assert client.get("/api/v1/targets", headers=logins.stack).json() == []
    assert client.put(TARGET, json=LABELS, headers=logins.service).status_code == 204
    expected = [{"targets": ["127.0.0.1:8101"], "labels": {"service": "api-gateway", "environment": "demo"}}]
    answer = client.get("/api/v1/targets", params={"job": "services"}, headers=logins.stack)
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == expected
    assert client.get("/api/v1/targets?job=probe-http", headers=logins.stack).json() == []
    assert client.delete(TARGET, headers=logins.service).status_code == 204
    assert client.get("/api/v1/targets", headers=logins.stack).json() == []
    assert client.delete(TARGET, headers=logins.service).status_code == 404


def test_registering_again_changes_the_labels(client: TestClient, logins: Any) -> None:
    client.put(TARGET, json=LABELS, headers=logins.service)
    client.put(TARGET, json={"labels": {"service": "gateway-2"}}, headers=logins.service)
    found = client.get("/api/v1/targets", headers=logins.stack).json()
    assert [group["labels"] for group in found] == [{"service": "gateway-2"}]


def test_a_registration_not_renewed_stays_until_its_alert_can_fire_then_lapses(
    client: TestClient, logins: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.put(TARGET, json={**LABELS, "ttl_seconds": 30}, headers=logins.service)
    now = time.time()
    monkeypatch.setattr("neomon.discovery.registry.time.time", lambda: now + 29 + GRACE_SECONDS)
    assert len(client.get("/api/v1/targets", headers=logins.stack).json()) == 1
    monkeypatch.setattr("neomon.discovery.registry.time.time", lambda: now + 31 + GRACE_SECONDS)
    assert client.get("/api/v1/targets", headers=logins.stack).json() == []


def test_a_service_may_say_how_it_is_scraped(client: TestClient, logins: Any) -> None:
    labels = {"service": "x", "__scheme__": "https", "__metrics_path__": "/internal/metrics"}
    assert client.put(TARGET, json={"labels": labels}, headers=logins.service).status_code == 204
    assert client.get("/api/v1/targets", headers=logins.stack).json()[0]["labels"] == labels


def test_a_message_about_very_many_alerts_is_kept(client: TestClient, logins: Any) -> None:
    alert = {"status": "firing", "labels": {"alertname": "X"}}
    sent = message(groupKey="k" * 5000, alerts=[alert] * 12_000)
    assert client.post("/api/v1/notifications/critical", json=sent, headers=logins.stack).status_code == 204
    kept = client.get("/api/v1/notifications?limit=1", auth=logins.admin).json()
    assert len(kept[0]["payload"]["alerts"]) == 12_000


def test_a_url_can_be_registered_for_a_probe(client: TestClient, logins: Any) -> None:
    path = "/api/v1/targets/probe-http/http%3A%2F%2F127.0.0.1%3A8101%2Fhealth"
    assert client.put(path, json=LABELS, headers=logins.service).status_code == 204
    found = client.get("/api/v1/targets?job=probe-http", headers=logins.stack).json()
    assert found[0]["targets"] == ["http://127.0.0.1:8101/health"]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (TARGET, {"labels": {}}, "service"),
        (TARGET, {"labels": {"service": "x", "__address__": "y"}}, "__address__"),
        (TARGET, {"labels": {"service": "x", "__scheme__": "file"}}, "__scheme__"),
        (TARGET, {"labels": {"service": "x", "job": "y"}}, "job"),
        (TARGET, {"labels": {"service": "x", "a-b": "y"}}, "a-b"),
        (TARGET, {"labels": {"service": "x" * 300}}, "too long"),
        (TARGET, {"labels": {"service": "x"}, "ttl_seconds": 0.01}, "ttl_seconds"),
        (TARGET, {"labels": {"service": "x"}, "extra": 1}, "extra"),
        ("/api/v1/targets/services/no-port", LABELS, "host:port"),
        ("/api/v1/targets/services/host:99999", LABELS, "host:port"),
        ("/api/v1/targets/services/..:80", LABELS, "host:port"),
        ("/api/v1/targets/probe-http/http%3A%2F%2F%5B%3Abad", LABELS, "URL"),
        ("/api/v1/targets/probe-http/http%3A%2F%2Fa%3A99999%2F", LABELS, "URL"),
        (TARGET, {"labels": {"service": "x\x00"}}, "cannot be shown"),
        ("/api/v1/targets/node/host:9100", LABELS, "unknown job"),
        ("/api/v1/targets/probe-http/ftp%3A%2F%2Fx", LABELS, "URL"),
        ("/api/v1/targets/probe-http/http%3A%2F%2Fuser%3Apw%40host%2F", LABELS, "URL"),
    ],
)
def test_a_bad_registration_is_refused_with_a_reason(
    client: TestClient, logins: Any, path: str, body: dict[str, Any], words: str
) -> None:
    answer = client.put(path, json=body, headers=logins.service)
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert client.get("/api/v1/targets", headers=logins.stack).json() == []


def test_registrations_outlive_the_process(client: TestClient, logins: Any, settings: Any) -> None:
    client.put(TARGET, json=LABELS, headers=logins.service)
    from neomon.db.engine import open_engine
    from neomon.discovery.registry import TargetRegistry

    assert len(TargetRegistry(open_engine(settings.data_dir)).groups("services")) == 1


def test_a_delivered_notification_is_kept_and_counted(client: TestClient, logins: Any) -> None:
    sent = message(truncatedAlerts=0, externalURL="http://am")
    assert client.post("/api/v1/notifications/critical", json=sent, headers=logins.stack).status_code == 204
    assert (
        client.post("/api/v1/notifications/critical", json=message("resolved"), headers=logins.stack).status_code == 204
    )
    kept = client.get("/api/v1/notifications", auth=logins.admin).json()
    assert [item["status"] for item in kept] == ["resolved", "firing"]
    assert kept[1]["payload"]["externalURL"] == "http://am"
    assert kept[1]["payload"]["alerts"][0]["annotations"]["summary"] == "s"
    metrics = client.get("/metrics", auth=logins.scraper).text
    assert re.search(r'neomon_notifications_received_total\{receiver="critical",status="firing"\} [1-9]', metrics)


def test_a_malformed_notification_is_refused(client: TestClient, logins: Any) -> None:
    bad = client.post("/api/v1/notifications/critical", json={"status": "firing"}, headers=logins.stack)
    assert bad.status_code == 400
    raw = client.post("/api/v1/notifications/critical", content=b"\xff{", headers=logins.stack)
    assert raw.status_code == 400
    assert client.get("/api/v1/notifications", auth=logins.admin).json() == []


def test_the_watchdogs_heartbeat_is_remembered(client: TestClient, logins: Any) -> None:
    before = time.time()
    assert client.post("/api/v1/heartbeats/watchdog", json=message(), headers=logins.stack).status_code == 204
    at = client.get("/api/v1/heartbeats", auth=logins.admin).json()["watchdog"]
    assert before <= at <= time.time()
    metrics = client.get("/metrics", auth=logins.scraper).text
    assert 'neomon_heartbeat_last_timestamp_seconds{name="watchdog"}' in metrics


def test_oversized_bodies_are_refused_declared_or_not(client: TestClient, logins: Any) -> None:
    body = b"x" * (MAX_BODY_BYTES + 1)
    declared = client.post("/api/v1/notifications/critical", content=body, headers=logins.stack)
    assert declared.status_code == 413

    def chunks() -> Any:
        yield body[: MAX_BODY_BYTES // 2]
        yield body[MAX_BODY_BYTES // 2 :]

    streamed = client.post("/api/v1/notifications/critical", content=chunks(), headers=logins.stack)
    assert streamed.status_code == 413


def test_nobody_gets_in_without_the_right_credentials(client: TestClient, logins: Any) -> None:
    assert client.get("/api/v1/targets").status_code == 401
    assert client.get("/api/v1/targets", headers=logins.service).status_code == 401
    assert client.put(TARGET, json=LABELS, headers=logins.stack).status_code == 401
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", auth=logins.scraper).status_code == 200
    assert client.get("/", auth=logins.scraper).status_code == 401
    assert client.get("/", auth=("admin", "")).status_code == 401
    assert client.get("/", headers={"Authorization": "Basic !!!"}).status_code == 401


def test_every_route_states_who_may_call_it(client: TestClient) -> None:
    known = {access.stack_only, access.service_only, access.admin_only, access.public}
    included = [getattr(route, "original_router", None) for route in client.app.routes]  # type: ignore[attr-defined]
    routes = [route for router in included if router for route in router.routes if isinstance(route, APIRoute)]
    assert len(routes) >= 10
    for route in routes:
        stated = {dependency.dependency for dependency in route.dependencies}
        assert stated & known, f"{route.path} states nobody"


def test_health_and_runbooks_are_open(client: TestClient) -> None:
    assert client.get("/-/healthy").status_code == 200
    assert client.get("/-/ready").status_code == 200
    page = client.get("/docs/alerting")
    assert page.status_code == 200
    assert 'id="highcpu"' in page.text
    assert client.get("/docs/nothing").status_code == 404
    assert client.get("/docs/..%2f..%2fpyproject").status_code == 404


def test_links_and_pictures_between_documents_work(client: TestClient) -> None:
    page = client.get("/docs/notifications").text
    links = set(re.findall(r'href="([a-z-]+)(?:#[^"]*)?"', page))
    pictures = set(re.findall(r'src="(images/[^"]+)"', page))
    assert links
    assert pictures
    for link in links | pictures:
        assert client.get(f"/docs/{link}").status_code == 200, link
    assert ".md" not in "".join(links)


def test_answers_carry_security_headers(client: TestClient) -> None:
    headers = client.get("/docs/alerting").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


def test_the_overview_says_which_part_it_could_not_read(client: TestClient, logins: Any) -> None:
    page = client.get("/", auth=logins.admin)
    assert page.status_code == 200
    assert "connection refused" in page.text
    assert "No alert is firing" not in page.text
    assert 'class="tile good"' not in page.text
