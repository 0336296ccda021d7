"""The repository's Alertmanager configuration with every address turned to servers of the test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from support.alertmanager import Config, base_config, hasten, integrations
from support.receivers import SMTP_PASSWORD, SMTP_USER, Hooks

TOKEN = "stack-token-of-the-test"
NEVER = [{"years": ["2000"]}]
ALWAYS = [{"years": ["2000:2200"]}]


@dataclass(frozen=True)
class Destinations:
    """Where messages go in a test."""

    mail_port: int
    ca: Path
    hooks: Hooks


def redirected(destinations: Destinations, directory: Path, muted: bool = False) -> Config:
    """The configuration as an installation renders it, with short waits.

    Args:
        destinations: Servers of the test.
        directory: Where the secrets' files are written.
        muted: Whether it is always night, or never.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in {
        "stack.token": TOKEN,
        "smtp.password": SMTP_PASSWORD,
        "chat.url": f"{destinations.hooks.url}/chat",
    }.items():
        (directory / name).write_text(content, encoding="utf-8")
    config = base_config()
    hasten(config)
    for interval in config["time_intervals"]:
        interval["time_intervals"] = ALWAYS if muted else NEVER
    config["global"] |= {
        "smtp_smarthost": f"127.0.0.1:{destinations.mail_port}",
        "smtp_auth_username": SMTP_USER,
        "smtp_auth_password_file": str(directory / "smtp.password"),
    }
    for mail in integrations(config, "email"):
        mail["tls_config"] = {"ca_file": str(destinations.ca)}
    for chat in integrations(config, "slack"):
        chat["api_url_file"] = str(directory / "chat.url")
    for webhook in integrations(config, "webhook"):
        webhook["url"] = webhook["url"].replace("http://localhost:8080", destinations.hooks.url)
        webhook["http_config"]["authorization"]["credentials_file"] = str(directory / "stack.token")
    return config
