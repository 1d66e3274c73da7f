-- What people write down for their post and for who comes after them. An entry never changes.

CREATE TABLE shift_log (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    user_id BIGINT NOT NULL,
    agent_id BIGINT,
    written_at BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    text TEXT COLLATE "C" NOT NULL
);
CREATE INDEX shift_log_by_time ON shift_log (tenant_id, written_at, id);

-- No value of a row stands in the statistics of the server.
ALTER TABLE shift_log ALTER COLUMN kind SET STATISTICS 0;
ALTER TABLE shift_log ALTER COLUMN text SET STATISTICS 0;
