-- Other sites of a tenant, each behind a trunk of its own. What flows and numbers lead to is a column;
-- the whole is one document, because nothing else asks for a single field of it.

CREATE TABLE sites (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT COLLATE "C" NOT NULL,
    trunk_id BIGINT NOT NULL REFERENCES trunks (id),
    number TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, trunk_id)
);

-- No value of a row stands in the statistics of the server.
ALTER TABLE sites ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE sites ALTER COLUMN number SET STATISTICS 0;
ALTER TABLE sites ALTER COLUMN document SET STATISTICS 0;
