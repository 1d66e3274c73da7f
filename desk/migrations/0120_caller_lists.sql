-- Callers who are not let in have a treatment and may have an end; those who always are have a list of
-- their own.

ALTER TABLE blocked ADD COLUMN until BIGINT;
ALTER TABLE blocked ADD COLUMN treatment TEXT NOT NULL DEFAULT 'hang_up';
ALTER TABLE blocked ADD COLUMN prompt TEXT NOT NULL DEFAULT '';

CREATE TABLE allowed (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    number TEXT NOT NULL,
    reason TEXT NOT NULL,
    target TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, number)
);
