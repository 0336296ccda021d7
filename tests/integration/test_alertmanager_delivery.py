"""What people and neomon receive: a real Alertmanager, the real routes and templates, a real SMTP server with STARTTLS.

Every test uses an `environment` of its own, by which its messages are told from those of other tests.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from support.alertmanager import Alertmanager, alert, free_port, running
from support.delivery import TOKEN, Destinations, redirected
from support.receivers import Hooks, Mailbox, Request, http_server, mail_server, text_part, write_certificate
from support.waiting import eventually

STARTED = datetime(2025, 3, 9, 4, 5, 6, tzinfo=UTC)
ANNOTATIONS = {
    "summary": "api-gateway fails 12.3% of its requests",
    "description": "api-gateway answered 12.3% of its requests with a 5xx status; the limit is 5%.",
    "dashboard_url": "http://localhost:8080/d/api-gateway?var-service=api-gateway&from=now-1h",
    "runbook_url": "http://localhost:8080/docs/alerting#higherrorrate",
}
HOSTILE = '<script>alert("1 & 2")</script> \\ +50% #ü\n<!channel>'


class _Page(HTMLParser):
    """Links by their text, elements by name, and the visible text of an HTML mail."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: dict[str, list[str]] = {}
        self.elements: set[str] = set()
        self.text = ""
        self._href: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        if tag == "a":
            self._href = dict(attrs)["href"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._href = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._href is not None:
            self.links.setdefault(data, []).append(self._href)


class Stage:
    """A running Alertmanager and all that it delivered."""

    def __init__(self, alertmanager: Alertmanager, box: Mailbox, hooks: Hooks) -> None:
        self.alertmanager, self.box, self.hooks = alertmanager, box, hooks
        self.post = alertmanager.post

    def webhooks(self, environment: str, receiver: str = "") -> list[Request]:
        """What neomon got for an environment."""
        prefix = f"/api/v1/notifications/{receiver}"
        return [r for r in self.hooks.about(f'"{environment}"') if r.path.startswith(prefix)]

    def chats(self, environment: str) -> list[dict[str, Any]]:
        """What the chat got for an environment: attachments."""
        found = [r.body["attachments"][0] for r in list(self.hooks.requests) if r.path == "/chat"]
        return [a for a in found if environment in a["title"] or _field(a, "Environment") == environment]

    def beats(self, environment: str) -> list[Request]:
        """What the dead man's switch got for an environment."""
        return [r for r in self.hooks.about(f'"{environment}"') if r.path == "/api/v1/heartbeats/watchdog"]

    def mail(self, environment: str, containing: str = "") -> EmailMessage:
        """The first mail about an environment whose subject contains a word."""
        return eventually(
            lambda: [m for m in self.box.about(f"({environment}") if containing in m["Subject"]],
            f"a mail about {environment} with {containing!r}",
        )[0]

    def chat(self, environment: str, containing: str = "") -> dict[str, Any]:
        """The first chat message about an environment whose title contains a word."""
        return eventually(
            lambda: [a for a in self.chats(environment) if containing in a["title"]],
            f"a chat message about {environment} with {containing!r}",
        )[0]

    def webhook(self, environment: str, accept: Callable[[dict[str, Any]], bool] = bool) -> Request:
        """The first webhook about an environment whose payload is accepted."""
        return eventually(
            lambda: [r for r in self.webhooks(environment) if accept(r.body)], f"a webhook about {environment}"
        )[0]


def _field(attachment: dict[str, Any], title: str) -> str:
    return next((f["value"] for f in attachment.get("fields") or [] if f["title"] == title), "")


def _at_least(count: int, found: list[Request]) -> list[Request]:
    return found if len(found) >= count else []


@pytest.fixture(scope="module")
def destinations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Destinations, Mailbox]]:
    certificate, key = write_certificate(tmp_path_factory.mktemp("tls"))
    with http_server() as hooks, mail_server(certificate, key, free_port()) as box:
        yield Destinations(box.port, certificate, hooks), box


