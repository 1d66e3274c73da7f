-- Reports that tenants define: every version a row of its own, the highest is in use. What nothing
-- asks for by a single field is one document.

CREATE TABLE report_definitions (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    at BIGINT NOT NULL,
    user_id BIGINT,
    document TEXT NOT NULL,
    PRIMARY KEY (tenant_id, name, version)
);
