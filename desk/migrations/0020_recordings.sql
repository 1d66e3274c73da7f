-- How long recordings are kept, by tenant and by queue; queue 0 stands for all others.
CREATE TABLE retention (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    queue_id BIGINT NOT NULL,
    days BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, queue_id)
);

-- What must not be deleted. A hold that was lifted stays as a row: it says who lifted it, and why.
CREATE TABLE holds (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    reason TEXT NOT NULL,
    set_at BIGINT NOT NULL,
    set_by BIGINT,
    lifted_at BIGINT,
    lifted_by BIGINT,
    lifted_reason TEXT
);
CREATE INDEX holds_in_force ON holds (tenant_id, lifted_at, id);
