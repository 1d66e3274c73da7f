-- Conference rooms. PINs are sealed like the passwords of trunks; the rest is one document, because
-- nothing asks for a single field of it. A room without a number is reached by its target only.

CREATE TABLE conferences (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    number TEXT,
    document TEXT NOT NULL,
    guest_pin TEXT,
    chair_pin TEXT,
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, number)
);
