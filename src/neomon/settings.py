"""Every setting of neomon: typed, with its default and its unit.

Settings come, later ones winning, from the defaults here, `neomon.yml` in the data directory (or the file
named by `NEOMON_CONFIG`), and environment variables: `NEOMON_PORTS__PROMETHEUS=19090` is `ports.prometheus`.
"""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(ge=0.1, le=86_400, allow_inf_nan=False)]


def _valid_port(address: str) -> str:
    if not 0 < int(address.rpartition(":")[2]) < 65_536:
        raise ValueError("the port must be between 1 and 65535")
    return address


def _valid_listen(address: str) -> str:
    if address != "localhost":
        ip_address(address)
    return address


HostPort = Annotated[str, Field(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):\d{1,5}$"), AfterValidator(_valid_port)]
HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:-]{0,252}[A-Za-z0-9])?$")]

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGED_BASE = Path(__file__).resolve().parent / "base"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ports(_Section):
    """TCP port of every component on this machine; the defaults are each program's customary port."""

    neomon: Port = 8080
    prometheus: Port = 9090
    alertmanager: Port = 9093
    node: Port = 9100
    containers: Port = 9101
    platform: Port = 9102
    blackbox: Port = 9115
    redis: Port = 9121
    postgres: Port = 9187


class Tls(_Section):
    """Encryption of every listener; without given files a private CA and a certificate are generated."""

    enabled: bool = False
    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None
    names: tuple[HostName, ...] = ()
    """Extra host names and addresses the generated certificate is valid for."""


class PrometheusSettings(_Section):
    """How Prometheus scrapes and keeps data."""

    scrape_interval: Seconds = 15
    """Seconds between two scrapes of a target."""
    scrape_timeout: Seconds = 10
    """Seconds; cut to the interval when that is shorter."""
    evaluation_interval: Seconds = 15
    """Seconds between two evaluations of a rule group."""
    retention_days: Annotated[int, Field(ge=1, le=36_500)] = 15
    retention_bytes: Annotated[int, Field(ge=0, le=2**60)] = 0
    """Bytes of time series to keep at most; 0 means no limit."""
    kubernetes: bool = False
    """Add the jobs of prometheus/kubernetes_scrape.yml (only inside a cluster)."""


class Mail(_Section):
    """The mail server Alertmanager hands messages to; without one nothing is mailed."""

    smarthost: HostPort
    sender: str = "neomon@localhost"
    to: str = "sre@localhost"
    username: str = ""
    password_file: Path | None = None
    require_tls: bool = True


class Chat(_Section):
    """An incoming webhook that understands Slack's message format."""

    url_file: Path
    """File holding the webhook's address, which is a secret."""
    channel: str = "#alerts"


class Alerting(_Section):
    """How alerts are timed and delivered."""

    time_factor: Annotated[float, Field(ge=0.001, le=10)] = 1.0
    """Multiplies every `for` of the rules and every wait and interval of the routes; less than 1 for drills."""
    mail: Mail | None = None
    chat: Chat | None = None
    dead_mans_switch_url: str | None = None
    """Address the Watchdog alert is posted to; default is neomon's own heartbeat receiver."""
    external_url: str | None = None
    """Address of the console in links of messages; default is neomon's own address."""


class Database(_Section):
    """A PostgreSQL database to watch or to read business figures from."""

    address: HostPort
    user: str
    password_file: Path
    name: str = "postgres"
    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = "prefer"


class RedisServer(_Section):
    """A Redis server to watch."""

    address: HostPort
    password_file: Path | None = None


class DemoPorts(_Section):
    """TCP ports of the demo platform."""

    api_gateway: Port = 8101
    auth_service: Port = 8102
    tenant_manager: Port = 8103
    stack_deployer: Port = 8104
    edge: Port = 8143
    stacks: Port = 8110
    """First of the ports of the demo tenants' stacks; three are used."""
    smtp: Port = 8125
    chat: Port = 8126
    postgres: Port = 8132
    redis: Port = 8179


