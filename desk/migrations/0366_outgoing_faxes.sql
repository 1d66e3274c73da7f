-- Faxes that the box sends of its own accord: each waits, is tried so many times, and is sent or not.
-- `next_at` is when the next try is due, and while one goes on until when its outcome is waited for;
-- the outcome comes with the event log, under the name that the try has.

CREATE TABLE outgoing_faxes (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    number TEXT NOT NULL,
    document TEXT NOT NULL,
    caller_number TEXT,
    station TEXT NOT NULL,
    order_id BIGINT,
    customer_id BIGINT,
    tries_max BIGINT NOT NULL,
    pause_s BIGINT NOT NULL,
    asked_by BIGINT NOT NULL,
    asked_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    fax_id BIGINT,
    call_id BIGINT,
    pages BIGINT NOT NULL,
    problem TEXT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX outgoing_faxes_listed ON outgoing_faxes (tenant_id, id);
CREATE INDEX outgoing_faxes_due ON outgoing_faxes (state, next_at);
CREATE INDEX outgoing_faxes_tried ON outgoing_faxes (fax_id);
