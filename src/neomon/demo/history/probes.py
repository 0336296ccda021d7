"""History of what the blackbox exporter saw, and of `up` itself."""

from __future__ import annotations

from collections.abc import Iterator

from neomon.demo.catalogue import SERVICES, TENANTS
from neomon.demo.certificates import EdgeCertificates, expiry
from neomon.demo.edge import SERVICE as EDGE
from neomon.demo.history.context import Context
from neomon.demo.history.series import Series, constant
from neomon.demo.registration import Target, service_targets
from neomon.demo.rhythm import ripple
from neomon.stack.components import enabled_components


def registered_targets(context: Context) -> list[Target]:
    """Everything the demo's processes register."""
    runtime = context.runtime
    targets = [t for s in SERVICES for t in service_targets(s.name, runtime.port(s.port_setting))]
    for index, tenant in enumerate(TENANTS):
        targets += service_targets(tenant.stack, runtime.stack_port(index), tenant.name)
    return [*targets, Target("probe-tls", runtime.address("edge"), EDGE)]


def probe_series(context: Context) -> Iterator[Series]:
    """Everything of the jobs `probe-http` and `probe-tls`."""
    for target in registered_targets(context):
        if target.job == "services":
            continue
        labels = context.target(target.job, target.address, target.service, target.tenant)
        phase = float(len(target.address) + len(target.service))
        durations = [round(0.0032 * (1 + 0.3 * ripple(time, phase)), 6) for time in context.timeline.times]
        yield constant("probe_success", labels, 1, context.length)
        yield Series("probe_duration_seconds", labels, durations)
        if target.job == "probe-http":
            yield constant("probe_http_status_code", labels, 200, context.length)
            yield constant("probe_http_ssl", labels, 0, context.length)
        else:
            certificate = EdgeCertificates(context.runtime.demo_dir / "certificates").server
            if certificate.exists():
                yield constant("probe_ssl_earliest_cert_expiry", labels, expiry(certificate), context.length)


def up_series(context: Context) -> Iterator[Series]:
    """`up` of every target that will be scraped in a moment, and of no other."""
    targets = [
        context.target(target.job, target.address, target.service, target.tenant)
        for target in registered_targets(context)
    ]
    targets += [context.component_target(component) for component in sorted(enabled_components(context.settings))]
    for labels in targets:
        phase = float(len(labels["instance"]) + len(labels["service"]))
        yield constant("up", labels, 1, context.length)
        durations = [round(0.006 * (1 + 0.4 * ripple(time, phase)), 6) for time in context.timeline.times]
        yield Series("scrape_duration_seconds", labels, durations)
