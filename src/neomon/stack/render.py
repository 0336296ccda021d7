"""From the base files and the settings to the configuration the programs are given.

The base files are valid for the stock programs on their own. What depends on the installation (addresses,
credentials, intervals, which receivers exist) is put in here, and nowhere else.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from neomon.errors import InputError
from neomon.settings import Mail, Settings
from neomon.stack.components import enabled_components, localise, stock_component
from neomon.stack.durations import scale_duration, seconds
from neomon.stack.secrets import EXPORTER_PASSWORD, EXPORTER_USER, SCRAPE_PASSWORD, SCRAPE_USER, STACK_TOKEN, Secrets
from neomon.stack.tls import certificates

RULE_FILES = ("recording_rules.yml", "alerting_rules.yml")
STOCK_MAIL_RECIPIENT = "sre@localhost"
STOCK_CHAT_CHANNEL = "#alerts"
_STOCK_EVALUATION_SECONDS = 15
_NO_CREDENTIALS = frozenset({"redis"})
"""Exporters without a web configuration file: sending them a password would only reveal it."""
_CORE_JOBS = frozenset({"prometheus", "alertmanager", "neomon"})
_PROBE_JOBS = frozenset({"probe-http", "probe-tls", "kubernetes-probes"})

Tree = dict[str, str]
"""Relative path -> content of every rendered file."""


def render(settings: Settings) -> Tree:
    """All rendered files of this installation.

    Raises:
        InputError: A base file is missing or is not YAML of the expected shape; the message names file and line.
    """
    tree: Tree = {}
    for file, part in (
        ("prometheus/prometheus.yml", _prometheus),
        ("prometheus", _rule_files),
        ("prometheus/targets", _target_files),
        ("alertmanager/alertmanager.yml", _alertmanager),
        ("exporters", _exporters),
    ):
        try:
            tree |= part(settings)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # Our walk met another shape than the program's documentation gives; its own checker tells more.
            raise InputError(f"{settings.base_dir / file}:1: not of the expected shape: {error}") from error
    return tree


def load_yaml(path: Path) -> Any:
    """Parse a YAML file written by a person.

    Raises:
        InputError: It can't be read or parsed; the message has the form `file:line: sentence`.
    """
    try:
        return yaml.safe_load(_read(path))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise InputError(f"{path}:{mark.line + 1 if mark else 1}: not valid YAML: {_problem(error)}") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}:1: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}:1: not UTF-8 text") from error


def _problem(error: Exception) -> str:
    return str(getattr(error, "problem", None) or error).splitlines()[0]


def _load_mapping(path: Path) -> dict[str, Any]:
    value = load_yaml(path)
    if not isinstance(value, dict):
        raise InputError(f"{path}:1: expected a mapping at the top")
    return value


def _dump(source: str, value: Any) -> str:
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)
    return f"# Rendered by `neomon apply` from {source}; edit that, or neomon.yml.\n{text}"


def _prometheus(settings: Settings) -> Tree:
    base = settings.base_dir / "prometheus"
    config = localise(_load_mapping(base / "prometheus.yml"), settings)
    if settings.prometheus.kubernetes:
        extra = localise(_load_mapping(base / "kubernetes_scrape.yml"), settings)
        config.setdefault("scrape_configs", []).extend(extra.get("scrape_configs", []))
    interval = settings.prometheus.scrape_interval
    config.setdefault("global", {}).update(
        scrape_interval=seconds(interval),
        scrape_timeout=seconds(min(settings.prometheus.scrape_timeout, interval)),
        evaluation_interval=seconds(settings.prometheus.evaluation_interval),
    )
    config["global"].setdefault("external_labels", {})["environment"] = settings.environment
    for job in config.get("scrape_configs", []):
        _secure_job(job, settings)
        _refresh_discovery(job, interval)
    for target in config.get("alerting", {}).get("alertmanagers", []):
        target.update(_client(settings, "alertmanager"))
    return {"prometheus/prometheus.yml": _dump("prometheus/prometheus.yml", config)}


def _rule_files(settings: Settings) -> Tree:
    base = settings.base_dir / "prometheus"
    return {
        f"prometheus/{name}": _dump(f"prometheus/{name}", _rules(_load_mapping(base / name), settings))
        for name in RULE_FILES
    }


def _target_files(settings: Settings) -> Tree:
    tree = {}
    for path in sorted((settings.base_dir / "prometheus" / "targets").rglob("*.yml")):
        relative = path.relative_to(settings.base_dir)
        tree[str(relative)] = _dump(str(relative), _targets(path, settings))
    return tree


def _client(settings: Settings, job: str) -> dict[str, Any]:
    """How Prometheus speaks to a component that has the common web configuration.

    What opens Prometheus and Alertmanager themselves is shown to nobody else: other jobs may name other hosts.
    """
    user, secret = (SCRAPE_USER, SCRAPE_PASSWORD) if job in _CORE_JOBS else (EXPORTER_USER, EXPORTER_PASSWORD)
    password = Secrets(settings.secrets_dir).path(secret)
    return {"basic_auth": {"username": user, "password_file": str(password)}, **_encryption(settings)}


def _encryption(settings: Settings) -> dict[str, Any]:
    if not settings.encrypted:
        return {}
    return {"scheme": "https", "tls_config": {"ca_file": str(certificates(settings).ca)}}


def _bearer(settings: Settings) -> dict[str, Any]:
    """How Prometheus and Alertmanager speak to neomon."""
    token = Secrets(settings.secrets_dir).path(STACK_TOKEN)
    client: dict[str, Any] = {"authorization": {"type": "Bearer", "credentials_file": str(token)}}
    if settings.encrypted:
        client["tls_config"] = {"ca_file": str(certificates(settings).ca)}
    return client


def _secure_job(job: dict[str, Any], settings: Settings) -> None:
    name = job.get("job_name")
    if name in _PROBE_JOBS or (name in enabled_components(settings) and name not in _NO_CREDENTIALS):
        job.update(_client(settings, str(name)))
    elif name in _NO_CREDENTIALS:
        job.update(_encryption(settings))
    for discovery in job.get("http_sd_configs", []):
        if str(discovery.get("url", "")).startswith(settings.url("neomon")):
            discovery.update(_bearer(settings))


def _refresh_discovery(job: dict[str, Any], scrape_interval: float) -> None:
    """With a shorter scrape interval than the stock 15 s, new targets must be found sooner too."""
    if scrape_interval < _STOCK_EVALUATION_SECONDS:
        for discovery in job.get("http_sd_configs", []):
            discovery["refresh_interval"] = seconds(max(1, scrape_interval))


def _rules(document: dict[str, Any], settings: Settings) -> dict[str, Any]:
    rules: dict[str, Any] = localise(_with_console_address(document, settings), settings)
    factor = settings.alerting.time_factor
    pace = settings.prometheus.evaluation_interval / _STOCK_EVALUATION_SECONDS
    for group in rules.get("groups", []):
        if "interval" in group:
            group["interval"] = scale_duration(str(group["interval"]), pace)
        for rule in group.get("rules", []):
            for key in ("for", "keep_firing_for"):
                if key in rule:
                    rule[key] = scale_duration(str(rule[key]), factor)
    return rules


def _with_console_address(value: Any, settings: Settings) -> Any:
    """Links for people lead to the external address, when there is one."""
    if settings.alerting.external_url is None:
        return value
    if isinstance(value, dict):
        return {key: _with_console_address(item, settings) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_console_address(item, settings) for item in value]
    if isinstance(value, str):
        return value.replace("http://localhost:8080", settings.alerting.external_url.rstrip("/"))
    return value


def _targets(path: Path, settings: Settings) -> list[Any]:
    groups = load_yaml(path) or []
    if not isinstance(groups, list):
        raise InputError(f"{path}:1: expected a list of target groups")
    enabled = enabled_components(settings)
    kept = []
    for group in groups:
        if not isinstance(group, dict) or not isinstance(group.get("targets"), list):
            raise InputError(f"{path}:1: each group needs `targets`, a list of addresses")
        addresses = [a for a in group["targets"] if (stock_component(str(a)) or "neomon") in enabled]
        if addresses:
            labels = {**group.get("labels", {}), "environment": settings.environment}
            kept.append({**group, "targets": addresses, "labels": labels})
    return list(localise(kept, settings))


def _alertmanager(settings: Settings) -> Tree:
    base = settings.base_dir / "alertmanager"
    config = localise(_load_mapping(base / "alertmanager.yml"), settings)
    mail, chat = settings.alerting.mail, settings.alerting.chat
    sender = config.setdefault("global", {})
    if mail is not None:
        sender.update(_mail_global(mail))
    else:
        for key in [key for key in sender if key.startswith("smtp_")]:
            del sender[key]
    sender.pop("slack_api_url_file", None)
    for receiver in config.get("receivers", []):
        had_people = "email_configs" in receiver or "slack_configs" in receiver
        _mail_receiver(receiver, mail)
        _chat_receiver(receiver, settings)
        if had_people and receiver.keys() <= {"name"}:
            # Better in neomon's inbox than nowhere.
            url = f"{settings.url('neomon')}/api/v1/notifications/{receiver['name']}"
            receiver["webhook_configs"] = [{"url": url, "send_resolved": True}]
        for webhook in receiver.get("webhook_configs", []):
            if settings.alerting.dead_mans_switch_url and receiver.get("name") == "dead-mans-switch":
                webhook["url"] = settings.alerting.dead_mans_switch_url
            if str(webhook.get("url", "")).startswith(settings.url("neomon")):
                webhook["http_config"] = _bearer(settings)
    if chat is not None:
        sender["slack_api_url_file"] = _present(chat.url_file, "alerting.chat.url_file")
    _scale_route(config.get("route", {}), settings.alerting.time_factor)
    tree = {"alertmanager/alertmanager.yml": _dump("alertmanager/alertmanager.yml", config)}
    for path in sorted((base / "templates").glob("*.tmpl")):
        tree[str(path.relative_to(settings.base_dir))] = _read(path)
    return tree


def _present(path: Path, setting: str) -> str:
    """The path as text; a program would only find out when it needs the file."""
    if not os.access(path, os.R_OK) or not path.is_file():
        raise InputError(f"setting {setting}: {path} does not exist or cannot be read")
    return str(path)


def _mail_global(mail: Mail) -> dict[str, Any]:
    smtp: dict[str, Any] = {
        "smtp_smarthost": mail.smarthost,
        "smtp_from": mail.sender,
        "smtp_require_tls": mail.require_tls,
    }
    if mail.username:
        smtp["smtp_auth_username"] = mail.username
    if mail.password_file is not None:
        smtp["smtp_auth_password_file"] = _present(mail.password_file, "alerting.mail.password_file")
    return smtp


def _mail_receiver(receiver: dict[str, Any], mail: Mail | None) -> None:
    if mail is None:
        receiver.pop("email_configs", None)
    for config in receiver.get("email_configs", []):
        if mail is not None and config.get("to") == STOCK_MAIL_RECIPIENT:
            config["to"] = mail.to


def _chat_receiver(receiver: dict[str, Any], settings: Settings) -> None:
    chat = settings.alerting.chat
    if chat is None:
        receiver.pop("slack_configs", None)
    for config in receiver.get("slack_configs", []):
        if chat is not None:
            config["api_url_file"] = str(chat.url_file)
            if config.get("channel") == STOCK_CHAT_CHANNEL:
                config["channel"] = chat.channel


def _scale_route(route: dict[str, Any], factor: float) -> None:
    for key in ("group_wait", "group_interval", "repeat_interval"):
        if key in route:
            route[key] = scale_duration(str(route[key]), factor)
    for child in route.get("routes", []):
        _scale_route(child, factor)


def _exporters(settings: Settings) -> Tree:
    base = settings.base_dir / "exporters"
    tree = {}
    for name in ("blackbox_exporter/blackbox.yml", "postgres_exporter/queries.yaml", "custom/platform.yml"):
        load_yaml(base / name)
        tree[f"exporters/{name}"] = _read(base / name)
    arguments = base / "node_exporter" / "arguments.txt"
    tree[f"exporters/{arguments.relative_to(base)}"] = _read(arguments)
    for setting, database in {"postgres": settings.postgres, **settings.databases}.items():
        if database is not None:
            _present(database.password_file, f"{setting}.password_file")
    databases = {name: database.model_dump(mode="json") for name, database in settings.databases.items()}
    tree["exporters/databases.yml"] = _dump("the setting `databases`", databases)
    return tree