@pytest.fixture(scope="module")
def stage(destinations: tuple[Destinations, Mailbox], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("alertmanager")
    to, box = destinations
    with running(redirected(to, directory), directory) as alertmanager:
        yield Stage(alertmanager, box, to.hooks)


def _labels(environment: str, **more: str) -> dict[str, str]:
    return {
        "alertname": "HighErrorRate",
        "severity": "critical",
        "service": "api-gateway",
        "environment": environment,
    } | more


def test_critical_goes_to_mail_chat_and_neomon(stage: Stage) -> None:
    stage.post([alert(_labels("everywhere"), ANNOTATIONS, STARTED)])

    assert stage.mail("everywhere")["Subject"] == "[CRITICAL] HighErrorRate: api-gateway (everywhere)"
    assert stage.chat("everywhere")["title"] == "[CRITICAL] HighErrorRate: api-gateway"
    request = stage.webhook("everywhere")
    assert request.path == "/api/v1/notifications/critical"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.body["receiver"] == "critical"
    assert request.body["status"] == "firing"
    assert request.body["alerts"][0]["annotations"] == ANNOTATIONS


def test_mail_says_what_since_when_and_where_to_look(stage: Stage) -> None:
    stage.post([alert(_labels("wording", instance="10.0.0.4:8101"), ANNOTATIONS | {"value": "12.3%"}, STARTED)])
    message = stage.mail("wording")

    assert message["To"] == "sre@localhost"
    assert message["From"] == "neomon@localhost"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Importance"] == "high"
    text = text_part(message, "plain")
    page = _Page(text_part(message, "html"))
    for part in (text, page.text):
        for expected in (
            ANNOTATIONS["summary"],
            ANNOTATIONS["description"],
            "12.3%",
            "9 Mar 2025, 04:05:06 UTC",
            "10.0.0.4:8101",
            "CRITICAL",
        ):
            assert expected in part, expected
    assert page.links["Dashboard"] == [ANNOTATIONS["dashboard_url"]]
    assert page.links["Runbook"] == [ANNOTATIONS["runbook_url"]]
    assert ANNOTATIONS["dashboard_url"] in text
    assert ANNOTATIONS["runbook_url"] in text
    assert "ZgotmplZ" not in text_part(message, "html")


def test_colour_follows_severity(stage: Stage) -> None:
    colours = {"critical": "#B42318", "warning": "#B54708"}
    for severity in colours:
        stage.post([alert(_labels(f"colour-{severity}", severity=severity), ANNOTATIONS)])
    for severity, colour in colours.items():
        html = text_part(stage.mail(f"colour-{severity}"), "html")
        assert f"background-color:{colour}" in html
        assert stage.chat(f"colour-{severity}")["color"] == colour
        assert not {*colours.values()} - {colour} & {*re.findall("#[0-9A-F]{6}", html)}


def test_hostile_values_stay_text(stage: Stage) -> None:
    labels = _labels("hostile", service=HOSTILE, severity="critical", queue=HOSTILE)
    stage.post([alert(labels, {"summary": HOSTILE, "description": HOSTILE, "runbook_url": "javascript:alert(1)"})])
    message = stage.mail("hostile")
    html = text_part(message, "html")
    page = _Page(html)
    chat = stage.chat("hostile")

    assert "script" not in page.elements
    assert '<script>alert("1 & 2")</script>' in page.text
    assert "javascript:" not in str(page.links.get("Runbook"))
    assert list(message.keys()).count("Subject") == 1
    assert "\n" not in message["Subject"]
    for shown in (chat["title"], chat["text"], chat["fallback"], _field(chat, "Service")):
        assert "<!channel>" not in shown
        assert "<script>" not in shown
        assert '&lt;script&gt;alert("1 &amp; 2")' in shown
    assert "javascript:" not in chat["text"]
    assert stage.webhook("hostile").body["alerts"][0]["labels"] == labels


@pytest.mark.parametrize("medium", ["html", "plain", "chat"])
@pytest.mark.parametrize("queue", ["plain", HOSTILE, r"C:\new\table", 'a="b",c!~"d"}', "100%2F a+b"])
def test_silence_link_matches_exactly_this_alert(stage: Stage, medium: str, queue: str) -> None:
    environment = f"silence-{medium}-{base64.b16encode(queue.encode()[:8]).decode()}"
    mine = _labels(environment, queue=queue)
    stage.post([alert(mine, ANNOTATIONS), alert(mine | {"queue": queue + " other"}, ANNOTATIONS)])
    if medium == "html":
        page = _Page(text_part(stage.mail(environment), "html"))
        addresses = page.links["Silence"]
    elif medium == "plain":
        addresses = re.findall(r"Silence: +(\S+)", text_part(stage.mail(environment), "plain"))
    else:
        addresses = re.findall(r"<([^>|]+)\|Silence>", stage.chat(environment)["text"])

    assert len(addresses) == 2
    found = []
    for address in addresses:
        form, _, query = address.partition("?filter=")
        assert form.endswith("/#/silences/new")
        found += [a["labels"] for a in stage.alertmanager.matching(unquote(query))]
    assert sorted(found, key=str) == sorted([mine, mine | {"queue": queue + " other"}], key=str)


def test_resolved_is_told_with_its_length(stage: Stage) -> None:
    started = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1, minutes=2, seconds=3)
    stage.post([alert(_labels("resolved"), ANNOTATIONS, started)])
    stage.mail("resolved", "CRITICAL")
    stage.post([alert(_labels("resolved"), ANNOTATIONS, started, ended=started + timedelta(minutes=12, seconds=3))])

    message = stage.mail("resolved", "RESOLVED")
    assert message["Subject"] == "[RESOLVED] HighErrorRate: api-gateway (resolved)"
    assert message["References"] == stage.mail("resolved", "CRITICAL")["References"]
    html = text_part(message, "html")
    assert "12m3s" in html
    assert "12m3s" in text_part(message, "plain")
    assert "background-color:#067647" in html
    assert "Silence" not in html
    chat = stage.chat("resolved", "RESOLVED")
    assert chat["color"] == "#067647"
    assert "12m3s" in chat["text"]
    assert stage.webhook("resolved", lambda body: body["status"] == "resolved").body["alerts"][0]["endsAt"]


