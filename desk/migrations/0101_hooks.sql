-- Programs that are told of events over HTTP, how far in the event log each of them was, and what came
-- of the last deliveries.

CREATE TABLE hooks (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    kinds TEXT NOT NULL,
    secret TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    through_seq BIGINT NOT NULL,
    failing_since BIGINT,
    paused_at BIGINT,
    problem TEXT
);
CREATE INDEX hooks_by_tenant ON hooks (tenant_id, id);

CREATE TABLE hook_deliveries (
    hook_id BIGINT NOT NULL REFERENCES hooks (id),
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    seq BIGINT NOT NULL,
    kind TEXT NOT NULL,
    call_id BIGINT,
    attempts BIGINT NOT NULL,
    tried_at BIGINT NOT NULL,
    delivered BOOLEAN NOT NULL,
    status BIGINT,
    problem TEXT,
    PRIMARY KEY (hook_id, seq)
);
