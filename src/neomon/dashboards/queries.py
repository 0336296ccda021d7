"""Prometheus queries of panels and the pieces of PromQL they share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.prometheus import Dataquery as PrometheusQuery
from grafana_foundation_sdk.models.prometheus import PromQueryFormat, QueryEditorMode

from neomon.dashboards.documents import MAY_BE_EMPTY

DATASOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
"""The data source the reader chose in the variable `datasource`."""
ENVIRONMENT: Final = 'environment="$environment"'


class _Target(PrometheusQuery):
    may_be_empty: str = ""

    def to_json(self) -> dict[str, object]:
        payload = super().to_json()
        if self.may_be_empty:
            payload[MAY_BE_EMPTY] = self.may_be_empty
        return payload


@dataclass(frozen=True)
class Query(Builder[Dataquery]):
    """One query of a panel."""

    expression: str
    legend: str = ""
    instant: bool = False
    form: PromQueryFormat = PromQueryFormat.TIME_SERIES
    exemplars: bool = False
    may_be_empty: str = ""
    """Why no answer is no fault; empty when the query must always find something."""
    reference: str = "A"

    def build(self) -> Dataquery:
        """The query in Grafana's form."""
        target = _Target(
            expr=self.expression,
            instant=self.instant,
            range_val=not self.instant,
            exemplar=self.exemplars,
            editor_mode=QueryEditorMode.CODE,
            format_val=self.form,
            legend_format=self.legend or "__auto",
            ref_id=self.reference,
        )
        target.may_be_empty = self.may_be_empty
        return target


def series(expression: str, legend: str = "", *, exemplars: bool = False, may_be_empty: str = "") -> Query:
    """A query drawn over the chosen time."""
    return Query(expression, legend, exemplars=exemplars, may_be_empty=may_be_empty)


def now(expression: str, legend: str = "", *, may_be_empty: str = "") -> Query:
    """A query for the value at the end of the chosen time."""
    return Query(expression, legend, instant=True, may_be_empty=may_be_empty)


def rows(expression: str, *, may_be_empty: str = "") -> Query:
    """A query for the present values as the rows of a table."""
    return Query(expression, instant=True, form=PromQueryFormat.TABLE, may_be_empty=may_be_empty)


def buckets(expression: str, *, exemplars: bool) -> Query:
    """A query for the buckets of a histogram, for a heat map; only raw histograms have exemplars."""
    return Query(expression, "{{le}}", form=PromQueryFormat.HEATMAP, exemplars=exemplars)


def referenced(queries: tuple[Query, ...]) -> list[Query]:
    """The queries, named A, B, C in order."""
    return [replace(query, reference=chr(ord("A") + index)) for index, query in enumerate(queries)]


def select(metric: str, *matchers: str) -> str:
    """A selector of `metric` in the chosen environment."""
    return f"{metric}{{{','.join((ENVIRONMENT, *matchers))}}}"


def rate(metric: str, *matchers: str) -> str:
    """Rate a second of a counter, over the span Grafana finds right for the resolution."""
    return f"rate({select(metric, *matchers)}[$__rate_interval])"


def or_zero(part: str, whole: str) -> str:
    """`part`, or zero for what has a `whole` but no part: a service with traffic and no error has zero errors."""
    return f"({part} or 0 * {whole})"


def share(part: str, whole: str) -> str:
    """`part` of `whole`, 0 to 1; nothing where there is no whole, so that no traffic is not an outage."""
    return f"{part} / ({whole} > 0)"


def quantile(q: float, by: str, metric: str, *matchers: str) -> str:
    """A quantile of a histogram, by labels; needs the raw buckets, so exemplars can be shown."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) ({rate(f'{metric}_bucket', *matchers)}))"
