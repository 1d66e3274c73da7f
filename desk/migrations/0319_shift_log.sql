-- What people write down for their post and for who comes after them. An entry never changes.

CREATE TABLE shift_log (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    user_id BIGINT NOT NULL,
    agent_id BIGINT,
    written_at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX shift_log_by_time ON shift_log (tenant_id, written_at, id);
