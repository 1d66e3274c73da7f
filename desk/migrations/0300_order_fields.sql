-- Fields of a tenant's own on orders: their names, and what an order has in them.

CREATE TABLE order_field_names (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

CREATE TABLE order_fields (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    order_id BIGINT NOT NULL REFERENCES orders (id),
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    UNIQUE (order_id, name)
);
