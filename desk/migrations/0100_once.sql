-- What was asked under a key of the asker's own, and what came of it: asked again, it is not done again.

CREATE TABLE once (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    user_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    began_at BIGINT NOT NULL,
    status BIGINT,
    kind TEXT NOT NULL DEFAULT '',
    answer TEXT,
    PRIMARY KEY (tenant_id, user_id, key)
);
CREATE INDEX once_by_age ON once (tenant_id, began_at);
