-- When agents are planned to work. A shift never changes: it is withdrawn and another one made, so that
-- what was planned at any time can be told.

CREATE TABLE shifts (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    agent_id BIGINT NOT NULL REFERENCES agents (id),
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    created_by BIGINT,
    created_at BIGINT NOT NULL,
    withdrawn_at BIGINT
);
CREATE INDEX shifts_by_time ON shifts (tenant_id, starts_at, id) WHERE withdrawn_at IS NULL;
CREATE INDEX shifts_by_agent ON shifts (tenant_id, agent_id, starts_at) WHERE withdrawn_at IS NULL;