def test_many_alerts_are_cut_with_a_count(stage: Stage) -> None:
    stage.post(
        [alert(_labels("many", instance=f"host-{n:02}"), ANNOTATIONS | {"summary": f"no {n}"}) for n in range(25)]
    )
    message = stage.mail("many", "CRITICAL x25")
    text, html = text_part(message, "plain"), text_part(message, "html")

    assert text.count("Silence:") == html.count(">Silence<") == 20
    assert "5 more firing" in text
    assert "5 more firing" in html
    assert len(html) < 100_000, "mail programs cut longer ones"
    chat = stage.chat("many")["text"]
    assert chat.count("|Silence>") == 10
    assert "15 more firing" in chat
    assert len(stage.webhook("many").body["alerts"]) == 25


def test_two_tenants_never_share_a_message(stage: Stage) -> None:
    stage.post(
        [alert(_labels("tenants", service="shop", tenant=t), {"summary": f"of {t}"}) for t in ("acme", "globex")]
    )
    both = eventually(lambda: _at_least(2, stage.webhooks("tenants")), "two webhooks")
    assert sorted([a["labels"]["tenant"] for a in request.body["alerts"]] for request in both) == [["acme"], ["globex"]]
    mails = [stage.mail("tenants", f"tenant {tenant}") for tenant in ("acme", "globex")]
    for message, other in zip(mails, ("globex", "acme"), strict=True):
        assert other not in message.as_string()
    assert {_field(chat, "Tenant") for chat in stage.chats("tenants")} == {"acme", "globex"}


def test_tenants_of_one_environment_have_threads_of_their_own(stage: Stage) -> None:
    stage.post([alert(_labels("threads", service="shop", tenant=t)) for t in ("acme", "globex")])
    assert len({stage.mail("threads", f"tenant {tenant}")["References"] for tenant in ("acme", "globex")}) == 2


def test_info_reaches_chat_and_neomon_but_never_mail(stage: Stage) -> None:
    started = datetime.now(UTC)
    labels = _labels("event", alertname="ServiceDeployed", severity="info")
    stage.post([alert(labels, {"summary": "api-gateway 2.4.1 was deployed"}, started)])
    assert "2.4.1 was deployed" in stage.chat("event")["text"]
    assert stage.webhook("event").path == "/api/v1/notifications/info"
    stage.post([alert(labels, {"summary": "api-gateway 2.4.1 was deployed"}, started, ended=datetime.now(UTC))])
    # neomon closes its record; by then chat and mail would have been told too.
    stage.webhook("event", lambda body: body["status"] == "resolved")
    _settle(stage, "after-event")
    assert len(stage.chats("event")) == 1
    assert stage.box.about("(event") == []


def _settle(stage: Stage, environment: str) -> None:
    """Wait until alerts posted after those of the test have gone every way there is."""
    stage.post([alert(_labels(environment), ANNOTATIONS)])
    stage.mail(environment)
    stage.chat(environment)
    stage.webhook(environment)


