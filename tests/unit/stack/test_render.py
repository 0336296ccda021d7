import shutil
from pathlib import Path

import pytest
import yaml

from neomon.errors import InputError
from neomon.settings import Alerting, Chat, Database, Mail, Ports, PrometheusSettings, Settings, Tls
from neomon.stack.durations import parse_duration
from neomon.stack.render import Tree, render


def job(tree: Tree, name: str) -> dict:
    config = yaml.safe_load(tree["prometheus/prometheus.yml"])
    return next(job for job in config["scrape_configs"] if job["job_name"] == name)


def targets(tree: Tree, name: str) -> list[str]:
    groups = yaml.safe_load(tree[f"prometheus/targets/{name}.yml"]) or []
    return [address for group in groups for address in group["targets"]]


def receiver(tree: Tree, name: str) -> dict:
    config = yaml.safe_load(tree["alertmanager/alertmanager.yml"])
    return next(receiver for receiver in config["receivers"] if receiver["name"] == name)


def with_alerting(settings: Settings, **alerting: object) -> Settings:
    return settings.model_copy(update={"alerting": Alerting(**alerting)})


def test_ports_of_the_settings_replace_the_stock_ones(settings: Settings) -> None:
    moved = settings.model_copy(update={"ports": Ports(prometheus=19090, alertmanager=19093, node=19100)})
    tree = render(moved)
    assert targets(tree, "node") == ["127.0.0.1:19100"]
    config = yaml.safe_load(tree["prometheus/prometheus.yml"])
    assert config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["127.0.0.1:19093"]
    assert "localhost" not in tree["prometheus/prometheus.yml"]


def test_guarded_jobs_get_credentials_and_the_redis_exporter_does_not(settings: Settings) -> None:
    tree = render(settings)
    password = Path(job(tree, "node")["basic_auth"]["password_file"])
    assert password.stat().st_mode & 0o777 == 0o600
    assert len(password.read_text()) >= 32
    # Jobs that may name other hosts show those a password that opens neither Prometheus nor Alertmanager.
    core = {job(tree, name)["basic_auth"]["password_file"] for name in ("prometheus", "alertmanager", "neomon")}
    assert len(core) == 1
    for name in ("node", "blackbox", "containers", "postgres", "platform", "probe-http"):
        assert job(tree, name).get("basic_auth", {}).get("password_file") not in core
    assert "basic_auth" not in job(tree, "redis")
    assert "basic_auth" not in job(tree, "services")
    assert "credentials_file" in job(tree, "services")["http_sd_configs"][0]["authorization"]


def test_tls_reaches_every_job_of_a_component(settings: Settings) -> None:
    tree = render(settings.model_copy(update={"tls": Tls(enabled=True)}))
    for name in ("prometheus", "alertmanager", "neomon", "node", "blackbox", "redis", "probe-http"):
        assert job(tree, name)["scheme"] == "https", name
        assert Path(job(tree, name)["tls_config"]["ca_file"]).is_file()
    assert "scheme" not in job(tree, "services")
    assert job(tree, "services")["http_sd_configs"][0]["url"].startswith("https://127.0.0.1:8080/")


def test_components_that_do_not_run_here_are_not_scraped(settings: Settings, tmp_path: Path) -> None:
    assert targets(render(settings), "postgres") == []
    (tmp_path / "p").write_text("x")
    database = Database(address="db:5432", user="x", password_file=tmp_path / "p")
    assert targets(render(settings.model_copy(update={"postgres": database})), "postgres") == ["127.0.0.1:9187"]


def test_other_hosts_in_a_targets_file_are_kept(settings: Settings, tmp_path: Path) -> None:
    base = tmp_path / "base"
    for folder in ("prometheus", "alertmanager", "exporters"):
        shutil.copytree(settings.base_dir / folder, base / folder)
    file = base / "prometheus" / "targets" / "node.yml"
    file.write_text("- targets: [localhost:9100, 'db1:9100']\n  labels: {service: node}\n")
    assert targets(render(settings.model_copy(update={"base_dir": base})), "node") == ["127.0.0.1:9100", "db1:9100"]


