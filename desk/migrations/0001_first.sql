-- The business store, version 1. Types and clauses are those that SQLite and PostgreSQL share.
-- Times are microseconds UTC. Ids come from `sequences`, so that both databases count alike.

CREATE TABLE sequences (
    name TEXT PRIMARY KEY NOT NULL,
    last BIGINT NOT NULL
);

CREATE TABLE tenants (
    id BIGINT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL UNIQUE,
    time_zone TEXT NOT NULL,
    country TEXT NOT NULL,
    realm TEXT NOT NULL,
    language TEXT NOT NULL,
    plan_version BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE users (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    login TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    password_changed_at BIGINT NOT NULL,
    disabled_at BIGINT,
    created_at BIGINT NOT NULL,
    UNIQUE (tenant_id, login)
);

CREATE TABLE tokens (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    user_id BIGINT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    role TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX tokens_by_user ON tokens (tenant_id, user_id, id);

CREATE TABLE hours (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

CREATE TABLE queues (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    settings TEXT NOT NULL,
    UNIQUE (tenant_id, name)
);

CREATE TABLE agents (
    id BIGINT PRIMARY KEY NOT NULL REFERENCES users (id),
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    number TEXT NOT NULL,
    sip_user TEXT NOT NULL,
    ha1_md5 TEXT NOT NULL,
    ha1_sha256 TEXT NOT NULL,
    UNIQUE (tenant_id, number),
    UNIQUE (tenant_id, sip_user)
);

CREATE TABLE queue_agents (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    queue_id BIGINT NOT NULL REFERENCES queues (id),
    agent_id BIGINT NOT NULL REFERENCES agents (id),
    PRIMARY KEY (queue_id, agent_id)
);
CREATE INDEX queue_agents_by_agent ON queue_agents (agent_id);

CREATE TABLE flows (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    draft TEXT NOT NULL,
    revision BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    published_version BIGINT,
    UNIQUE (tenant_id, name)
);

CREATE TABLE flow_versions (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    flow_id BIGINT NOT NULL REFERENCES flows (id),
    version BIGINT NOT NULL,
    document TEXT NOT NULL,
    note TEXT NOT NULL,
    rolled_back_to BIGINT,
    published_at BIGINT NOT NULL,
    published_by BIGINT,
    PRIMARY KEY (flow_id, version)
);

CREATE TABLE numbers (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    digits TEXT NOT NULL UNIQUE,
    target TEXT NOT NULL
);

CREATE TABLE trunks (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    settings TEXT NOT NULL,
    outbound_secret TEXT,
    UNIQUE (tenant_id, name)
);

CREATE TABLE blocked (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    number TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, number)
);

CREATE TABLE customers (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    number TEXT NOT NULL,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    area TEXT NOT NULL,
    note TEXT NOT NULL,
    vip BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    UNIQUE (tenant_id, number)
);

CREATE TABLE order_rules (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    kind TEXT NOT NULL,
    department TEXT NOT NULL,
    assignee_id BIGINT REFERENCES users (id),
    due_minutes BIGINT NOT NULL,
    warn_minutes BIGINT NOT NULL,
    hours TEXT,
    PRIMARY KEY (tenant_id, kind)
);

CREATE TABLE orders (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    number TEXT NOT NULL,
    version BIGINT NOT NULL,
    kind TEXT NOT NULL,
    department TEXT NOT NULL,
    area TEXT NOT NULL,
    title TEXT NOT NULL,
    content TEXT NOT NULL,
    address TEXT NOT NULL,
    assignee_id BIGINT REFERENCES users (id),
    deadline_at BIGINT,
    warn_at BIGINT,
    progress TEXT NOT NULL,
    suspended_at BIGINT,
    closed_at BIGINT,
    call_id BIGINT,
    customer_id BIGINT REFERENCES customers (id),
    customer_number TEXT NOT NULL,
    created_by BIGINT REFERENCES users (id),
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    UNIQUE (tenant_id, number)
);
CREATE INDEX orders_by_deadline ON orders (tenant_id, deadline_at);
CREATE INDEX orders_by_call ON orders (tenant_id, call_id);
CREATE INDEX orders_by_customer ON orders (tenant_id, customer_number);
CREATE INDEX orders_by_id ON orders (tenant_id, id);

CREATE TABLE order_steps (
    order_id BIGINT NOT NULL REFERENCES orders (id),
    version BIGINT NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    at BIGINT NOT NULL,
    user_id BIGINT,
    action TEXT NOT NULL,
    progress_before TEXT,
    progress_after TEXT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (order_id, version)
);

CREATE TABLE audit (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    at BIGINT NOT NULL,
    user_id BIGINT,
    source TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL
);
CREATE INDEX audit_by_tenant ON audit (tenant_id, id);

CREATE TABLE outbox (
    position BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    payload TEXT NOT NULL
);

-- What was done stays as it was written: these tables only grow.
CREATE TRIGGER order_steps_stay BEFORE UPDATE ON order_steps
BEGIN SELECT RAISE(ABORT, 'order_steps only grows'); END;
CREATE TRIGGER order_steps_keep BEFORE DELETE ON order_steps
BEGIN SELECT RAISE(ABORT, 'order_steps only grows'); END;
CREATE TRIGGER audit_stay BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'audit only grows'); END;
CREATE TRIGGER audit_keep BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'audit only grows'); END;
CREATE TRIGGER flow_versions_stay BEFORE UPDATE ON flow_versions
BEGIN SELECT RAISE(ABORT, 'a published flow version never changes'); END;
CREATE TRIGGER flow_versions_keep BEFORE DELETE ON flow_versions
BEGIN SELECT RAISE(ABORT, 'a published flow version never changes'); END;
CREATE TRIGGER outbox_stay BEFORE UPDATE ON outbox
BEGIN SELECT RAISE(ABORT, 'an outbox row never changes'); END;
