-- Teams form a tree, so that departments have teams. A team that is dissolved stays, because reports
-- over the past name it. An agent is in one team at a time; where they were before is kept.

CREATE TABLE teams (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    parent_id BIGINT REFERENCES teams (id),
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    dissolved_at BIGINT
);
CREATE UNIQUE INDEX teams_by_name ON teams (tenant_id, COALESCE(parent_id, 0), name)
    WHERE dissolved_at IS NULL;

CREATE TABLE team_members (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    agent_id BIGINT NOT NULL REFERENCES agents (id),
    team_id BIGINT NOT NULL REFERENCES teams (id),
    since BIGINT NOT NULL,
    until BIGINT
);
CREATE UNIQUE INDEX team_members_now ON team_members (tenant_id, agent_id) WHERE until IS NULL;
CREATE INDEX team_members_by_agent ON team_members (tenant_id, agent_id, id);

-- The teams whose agents a supervisor sees, as a list of ids; NULL for all agents.
ALTER TABLE users ADD COLUMN team_scope TEXT;
