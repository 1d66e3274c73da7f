-- Codes with which further phones and apps of an agent register.

CREATE TABLE auth_codes (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    agent_id BIGINT NOT NULL REFERENCES agents (id),
    name TEXT NOT NULL,
    sip_user TEXT NOT NULL,
    ha1_md5 TEXT NOT NULL,
    ha1_sha256 TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by BIGINT,
    UNIQUE (tenant_id, sip_user)
);
CREATE INDEX auth_codes_by_agent ON auth_codes (tenant_id, agent_id);
