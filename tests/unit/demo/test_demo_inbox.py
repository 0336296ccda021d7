"""What people received: kept, shown, and bounded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient
from typer.testing import CliRunner

from neomon.cli import demo
from neomon.demo.inbox import store as store_module
from neomon.demo.inbox.server import chat_app
from neomon.demo.inbox.store import InboxStore
from neomon.errors import NotFoundError

MAIL = b"""From: neomon@neo-stack.demo\r
To: sre@neo-stack.demo\r
Subject: [FIRING] HighErrorRate\r
MIME-Version: 1.0\r
Content-Type: multipart/alternative; boundary=x\r
\r
--x\r
Content-Type: text/plain; charset=utf-8\r
Content-Transfer-Encoding: 8bit\r
\r
33 % of requests fail \xe2\x80\x93 since 12:00\r
--x\r
Content-Type: text/html\r
\r
<p>html</p>\r
--x--\r
"""


@pytest.fixture
def store(tmp_path: Path) -> InboxStore:
    inbox = InboxStore(tmp_path / "demo" / "inbox")
    inbox.prepare()
    return inbox


def test_a_mail_can_be_read_again(store: InboxStore) -> None:
    store.add_mail(MAIL, "neomon@neo-stack.demo", ["sre@neo-stack.demo"])
    (message,) = store.messages()
    assert message.kind == "mail"
    assert message.subject == "[FIRING] HighErrorRate"
    assert message.to == "sre@neo-stack.demo"
    assert message.text == "33 % of requests fail – since 12:00"


def test_a_chat_message_in_slacks_format_can_be_read_again(store: InboxStore) -> None:
    payload = {"channel": "#ops", "attachments": [{"title": "HighLatency", "text": "slow", "fallback": "f"}]}
    store.add_chat(payload)
    (message,) = store.messages()
    assert (message.kind, message.to, message.subject, message.text) == ("chat", "#ops", "HighLatency", "slow")


def test_only_the_newest_are_kept(store: InboxStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_MOST_MAILS", 5)
    monkeypatch.setattr(store_module, "_TRIM_EVERY", 4)
    monkeypatch.setattr(store_module, "_MOST_CHATS", 5)
    for number in range(12):
        store.add_mail(MAIL.replace(b"FIRING", b"%d" % number), "a", ["b"])
        store.add_chat({"text": f"chat {number}"})
    messages = store.messages()
    assert sum(message.kind == "mail" for message in messages) <= 8
    chats = [message.subject for message in messages if message.kind == "chat"]
    assert len(chats) <= 10
    assert chats[-1] == "chat 11"


def test_a_line_cut_off_hides_nothing_else(store: InboxStore, tmp_path: Path) -> None:
    store.add_chat({"text": "whole"})
    with (tmp_path / "demo" / "inbox" / "chat.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"received": 1, "payl')
    assert [message.subject for message in store.messages()] == ["whole"]


async def test_chat_endpoint_takes_only_its_token_and_slacks_format(store: InboxStore) -> None:
    app = chat_app(store, "right")
    async with AsyncClient(transport=ASGITransport(app), base_url="http://inbox") as client:
        assert (await client.post("/hooks/wrong", json={"text": "x"})).status_code == 404
        assert (await client.post("/hooks/right", content=b"not json")).status_code == 400
        assert (await client.post("/hooks/right", json={"nothing": 1})).status_code == 400
        assert (await client.post("/hooks/right", json=["text"])).status_code == 400
        assert (await client.post("/hooks/right", content=b"x" * 1_000_001)).status_code == 413
        assert store.messages() == []
        assert (await client.post("/hooks/right", json={"text": "hello"})).text == "ok"
    assert [message.subject for message in store.messages()] == ["hello"]


def test_inbox_command(store: InboxStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEOMON_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    cli = CliRunner()
    assert "empty" in cli.invoke(demo.app, ["inbox"]).output
    store.add_mail(MAIL, "a", ["b"])
    store.add_chat({"text": "[bold]odd[/] markup"})
    assert "HighErrorRate" in cli.invoke(demo.app, ["inbox"]).output
    assert "33 % of requests fail" in cli.invoke(demo.app, ["inbox", "--show", "1"]).output
    assert "[bold]odd[/] markup" in cli.invoke(demo.app, ["inbox", "--show", "last"]).output
    entries = json.loads(cli.invoke(demo.app, ["inbox", "--json", "--limit", "1"]).output)
    assert [entry["number"] for entry in entries] == [2]
    assert isinstance(cli.invoke(demo.app, ["inbox", "--show", "9"]).exception, NotFoundError)
