-- Emergency plans: prepared by people, and in force from when somebody switched them on.

CREATE TABLE emergencies (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    active_since BIGINT,
    active_by BIGINT,
    PRIMARY KEY (tenant_id, name)
);