def test_watchdog_beats_for_the_dead_mans_switch_alone(stage: Stage) -> None:
    labels = {"alertname": "Watchdog", "severity": "none", "scope": "monitoring", "environment": "heart"}
    started = datetime.now(UTC)
    stage.post([alert(labels, {"summary": "The alerting pipeline works"}, started)])
    beats = eventually(lambda: _at_least(3, stage.beats("heart")), "the heart beats on")
    assert all(request.headers["Authorization"] == f"Bearer {TOKEN}" for request in beats)
    _settle(stage, "after-heart")
    assert stage.webhooks("heart") == []
    assert stage.chats("heart") == []
    assert stage.box.about("(heart") == []
    # It stops: that must be silence, not a last beat with status "resolved".
    stage.post([alert(labels, started=started, ended=datetime.now(UTC))])
    _settle(stage, "after-stop")
    assert {request.body["status"] for request in stage.beats("heart")} == {"firing"}


def test_a_tenants_watchdog_does_not_beat(stage: Stage) -> None:
    labels = {"alertname": "Watchdog", "scope": "monitoring", "environment": "forged", "tenant": "acme"}
    stage.post([alert(labels | {"severity": "none"}), alert(labels | {"severity": "warning"})])
    stage.webhook("forged")
    assert stage.beats("forged") == []


def test_monitoring_reports_on_itself_without_neomon(stage: Stage) -> None:
    labels = _labels("self", alertname="NeomonDown", scope="monitoring", service="neomon")
    stage.post([alert(labels, {"summary": "neomon is <down>", "description": "No answer.", "runbook_url": "http://r"})])
    message = stage.mail("self")
    assert message["Subject"] == "[monitoring firing] NeomonDown (self)"
    text = text_part(message, "plain")
    for expected in ("neomon is <down>", "No answer.", "severity: critical", "runbook: http://r", "since 20"):
        assert expected in text
    assert message.get_body(("html",)) is None
    assert "neomon is &lt;down&gt;" in stage.chat("self")["text"]
    _settle(stage, "after-self")
    assert stage.webhooks("self") == []


@pytest.mark.parametrize("severity", ["critical", "warning", "info", "odd"])
def test_an_alert_with_nothing_but_a_name_is_told(stage: Stage, severity: str) -> None:
    bare = {"alertname": f"Bare{severity}", "severity": severity}
    stage.post([alert(bare)])
    eventually(lambda: [r for r in stage.hooks.about(bare["alertname"]) if r.path == "/chat"], "chat")
    eventually(lambda: [r for r in stage.hooks.about(bare["alertname"]) if r.path != "/chat"], "webhook")
    if severity != "info":
        message = eventually(lambda: stage.box.about(bare["alertname"]), "mail")[0]
        assert "no value" not in message.as_string()
        assert "Dashboard" not in text_part(message, "html")


def test_chat_is_valid_and_complete(stage: Stage) -> None:
    stage.post([alert(_labels("chat", service="shop", tenant="acme"), ANNOTATIONS | {"value": "12.3%"}, STARTED)])
    found = stage.chat("chat")
    assert found["title_link"] == ANNOTATIONS["dashboard_url"]
    assert found["mrkdwn_in"] == ["text"]
    assert {f["title"]: f["value"] for f in found["fields"]} == {
        "Service": "shop",
        "Tenant": "acme",
        "Environment": "chat",
        "Severity": "critical",
    }
    dashboard = ANNOTATIONS["dashboard_url"].replace("&", "&amp;")
    for expected in (
        f"*{ANNOTATIONS['summary']}*",
        "12.3%",
        ANNOTATIONS["description"],
        "Since 9 Mar 2025, 04:05:06 UTC",
        f"<{dashboard}|Dashboard>",
        f"<{ANNOTATIONS['runbook_url']}|Runbook>",
    ):
        assert expected in found["text"], expected


def test_at_night_events_are_recorded_but_told_to_nobody(
    destinations: tuple[Destinations, Mailbox], tmp_path: Path
) -> None:
    to, box = destinations
    with running(redirected(to, tmp_path, muted=True), tmp_path) as alertmanager:
        night = Stage(alertmanager, box, to.hooks)
        night.post([alert(_labels("night", alertname="ServiceDeployed", severity="info"), ANNOTATIONS)])
        assert night.webhook("night").path == "/api/v1/notifications/info"
        _settle(night, "wakeful")
        assert night.chats("night") == []


def test_a_missing_chat_address_does_not_hold_up_the_rest(
    destinations: tuple[Destinations, Mailbox], tmp_path: Path
) -> None:
    to, box = destinations
    config = redirected(to, tmp_path)
    (tmp_path / "chat.url").unlink()
    with running(config, tmp_path) as alertmanager:
        half = Stage(alertmanager, box, to.hooks)
        half.post([alert(_labels("chatless"), ANNOTATIONS)])
        half.mail("chatless")
        half.webhook("chatless")
        assert half.chats("chatless") == []
