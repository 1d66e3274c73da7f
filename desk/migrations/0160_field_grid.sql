-- Areas, the field workers who are called there at their own phones, and callers who belong to an area.

CREATE TABLE field_workers (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    phone TEXT NOT NULL,
    -- Normalised: one phone belongs to one worker.
    phone_normal TEXT NOT NULL,
    bound BOOLEAN NOT NULL,
    substitute_id BIGINT REFERENCES field_workers (id),
    absent_from BIGINT,
    absent_until BIGINT,
    UNIQUE (tenant_id, phone_normal)
);

CREATE TABLE areas (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    name_en TEXT NOT NULL,
    number TEXT,
    team_id BIGINT REFERENCES queues (id),
    queue_id BIGINT NOT NULL REFERENCES queues (id),
    ring_s BIGINT NOT NULL,
    -- Of the orders that are made for callers whom nobody answered.
    order_kind TEXT,
    UNIQUE (tenant_id, code),
    UNIQUE (tenant_id, number)
);

CREATE TABLE area_workers (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    area_id BIGINT NOT NULL REFERENCES areas (id),
    worker_id BIGINT NOT NULL REFERENCES field_workers (id),
    place BIGINT NOT NULL,
    PRIMARY KEY (area_id, worker_id)
);
CREATE INDEX area_workers_by_worker ON area_workers (worker_id);

CREATE TABLE area_callers (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    number TEXT NOT NULL,
    area_id BIGINT NOT NULL REFERENCES areas (id),
    PRIMARY KEY (tenant_id, number)
);
CREATE INDEX area_callers_by_area ON area_callers (area_id);
