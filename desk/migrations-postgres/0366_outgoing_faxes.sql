-- Faxes that the box sends of its own accord: each waits, is tried so many times, and is sent or not.
-- `next_at` is when the next try is due, and while one goes on until when its outcome is waited for;
-- the outcome comes with the event log, under the name that the try has.

CREATE TABLE outgoing_faxes (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    number TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    caller_number TEXT COLLATE "C",
    station TEXT COLLATE "C" NOT NULL,
    order_id BIGINT,
    customer_id BIGINT,
    tries_max BIGINT NOT NULL,
    pause_s BIGINT NOT NULL,
    asked_by BIGINT NOT NULL,
    asked_at BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    tries BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    fax_id BIGINT,
    call_id BIGINT,
    pages BIGINT NOT NULL,
    problem TEXT COLLATE "C" NOT NULL,
    ended_at BIGINT
);
CREATE INDEX outgoing_faxes_listed ON outgoing_faxes (tenant_id, id);
CREATE INDEX outgoing_faxes_due ON outgoing_faxes (state, next_at);
CREATE INDEX outgoing_faxes_tried ON outgoing_faxes (fax_id);

-- No value of a row stands in the statistics of the server.
ALTER TABLE outgoing_faxes ALTER COLUMN number SET STATISTICS 0;
ALTER TABLE outgoing_faxes ALTER COLUMN document SET STATISTICS 0;
ALTER TABLE outgoing_faxes ALTER COLUMN caller_number SET STATISTICS 0;
ALTER TABLE outgoing_faxes ALTER COLUMN station SET STATISTICS 0;
ALTER TABLE outgoing_faxes ALTER COLUMN state SET STATISTICS 0;
ALTER TABLE outgoing_faxes ALTER COLUMN problem SET STATISTICS 0;
