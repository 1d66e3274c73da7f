-- How long rows of the warehouse are kept, by tenant and by what they tell of; none is for ever.
CREATE TABLE row_retention (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    days BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name)
);
