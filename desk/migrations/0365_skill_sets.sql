-- What of their skills and queues agents may choose when they sign in. What is unique is a column; the
-- whole is one document, because nothing else asks for a single field of it.

CREATE TABLE skill_sets (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    number BIGINT NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, number)
);
