-- Who leaves messages for single agents, whether an agent drives, and the messages until their recordings
-- are deleted.

CREATE TABLE mailboxes (
    agent_id BIGINT PRIMARY KEY NOT NULL REFERENCES agents (id),
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    takes TEXT NOT NULL DEFAULT 'off',
    greeting TEXT NOT NULL DEFAULT '',
    driving BOOLEAN NOT NULL DEFAULT FALSE,
    driving_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX mailboxes_by_tenant ON mailboxes (tenant_id, agent_id);

CREATE TABLE agent_messages (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    recording_id BIGINT NOT NULL,
    agent_id BIGINT NOT NULL REFERENCES agents (id),
    left_at BIGINT NOT NULL,
    heard_at BIGINT,
    heard_by BIGINT,
    PRIMARY KEY (tenant_id, recording_id)
);
CREATE INDEX agent_messages_by_agent ON agent_messages (tenant_id, agent_id, left_at);
