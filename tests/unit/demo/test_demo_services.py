"""Parts of the services that need neither network nor database."""

from __future__ import annotations

from neomon.demo.catalogue import TENANTS
from neomon.demo.services.limiter import TokenBucket
from neomon.demo.services.sessions import Sessions
from neomon.demo.services.users import Directory, enrolled_users
from neomon.demo.tracing import child_traceparent, new_traceparent


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_bucket_lets_a_burst_through_then_the_rate() -> None:
    clock = Clock()
    bucket = TokenBucket(2, clock)
    assert sum(bucket.allow() for _ in range(20)) == 6
    clock.now += 2
    assert sum(bucket.allow() for _ in range(20)) == 4


def test_bucket_does_not_save_up_for_ever() -> None:
    clock = Clock()
    bucket = TokenBucket(2, clock)
    clock.now += 3600
    assert sum(bucket.allow() for _ in range(20)) == 6


def test_sessions_end_by_time_and_by_logout() -> None:
    clock = Clock()
    sessions = Sessions(600, clock)
    first, second = sessions.open(), sessions.open()
    assert sessions.close(first)
    assert not sessions.close(first)
    assert sessions.valid(second)
    assert len(sessions) == 1
    clock.now += 601
    assert not sessions.valid(second)
    assert len(sessions) == 0


def test_restored_sessions_fade_evenly() -> None:
    clock = Clock()
    sessions = Sessions(600, clock)
    sessions.restore(1000)
    assert len(sessions) == 1000
    clock.now += 300
    assert 430 < len(sessions) < 570
    clock.now += 301
    assert len(sessions) == 0


def test_users_prove_themselves_with_secrets_of_their_installation() -> None:
    one, other = Directory(b"one"), Directory(b"other")
    user = Directory.user(TENANTS[0], 3)
    assert Directory.exists(user)
    assert one.password(user) != other.password(user)
    assert one.code("x") != one.code("y")
    assert len(one.code("x")) == 6


def test_unknown_users_do_not_exist() -> None:
    for user in ("", "user001", "user001@nowhere", "user999@acme", "userx@acme", "root@acme"):
        assert not Directory.exists(user)


def test_some_users_have_a_second_factor() -> None:
    assert 0 < enrolled_users() < sum(tenant.users for tenant in TENANTS)


def test_a_trace_goes_on_with_a_span_of_its_own() -> None:
    parent = new_traceparent()
    child = child_traceparent(parent)
    assert child.split("-")[1] == parent.split("-")[1]
    assert child.split("-")[2] != parent.split("-")[2]
    assert child.endswith("-01")


def test_a_broken_traceparent_begins_a_new_trace() -> None:
    assert child_traceparent("garbage") != "garbage"
    assert len(child_traceparent(None)) == 55
