-- Business databases that flows may ask. Passwords are sealed like those of trunks; the rest is one
-- document, because nothing asks for a single field of it.

CREATE TABLE connectors (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    secret TEXT,
    PRIMARY KEY (tenant_id, name)
);
