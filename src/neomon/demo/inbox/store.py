"""What has arrived: mails in a Maildir, chat messages as JSON lines; only the newest are kept."""

from __future__ import annotations

import email
import email.policy
import itertools
import json
import mailbox
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

_MOST_MAILS = 500
_MOST_CHATS = 1_000
_TRIM_EVERY = 50
"""Mails between two looks at how many there are."""


@dataclass(frozen=True)
class Message:
    """One mail or chat message."""

    key: str
    """Names the message for `neomon demo inbox --show`."""
    kind: str
    """`mail` or `chat`."""
    received: float
    """Seconds since the epoch."""
    sender: str
    to: str
    subject: str
    text: str
    """The readable body."""

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {**self.__dict__}


class InboxStore:
    """The inbox directory."""

    def __init__(self, directory: Path) -> None:
        self._mail = directory / "mail"
        self._chat = directory / "chat.jsonl"
        self._since_trim = itertools.count(1)

    def prepare(self) -> None:
        """Create the directories."""
        self._chat.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        mailbox.Maildir(str(self._mail), create=True)

    def add_mail(self, content: bytes, sender: str, recipients: list[str]) -> None:
        """Keep a mail; it is on disk when this returns."""
        box = mailbox.Maildir(str(self._mail), create=True)
        message = email.message_from_bytes(content)
        for header, value in (("X-Envelope-From", sender), ("X-Envelope-To", ", ".join(recipients))):
            del message[header]
            message[header] = value
        box.add(mailbox.MaildirMessage(message))
        if next(self._since_trim) % _TRIM_EVERY == 0:
            for path in self._mail_files()[:-_MOST_MAILS]:
                path.unlink(missing_ok=True)

    def add_chat(self, payload: dict[str, Any]) -> None:
        """Keep a chat message; it is on disk when this returns."""
        line = json.dumps({"received": round(time.time(), 3), "payload": payload})
        with self._chat.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        lines = self._chat_lines()
        if len(lines) > 2 * _MOST_CHATS:
            draft = self._chat.with_suffix(".draft")
            draft.write_text("\n".join(lines[-_MOST_CHATS:]) + "\n", encoding="utf-8")
            draft.replace(self._chat)

    def messages(self) -> list[Message]:
        """Everything kept, oldest first."""
        return sorted(itertools.chain(self._mails(), self._chats()), key=lambda message: message.received)

    def _mail_files(self) -> list[Path]:
        files = [path for part in ("new", "cur") for path in (self._mail / part).glob("*") if path.is_file()]
        return sorted(files, key=lambda path: path.stat().st_mtime)

    def _mails(self) -> Iterator[Message]:
        for path in self._mail_files():
            try:
                content, received = path.read_bytes(), path.stat().st_mtime
            except FileNotFoundError:
                continue
            message = email.message_from_bytes(content, policy=email.policy.default)
            assert isinstance(message, EmailMessage)  # noqa: S101
            yield Message(
                key=path.name.partition(":")[0],
                kind="mail",
                received=received,
                sender=str(message.get("From", "")),
                to=str(message.get("To", "")),
                subject=str(message.get("Subject", "")),
                text=_mail_text(message),
            )

    def _chat_lines(self) -> list[str]:
        try:
            return self._chat.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []

    def _chats(self) -> Iterator[Message]:
        for line in self._chat_lines():
            try:
                entry = json.loads(line)
                payload = entry["payload"]
                received = float(entry["received"])
            except (ValueError, KeyError, TypeError):
                # A line cut off by a crash is no reason to hide the others.
                continue
            yield Message(
                key=f"chat-{received:.3f}",
                kind="chat",
                received=received,
                sender=str(payload.get("username", "")),
                to=str(payload.get("channel", "")),
                subject=_chat_title(payload),
                text=_chat_text(payload),
            )


def _mail_text(message: EmailMessage) -> str:
    body = message.get_body(("plain", "html"))
    return str(body.get_content()).strip() if body is not None else ""


def _chat_title(payload: dict[str, Any]) -> str:
    for part in (payload, *payload.get("attachments", [])):
        if title := part.get("title") or part.get("fallback"):
            return str(title)
    return str(payload.get("text", "")).partition("\n")[0]


def _chat_text(payload: dict[str, Any]) -> str:
    parts = [payload.get("text"), *(part.get("text") for part in payload.get("attachments", []))]
    return "\n".join(str(part).strip() for part in parts if part)
