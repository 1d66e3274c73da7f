-- Addresses that lie in an area: whole ones, beginnings and words.

CREATE TABLE area_addresses (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    pattern TEXT COLLATE "C" NOT NULL,
    area_id BIGINT NOT NULL REFERENCES areas (id),
    PRIMARY KEY (tenant_id, pattern)
);
CREATE INDEX area_addresses_by_area ON area_addresses (area_id);

-- No value of a row stands in the statistics of the server.
ALTER TABLE area_addresses ALTER COLUMN pattern SET STATISTICS 0;
