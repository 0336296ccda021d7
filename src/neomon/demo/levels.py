"""Levels that follow from the traffic: what a gauge settles at when the platform is this busy."""

from __future__ import annotations

from neomon.demo.catalogue import SESSION_SECONDS, Tenant
from neomon.demo.rhythm import load_factor, ripple
from neomon.demo.traffic import OPERATION_BY_NAME, TOTAL_WEIGHT

_LOGIN_FAILURES = 0.07
_GROWTH_PER_DAY = 0.004
"""Storage grows by this share of the typical use a day, and starts over after a month (old data is archived)."""
_MONTH = 30 * 86_400.0


def operation_rate(name: str, timestamp: float, peak: float) -> float:
    """Requests a second of one operation at `timestamp`, when the gateway's daily peak is `peak`."""
    return peak * load_factor(timestamp) * OPERATION_BY_NAME[name].weight / TOTAL_WEIGHT


def sessions_at(timestamp: float, peak: float) -> float:
    """Open sessions: those opened within a session's life, less those ended by a logout."""
    opened = operation_rate("login", timestamp - SESSION_SECONDS / 2, peak) * (1 - _LOGIN_FAILURES)
    ended = operation_rate("logout", timestamp - SESSION_SECONDS / 2, peak)
    return max(0.0, opened - ended / 2) * SESSION_SECONDS


def resource_usage(tenant: Tenant, resource_type: str, timestamp: float) -> float:
    """What a tenant uses of a resource, in the resource's unit."""
    typical = float(tenant.usage[resource_type])
    phase = float(len(tenant.name))
    if resource_type == "cpu_cores":
        return typical * (0.45 + 0.6 * load_factor(timestamp) + 0.06 * ripple(timestamp, phase))
    if resource_type == "memory_bytes":
        return typical * (0.9 + 0.1 * load_factor(timestamp) + 0.015 * ripple(timestamp, phase))
    if resource_type == "storage_bytes":
        return typical * (0.94 + _GROWTH_PER_DAY * (timestamp % _MONTH) / 86_400)
    return typical
