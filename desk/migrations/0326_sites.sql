-- Other sites of a tenant, each behind a trunk of its own. What flows and numbers lead to is a column;
-- the whole is one document, because nothing else asks for a single field of it.

CREATE TABLE sites (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    trunk_id BIGINT NOT NULL REFERENCES trunks (id),
    number TEXT NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, trunk_id)
);
