-- Which conversations are recorded, and what is never recorded. The rules stand in the order of
-- `place`; the rest of a rule is one document, because nothing asks for a single field of it.

CREATE TABLE recording_rules (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    place BIGINT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (tenant_id, name)
);

CREATE TABLE recording_exclusions (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, kind, value)
);