def test_the_time_factor_shortens_alerts_and_routes_alike(settings: Settings) -> None:
    def waits(tree: Tree) -> tuple[list[int], list[int]]:
        rules = yaml.safe_load(tree["prometheus/alerting_rules.yml"])
        fors = [parse_duration(r["for"]) for g in rules["groups"] for r in g["rules"] if "for" in r]
        route = yaml.safe_load(tree["alertmanager/alertmanager.yml"])["route"]
        return fors, [parse_duration(route[key]) for key in ("group_wait", "group_interval", "repeat_interval")]

    normal, fast = waits(render(settings)), waits(render(with_alerting(settings, time_factor=0.1)))
    assert len(normal[0]) > 10
    for before, after in zip(normal[0] + normal[1], fast[0] + fast[1], strict=True):
        assert after == round(before * 0.1)


def test_without_mail_and_chat_only_webhooks_remain(settings: Settings) -> None:
    tree = render(settings)
    critical = receiver(tree, "critical")
    assert "email_configs" not in critical
    assert "slack_configs" not in critical
    webhook = critical["webhook_configs"][0]
    assert webhook["url"] == "http://127.0.0.1:8080/api/v1/notifications/critical"
    assert Path(webhook["http_config"]["authorization"]["credentials_file"]).is_file()


def test_mail_and_chat_come_from_the_settings(settings: Settings, tmp_path: Path) -> None:
    for name in ("smtp", "url"):
        (tmp_path / name).write_text("x")
    mail = Mail(smarthost="mail.example:587", to="ops@example", username="u", password_file=tmp_path / "smtp")
    tree = render(with_alerting(settings, mail=mail, chat=Chat(url_file=tmp_path / "url", channel="#ops")))
    config = yaml.safe_load(tree["alertmanager/alertmanager.yml"])
    assert config["global"]["smtp_smarthost"] == "mail.example:587"
    assert config["global"]["smtp_auth_password_file"] == str(tmp_path / "smtp")
    assert receiver(tree, "critical")["email_configs"][0]["to"] == "ops@example"
    assert receiver(tree, "critical")["slack_configs"][0]["channel"] == "#ops"


def test_links_lead_to_the_external_address(settings: Settings) -> None:
    rules = render(with_alerting(settings, external_url="https://mon.example/"))["prometheus/alerting_rules.yml"]
    assert "https://mon.example/docs/alerting#" in rules
    assert "localhost:8080" not in rules
    assert "127.0.0.1:8080" not in rules


def test_intervals_come_from_the_settings(settings: Settings) -> None:
    fast = PrometheusSettings(scrape_interval=1, evaluation_interval=2)
    config = yaml.safe_load(render(settings.model_copy(update={"prometheus": fast}))["prometheus/prometheus.yml"])
    assert config["global"]["scrape_interval"] == "1s"
    assert config["global"]["scrape_timeout"] == "1s"
    assert config["global"]["evaluation_interval"] == "2s"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("prometheus/prometheus.yml", "scrape_configs: 5\n"),
        ("prometheus/prometheus.yml", "global: 3\n"),
        ("prometheus/alerting_rules.yml", "groups: [a]\n"),
        ("prometheus/targets/node.yml", "- {targets: [a:1], labels: x}\n"),
        ("alertmanager/alertmanager.yml", "route: x\n"),
        ("alertmanager/alertmanager.yml", "receivers: [x]\n"),
        ("alertmanager/templates/chat.tmpl", b"\xff\xfe"),
        ("exporters/node_exporter/arguments.txt", b"\xff\xfe"),
    ],
)
def test_a_base_file_of_another_shape_is_named(
    settings: Settings, tmp_path: Path, file: str, text: str | bytes
) -> None:
    base = tmp_path / "base"
    for folder in ("prometheus", "alertmanager", "exporters"):
        shutil.copytree(settings.base_dir / folder, base / folder)
    (base / file).write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(InputError, match=Path(file).parts[0]):
        render(settings.model_copy(update={"base_dir": base}))


def test_a_password_file_that_is_missing_is_named(settings: Settings, tmp_path: Path) -> None:
    mail = Mail(smarthost="mail.example:587", password_file=tmp_path / "missing")
    with pytest.raises(InputError, match=r"alerting\.mail\.password_file"):
        render(with_alerting(settings, mail=mail))


def test_a_broken_base_file_is_named_with_its_line(settings: Settings, tmp_path: Path) -> None:
    base = tmp_path / "base"
    (base / "prometheus").mkdir(parents=True)
    (base / "prometheus" / "prometheus.yml").write_text("global:\n  scrape_interval: [\n")
    with pytest.raises(InputError, match=r"prometheus\.yml:3: not valid YAML"):
        render(settings.model_copy(update={"base_dir": base}))
