-- Calls in which customers are asked about an order that was done. A result may be revised: the audit
-- table and the warehouse keep what was said before.

CREATE TABLE return_visits (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    order_id BIGINT NOT NULL REFERENCES orders (id),
    planned_at BIGINT NOT NULL,
    planned_by BIGINT,
    due_at BIGINT NOT NULL,
    agent_id BIGINT,
    done_at BIGINT,
    result TEXT COLLATE "C",
    call_id BIGINT,
    changed_at BIGINT NOT NULL,
    withdrawn_at BIGINT
);
CREATE INDEX return_visits_by_due ON return_visits (tenant_id, due_at, id) WHERE withdrawn_at IS NULL;
-- Nobody is asked twice at a time.
CREATE UNIQUE INDEX return_visits_open ON return_visits (tenant_id, order_id)
    WHERE withdrawn_at IS NULL AND result IS NULL;
CREATE INDEX return_visits_by_order ON return_visits (tenant_id, order_id) WHERE withdrawn_at IS NULL;

-- A return visit is planned when an order of the type is done, to be done so many minutes later.
ALTER TABLE order_rules ADD COLUMN visit_minutes BIGINT;

-- No value of a row stands in the statistics of the server.
ALTER TABLE return_visits ALTER COLUMN result SET STATISTICS 0;
