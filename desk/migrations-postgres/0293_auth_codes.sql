-- Codes with which further phones and apps of an agent register.

CREATE TABLE auth_codes (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    agent_id BIGINT NOT NULL REFERENCES agents (id),
    name TEXT COLLATE "C" NOT NULL,
    sip_user TEXT COLLATE "C" NOT NULL,
    ha1_md5 TEXT COLLATE "C" NOT NULL,
    ha1_sha256 TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    created_by BIGINT,
    UNIQUE (tenant_id, sip_user)
);
CREATE INDEX auth_codes_by_agent ON auth_codes (tenant_id, agent_id);

-- No value of a row stands in the statistics of the server.
ALTER TABLE auth_codes ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE auth_codes ALTER COLUMN sip_user SET STATISTICS 0;
ALTER TABLE auth_codes ALTER COLUMN ha1_md5 SET STATISTICS 0;
ALTER TABLE auth_codes ALTER COLUMN ha1_sha256 SET STATISTICS 0;
