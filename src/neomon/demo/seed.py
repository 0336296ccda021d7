"""The rows the demo's databases start with."""

from __future__ import annotations

import datetime
import random

import psycopg

from neomon.demo.catalogue import DORMANT_TENANTS, LDAP_SYNC_SECONDS, RESOURCE_TYPES, TENANTS, TRIAL_TENANTS
from neomon.demo.levels import resource_usage
from neomon.demo.origin import BACKUP_BYTES, FIRST_INVOICES, FIRST_TENANTS_CREATED, Origin
from neomon.demo.services.ldap_sync import GROUPS, TYPICAL_SECONDS, USERS

_DAY = 86_400.0
_LDAP_RUNS = 36


def seed_tenant_manager(connection: psycopg.Connection, origin: Origin) -> None:
    """Fill `tenant_manager`."""
    rows = [(t.name, t.title, "active", origin.at - 300 * _DAY, t.plan) for t in TENANTS]
    rows += [(name, name.title(), status, origin.at - 90 * _DAY, "starter") for name, status in DORMANT_TENANTS.items()]
    rows += [(name, name.title(), "active", origin.at - _DAY, "trial") for name in TRIAL_TENANTS]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO tenants (id, name, status, created_at, plan) VALUES (%s, %s, %s, to_timestamp(%s), %s)", rows
        )
        cursor.executemany(
            "INSERT INTO resource_usage (tenant, resource_type, used, quota) VALUES (%s, %s, %s, %s)",
            [
                (t.name, kind, resource_usage(t, kind, origin.at), t.quota[kind])
                for t in TENANTS
                for kind in RESOURCE_TYPES
            ],
        )
        cursor.execute(
            """
            INSERT INTO tenant_creations (tenant, created_at)
            SELECT 'earlier-' || n, to_timestamp(%s) - n * interval '5 days' FROM generate_series(1, %s) AS n
            """,
            (origin.at, FIRST_TENANTS_CREATED),
        )
        cursor.executemany(
            "INSERT INTO deployments (service, version, deployed_at) VALUES (%s, %s, to_timestamp(%s))",
            [(event.service, event.what, event.at) for event in origin.deployments],
        )
        cursor.executemany(
            "INSERT INTO configuration_changes (service, summary, changed_at) VALUES (%s, %s, to_timestamp(%s))",
            [(event.service, event.what, event.at) for event in origin.configuration_changes],
        )
        cursor.executemany(
            "INSERT INTO backups (database, size_bytes, success, completed_at) VALUES (%s, %s, true, to_timestamp(%s))",
            [(event.service, BACKUP_BYTES[event.service], event.at) for event in origin.backups],
        )


def seed_billing(connection: psycopg.Connection, origin: Origin) -> None:
    """Fill `billing`."""
    rng = random.Random(2_024)
    names, shares = [t.name for t in TENANTS], [t.share for t in TENANTS]
    rows = [
        (rng.choices(names, shares)[0], rng.randrange(1_900, 480_000), status, origin.at - rng.random() * 180 * _DAY)
        for status, count in FIRST_INVOICES.items()
        for _ in range(count)
    ]
    rows.sort(key=lambda row: row[3])
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY invoices (tenant, amount_cents, status, issued_at) FROM STDIN") as copy,
    ):
        for tenant, amount, status, issued in rows:
            copy.write_row((tenant, amount, status, _timestamp(issued)))


def seed_auth(connection: psycopg.Connection, origin: Origin) -> None:
    """Fill `auth`."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO ldap_sync_runs (started_at, duration_seconds, success, users, groups)
            VALUES (to_timestamp(%s), %s, true, %s, %s)
            """,
            [
                (origin.at - 20 - run * LDAP_SYNC_SECONDS, TYPICAL_SECONDS, USERS, GROUPS)
                for run in reversed(range(_LDAP_RUNS))
            ],
        )


SEEDS = {"tenant_manager": seed_tenant_manager, "billing": seed_billing, "auth": seed_auth}
"""Database -> what fills it."""


def _timestamp(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()
