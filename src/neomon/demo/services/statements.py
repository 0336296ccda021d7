"""SQL of the Tenant Manager.

`pg_sleep` makes a statement over a handful of rows take as long as one over a real platform's tables would, so that
pools fill and pg_stat_statements has something to show.
"""

from __future__ import annotations

DURATION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5)
"""Seconds."""

TENANTS_LIST = "SELECT id, name, status, plan FROM pg_sleep(%(pause)s), tenants ORDER BY id"
TENANT_GET = "SELECT id, name, status, plan FROM pg_sleep(%(pause)s), tenants WHERE id = %(tenant)s"
TENANT_CREATE = """
INSERT INTO tenants (id, name, status, plan, created_at)
SELECT %(tenant)s, initcap(%(tenant)s), 'active', 'trial', now() FROM pg_sleep(%(pause)s)
ON CONFLICT (id) DO UPDATE SET created_at = now(), status = 'active'
"""
TENANT_LOG = "INSERT INTO tenant_creations (tenant, created_at) VALUES (%(tenant)s, now())"
USAGE_GET = "SELECT resource_type, used, quota FROM pg_sleep(%(pause)s), resource_usage WHERE tenant = %(tenant)s"
USAGE_UPDATE = """
UPDATE resource_usage AS u SET used = m.used
FROM unnest(%(tenants)s::text[], %(types)s::text[], %(used)s::float8[]) AS m (tenant, resource_type, used)
WHERE u.tenant = m.tenant AND u.resource_type = m.resource_type
"""
INVOICES_LIST = """
SELECT id, amount_cents, status FROM pg_sleep(%(pause)s), invoices WHERE tenant = %(tenant)s ORDER BY id DESC LIMIT 20
"""
INVOICE_CREATE = """
INSERT INTO invoices (tenant, amount_cents, status, issued_at)
SELECT %(tenant)s, %(amount)s, %(status)s, now() FROM pg_sleep(%(pause)s) RETURNING id
"""

NAMES = (
    "tenants_list", "tenant_get", "tenant_create", "tenant_log", "usage_get", "usage_update", "invoices_list",
    "invoice_create",
)  # fmt: skip
"""Values of the `query` label."""
