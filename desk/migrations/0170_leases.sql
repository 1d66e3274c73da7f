-- Numbers of a tenant that stand for somebody for a time, and whom those reach who call back.

ALTER TABLE tenants ADD COLUMN lease_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tenants ADD COLUMN trace_back TEXT NOT NULL DEFAULT '{}';

-- `version` is the tenant's `lease_version` of the last change: the call path is told what changed since
-- the one that it has. A lease that is ended gets its end as `until_at`.
CREATE TABLE leases (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    version BIGINT NOT NULL,
    kind TEXT NOT NULL,
    number TEXT NOT NULL,
    a TEXT NOT NULL,
    b TEXT,
    code TEXT,
    from_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    record BOOLEAN NOT NULL,
    reference TEXT NOT NULL,
    created_by BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX leases_by_version ON leases (tenant_id, version);
CREATE INDEX leases_by_number ON leases (tenant_id, number, until_at);
CREATE INDEX leases_by_end ON leases (tenant_id, until_at);
CREATE INDEX leases_by_reference ON leases (tenant_id, reference, id);
