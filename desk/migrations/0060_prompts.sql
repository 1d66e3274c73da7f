-- Prompts of a tenant's own. The audio lies in a file that is named by its content (`sha256`), in the
-- tenant's folder; what was spoken from a text keeps the text.

CREATE TABLE prompts (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    language TEXT NOT NULL,
    name TEXT NOT NULL,
    format TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    length_ms BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    spoken TEXT,
    uploaded_at BIGINT NOT NULL,
    uploaded_by BIGINT,
    PRIMARY KEY (tenant_id, language, name)
);
