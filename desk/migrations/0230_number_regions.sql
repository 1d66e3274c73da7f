-- Where numbers are at home that have no area code: the tenant's table of prefixes, as one document,
-- because the call path alone asks for it, and for all of it.

CREATE TABLE number_regions (
    tenant_id BIGINT PRIMARY KEY NOT NULL REFERENCES tenants (id),
    document TEXT NOT NULL
);
