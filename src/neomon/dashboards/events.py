"""Events drawn over every chart: what changed, and what was wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import AnnotationQuery

from neomon.dashboards import colours
from neomon.dashboards.documents import MAY_BE_EMPTY
from neomon.dashboards.queries import DATASOURCE, ENVIRONMENT


class _PrometheusAnnotation(AnnotationQuery):
    """An annotation with the fields that only the Prometheus data source reads."""

    extra: dict[str, object]

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), **self.extra}


@dataclass(frozen=True)
class Annotation(Builder[AnnotationQuery]):
    """One kind of event, from a query."""

    name: str
    expression: str
    colour: str
    title: str
    text: str
    tags: str
    may_be_empty: str = ""
    value_is_time: bool = False
    """The sample's value is the event's time in milliseconds, not the sample's own time."""

    def build(self) -> AnnotationQuery:
        """The annotation in Grafana's form."""
        built = _PrometheusAnnotation(
            name=self.name, datasource=DATASOURCE, enable=True, hide=False, icon_color=self.colour, expr=self.expression
        )
        built.extra = {
            "step": "15s",
            "tagKeys": self.tags,
            "textFormat": self.text,
            "titleFormat": self.title,
            "useValueForTime": "on" if self.value_is_time else False,
        }
        if self.may_be_empty:
            built.extra[MAY_BE_EMPTY] = self.may_be_empty
        return built


def _happened(metric: str) -> str:
    return f"{metric}{{{ENVIRONMENT}}} * 1000"


DEPLOYMENTS: Final = Annotation(
    "Deployments",
    _happened("deployment_last_timestamp_seconds"),
    colours.NEUTRAL,
    "Deployed {{service}}",
    "Version {{version}}",
    "service,version",
    value_is_time=True,
)
CONFIGURATION: Final = Annotation(
    "Configuration changes",
    _happened("configuration_last_change_timestamp_seconds"),
    colours.SECOND,
    "Configuration of {{service}} changed",
    "",
    "service",
    value_is_time=True,
)
BACKUPS: Final = Annotation(
    "Backups",
    _happened("backup_last_completion_timestamp_seconds"),
    colours.GOOD,
    "Backup of {{database}} completed",
    "",
    "database",
    value_is_time=True,
)


def firing_alerts(*matchers: str) -> Annotation:
    """Spans in which an alert of severity critical or warning fired."""
    selector = ",".join(
        ('alertstate="firing"', 'severity=~"critical|warning"', 'environment=~"$environment|"', *matchers)
    )
    return Annotation(
        "Firing alerts",
        f"ALERTS{{{selector}}}",
        colours.CRITICAL,
        "{{alertname}}",
        "{{severity}} {{service}} {{tenant}} {{instance}}",
        "alertname,severity,service,tenant",
        may_be_empty="nothing has fired",
    )
