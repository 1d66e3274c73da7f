-- Text messages that came in over trunks and that went out there, by the names that the event log has for
-- them. `own_number` is the tenant's, `number` the other side's. One that is on its way out is `sending`
-- until the log says what came of it.

CREATE TABLE texts (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    direction TEXT COLLATE "C" NOT NULL,
    trunk_id BIGINT,
    number TEXT COLLATE "C" NOT NULL,
    own_number TEXT COLLATE "C" NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    asked_by BIGINT,
    at BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    status BIGINT,
    ended_at BIGINT
);
CREATE INDEX texts_listed ON texts (tenant_id, id);
CREATE INDEX texts_over ON texts (tenant_id, at);
CREATE INDEX texts_state ON texts (state, at);

-- No value of a row stands in the statistics of the server.
ALTER TABLE texts ALTER COLUMN direction SET STATISTICS 0;
ALTER TABLE texts ALTER COLUMN number SET STATISTICS 0;
ALTER TABLE texts ALTER COLUMN own_number SET STATISTICS 0;
ALTER TABLE texts ALTER COLUMN text SET STATISTICS 0;
ALTER TABLE texts ALTER COLUMN state SET STATISTICS 0;
