-- Saved reports, when they are made and where they go, and what came of each time. What nothing asks
-- for by a single field is one document.

CREATE TABLE saved_reports (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (tenant_id, name)
);

-- The planner has looked at every due time up to planned_through. The secret of webhooks is sealed.
CREATE TABLE schedules (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    saved_report_id BIGINT NOT NULL REFERENCES saved_reports (id),
    document TEXT NOT NULL,
    webhook_secret TEXT,
    planned_through BIGINT NOT NULL,
    UNIQUE (tenant_id, name)
);

-- A run keeps what it was to do as it was then, so that it outlives a change and its schedule.
-- Whoever holds the lease alone may write to it, until lease_until.
CREATE TABLE report_runs (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    schedule_id BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    document TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    next_at BIGINT NOT NULL,
    lease_holder BIGINT NOT NULL DEFAULT 0,
    lease_until BIGINT NOT NULL DEFAULT 0,
    file TEXT,
    ended_at BIGINT,
    problem TEXT NOT NULL DEFAULT '',
    UNIQUE (schedule_id, due_at)
);

CREATE INDEX report_runs_by_tenant ON report_runs (tenant_id, id);
CREATE INDEX report_runs_by_state ON report_runs (tenant_id, state, next_at);

CREATE TABLE report_deliveries (
    run_id BIGINT NOT NULL REFERENCES report_runs (id) ON DELETE CASCADE,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    place BIGINT NOT NULL,
    target TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    next_at BIGINT NOT NULL,
    ended_at BIGINT,
    problem TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (run_id, place)
);
