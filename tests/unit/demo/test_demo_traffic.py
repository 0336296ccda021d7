"""The rhythm, the mix of requests, and the moments they come."""

from __future__ import annotations

import itertools
import random
import statistics

import pytest

from neomon.demo.arrivals import Arrivals
from neomon.demo.catalogue import TENANTS, rate_limit
from neomon.demo.rhythm import load_factor
from neomon.demo.traffic import OPERATIONS, SERVER_ERROR_EVERY, STACK_ROUTES, Latency, Operation

DAY = 86_400


def test_load_stays_between_nothing_and_the_peak() -> None:
    factors = [load_factor(1_790_000_000 + second) for second in range(0, DAY, 60)]
    assert min(factors) > 0.3
    assert max(factors) <= 1


def test_afternoon_is_busier_than_night() -> None:
    midnight = 1_790_000_000 // DAY * DAY
    afternoon = statistics.mean(load_factor(midnight + 14 * 3600 + offset) for offset in range(0, 3600, 60))
    night = statistics.mean(load_factor(midnight + 2 * 3600 + offset) for offset in range(0, 3600, 60))
    assert afternoon > 1.7 * night


def test_load_changes_smoothly() -> None:
    factors = [load_factor(1_790_000_000 + second) for second in range(0, 7200, 15)]
    assert max(abs(after - before) for before, after in itertools.pairwise(factors)) < 0.05


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_durations_are_distributed_as_history_believes(operation: Operation) -> None:
    latency = operation.latency
    rng = random.Random(7)
    drawn = [latency.sample(rng) for _ in range(4_000)]
    for bound in (0.025, 0.1, 0.5):
        share = sum(seconds <= bound for seconds in drawn) / len(drawn)
        assert latency.share_within(bound) == pytest.approx(share, abs=0.03)
    assert latency.mean() == pytest.approx(statistics.mean(drawn), rel=0.06)


def test_share_within_grows_with_the_bound_and_falls_with_a_slowdown() -> None:
    latency = Latency(0.05)
    shares = [latency.share_within(bound) for bound in (0.005, 0.05, 0.5, 2, 10)]
    assert shares == sorted(shares)
    assert shares[1] == pytest.approx(0.5)
    assert shares[-1] == 1
    assert latency.share_within(0.1, slowdown=3) < latency.share_within(0.1)


def test_a_healthy_platform_keeps_its_error_objective() -> None:
    assert 1 / SERVER_ERROR_EVERY < 0.001 / 2


def test_tenants_have_different_sizes_and_room_below_their_limits() -> None:
    assert sum(tenant.share for tenant in TENANTS) == pytest.approx(1)
    assert len({tenant.share for tenant in TENANTS}) == len(TENANTS)
    for tenant in TENANTS:
        assert rate_limit(tenant, 12) > 1.5 * tenant.share * 12
        assert tenant.stack in STACK_ROUTES


def arrivals_within(rate: float, seconds: float, step: float = 0.05) -> int:
    arrivals = Arrivals(lambda: rate, random.Random(3))
    arrivals.pause(0.0)
    return sum(arrivals.due(tick * step) for tick in range(int(seconds / step)) if arrivals.pause(tick * step) < step)


def test_arrivals_keep_their_rate() -> None:
    assert arrivals_within(12, 600) == pytest.approx(7200, rel=0.05)


def test_no_rate_no_arrivals() -> None:
    assert arrivals_within(0, 60) == 0


def test_a_stall_is_not_made_up_for_all_at_once() -> None:
    arrivals = Arrivals(lambda: 100.0, random.Random(3))
    arrivals.pause(0.0)
    assert arrivals.due(3600.0) <= 20
    arrivals.pause(3600.0)
    assert arrivals.due(3600.5) < 100
