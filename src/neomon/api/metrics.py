"""neomon's own metrics beyond those of its HTTP requests."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from neomon.alerting.inbox import Heartbeats
from neomon.discovery.registry import TargetRegistry
from neomon.settings import Settings
from neomon.stack.journal import last_apply


class StateCollector(Collector):
    """Reads what the database and the configuration directory say at each scrape."""

    def __init__(self, settings: Settings, targets: TargetRegistry, heartbeats: Heartbeats) -> None:
        self._settings = settings
        self._targets = targets
        self._heartbeats = heartbeats

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance: registering must not touch the database."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The metric families, at this moment."""
        by_job = GaugeMetricFamily("neomon_targets_registered", "Targets registered by services.", labels=["job"])
        jobs = [target.job for target in self._targets.targets()]
        for job in sorted(set(jobs)):
            by_job.add_metric([job], jobs.count(job))
        yield by_job
        beats = GaugeMetricFamily(
            "neomon_heartbeat_last_timestamp_seconds", "When a sign of life last arrived.", labels=["name"]
        )
        for name, at in self._heartbeats.last().items():
            beats.add_metric([name], at)
        yield beats
        if (applied := last_apply(self._settings.data_dir)) is not None:
            yield GaugeMetricFamily(
                "neomon_config_last_apply_success", "Whether the last `neomon apply` succeeded.", value=applied.success
            )
            yield GaugeMetricFamily(
                "neomon_config_last_apply_timestamp_seconds", "When `neomon apply` last ran.", value=applied.at
            )