class Demo(_Section):
    """The demo platform: a small NEO_STACK with real traffic."""

    ports: DemoPorts = DemoPorts()
    requests_per_second: Annotated[float, Field(gt=0, le=200)] = 12
    """Requests a second through the API Gateway at the daily peak."""
    history_hours: Annotated[float, Field(ge=0, le=48)] = 2
    """Hours of history filled in at first start."""


class Settings(_Section):
    """All settings of one installation."""

    data_dir: Path = REPOSITORY / "var"
    """Directory of all state: time series, database, secrets, rendered configuration, logs."""
    base_dir: Path = Field(
        default_factory=lambda: REPOSITORY if (REPOSITORY / "prometheus").is_dir() else PACKAGED_BASE
    )
    """Directory with prometheus/, alertmanager/, grafana/ and exporters/."""
    environment: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")] = "production"
    """Value of the `environment` label."""
    listen: Annotated[str, AfterValidator(_valid_listen)] = "127.0.0.1"
    """Address every component listens on; anything but loopback turns TLS on."""
    ports: Ports = Ports()
    tls: Tls = Tls()
    prometheus: PrometheusSettings = PrometheusSettings()
    alerting: Alerting = Alerting()
    postgres: Database | None = None
    """Database the PostgreSQL exporter watches; without one that exporter is not started."""
    redis: RedisServer | None = None
    databases: dict[str, Database] = {}
    """Databases the platform exporter's queries read, by the name the queries use; without one it is not started."""
    demo: Demo = Demo()

    @field_validator("data_dir", "base_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @model_validator(mode="after")
    def _distinct_ports(self) -> Self:
        names = {f"ports.{name}": port for name, port in self.ports}
        names |= {f"demo.ports.{name}": port for name, port in self.demo.ports}
        names |= {f"demo.ports.stacks + {step}": self.demo.ports.stacks + step for step in (1, 2)}
        owners: dict[int, str] = {}
        for name, port in names.items():
            if port in owners:
                raise ValueError(f"{name} and {owners[port]} are both {port}")
            owners[port] = name
        return self

    @property
    def encrypted(self) -> bool:
        """Whether listeners speak TLS."""
        return self.tls.enabled or self.listen not in LOOPBACK

    @property
    def scheme(self) -> str:
        """`https` when listeners speak TLS, else `http`."""
        return "https" if self.encrypted else "http"

    @property
    def local_host(self) -> str:
        """Address under which components of this machine reach each other."""
        return "127.0.0.1" if self.listen in ("0.0.0.0", "::", "localhost") else self.listen  # noqa: S104

    def address(self, component: str) -> str:
        """`host:port` of a component named as in `Ports`."""
        # The Redis exporter can't ask for a password, so it never leaves loopback.
        host = "127.0.0.1" if component == "redis" else self.local_host
        host = f"[{host}]" if ":" in host else host
        return f"{host}:{getattr(self.ports, component)}"

    def url(self, component: str) -> str:
        """Base address of a component, without a trailing slash."""
        return f"{self.scheme}://{self.address(component)}"

    @property
    def config_dir(self) -> Path:
        """Rendered configuration now in force (a link to one generation)."""
        return self.data_dir / "config" / "current"

    @property
    def secrets_dir(self) -> Path:
        """Generated passwords and tokens, mode 0700."""
        return self.data_dir / "secrets"

    @property
    def log_dir(self) -> Path:
        """Logs of every process."""
        return self.data_dir / "log"

    @property
    def demo_dir(self) -> Path:
        """State of the demo platform."""
        return self.data_dir / "demo"


def load_settings() -> Settings:
    """Read the settings of this installation from its file and the environment.

    Raises:
        SettingsError: A value is missing, of the wrong kind or unknown; the message names it and where it came from.
    """
    # Reading layers of settings takes a library that neomon's long-running processes, given finished settings, need not
    # hold in memory.
    from neomon.settings_sources import read_settings

    return read_settings()
