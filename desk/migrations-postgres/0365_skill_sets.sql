-- What of their skills and queues agents may choose when they sign in. What is unique is a column; the
-- whole is one document, because nothing else asks for a single field of it.

CREATE TABLE skill_sets (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, number)
);

-- No value of a row stands in the statistics of the server.
ALTER TABLE skill_sets ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE skill_sets ALTER COLUMN document SET STATISTICS 0;
