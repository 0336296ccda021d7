"""History of the demo's Redis, under the names of redis_exporter 1.45."""

from __future__ import annotations

from collections.abc import Iterator

from neomon.demo.history.context import Context
from neomon.demo.history.requests import Requests
from neomon.demo.history.series import Series, constant, counter, portion
from neomon.demo.rhythm import ripple
from neomon.demo.traffic import CACHE_HIT_SHARE

_READS = ("tenants", "tenant", "usage", "invoices")
_WATCHING = 6
"""Commands of the exporter at each scrape."""
_MEMORY_LIMIT = 32 * 1024 * 1024


def redis_series(context: Context, requests: Requests) -> Iterator[Series]:
    """Everything of the job `redis`."""
    target = context.component_target("redis")
    length, times = context.length, context.timeline.times
    reads = [sum(values) for values in zip(*(requests.of(name).forwarded for name in _READS), strict=True)]
    hits = portion(reads, [CACHE_HIT_SHARE] * length)
    misses = [count - hit for count, hit in zip(reads, hits, strict=True)]
    commands = [count + miss + _WATCHING for count, miss in zip(reads, misses, strict=True)]
    for name, counts in (
        ("redis_keyspace_hits_total", hits),
        ("redis_keyspace_misses_total", misses),
        ("redis_commands_processed_total", commands),
        ("redis_expired_keys_total", portion(misses, [0.9] * length)),
        ("redis_net_input_bytes_total", [count * 60 for count in commands]),
        ("redis_net_output_bytes_total", [count * 210 for count in commands]),
    ):
        yield counter(name, target, counts, round(context.base_steps * sum(counts) / length))
    for command, counts in (("get", reads), ("set", misses)):
        base = round(context.base_steps * sum(counts) / length)
        yield counter("redis_commands_total", {**target, "cmd": command}, counts, base)
    memory = [int(1.16e6 + 4e4 * ripple(time, 5.0)) for time in times]
    yield Series("redis_memory_used_bytes", target, memory)
    yield Series("redis_db_keys", {**target, "db": "db0"}, [7 + round(2 * ripple(time, 1.0)) for time in times])
    for name, value in (
        ("redis_up", 1),
        ("redis_exporter_last_scrape_error", 0),
        ("redis_memory_max_bytes", _MEMORY_LIMIT),
        ("redis_connected_clients", 3),
        ("redis_evicted_keys_total", 0),
        ("redis_rejected_connections_total", 0),
    ):
        yield constant(name, target, value, length)
