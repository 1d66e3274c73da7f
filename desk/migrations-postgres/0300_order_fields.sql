-- Fields of a tenant's own on orders: their names, and what an order has in them.

CREATE TABLE order_field_names (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

CREATE TABLE order_fields (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    order_id BIGINT NOT NULL REFERENCES orders (id),
    name TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    UNIQUE (order_id, name)
);

-- No value of a row stands in the statistics of the server.
ALTER TABLE order_field_names ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE order_fields ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE order_fields ALTER COLUMN value SET STATISTICS 0;
