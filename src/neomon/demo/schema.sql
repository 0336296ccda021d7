-- Schema of the demo platform's databases. Sections are run in the database their heading names.

-- database: tenant_manager
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;

CREATE TABLE tenants (
    id text PRIMARY KEY,
    name text NOT NULL,
    status text NOT NULL CHECK (status IN ('active', 'suspended', 'pending')),
    created_at timestamptz NOT NULL,
    plan text NOT NULL
);

-- Append only: its count is the number of tenants ever created.
CREATE TABLE tenant_creations (
    id bigserial PRIMARY KEY,
    tenant text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE resource_usage (
    tenant text NOT NULL,
    resource_type text NOT NULL,
    used double precision NOT NULL,
    quota double precision NOT NULL,
    PRIMARY KEY (tenant, resource_type)
);

CREATE TABLE deployments (
    id bigserial PRIMARY KEY,
    service text NOT NULL,
    version text NOT NULL,
    deployed_at timestamptz NOT NULL
);

CREATE TABLE configuration_changes (
    id bigserial PRIMARY KEY,
    service text NOT NULL,
    summary text NOT NULL,
    changed_at timestamptz NOT NULL
);

CREATE TABLE backups (
    id bigserial PRIMARY KEY,
    database text NOT NULL,
    size_bytes bigint NOT NULL,
    success bool NOT NULL,
    completed_at timestamptz NOT NULL
);

-- database: billing
-- Append only: an invoice is issued with its final status, so that the counts by status never fall.
CREATE TABLE invoices (
    id bigserial PRIMARY KEY,
    tenant text NOT NULL,
    amount_cents bigint NOT NULL,
    status text NOT NULL CHECK (status IN ('paid', 'open', 'void')),
    issued_at timestamptz NOT NULL
);
CREATE INDEX invoices_by_tenant ON invoices (tenant, id);
CREATE INDEX invoices_by_status ON invoices (status);

-- database: auth
CREATE TABLE ldap_sync_runs (
    id bigserial PRIMARY KEY,
    started_at timestamptz NOT NULL,
    duration_seconds double precision NOT NULL,
    success bool NOT NULL,
    users int NOT NULL,
    groups int NOT NULL
);

-- database: *
GRANT CONNECT ON DATABASE :database TO neo_stack, neomon_exporter;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO neo_stack, neomon_exporter;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO neo_stack;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO neo_stack;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO neomon_exporter;
