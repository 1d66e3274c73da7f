-- What an hour of an agent and a minute of a trunk cost, one document a tenant: nothing asks for a
-- single rate of it.

CREATE TABLE rates (
    tenant_id BIGINT PRIMARY KEY NOT NULL REFERENCES tenants (id),
    document TEXT NOT NULL
);
