-- What was asked to be forgotten. The number is sealed, and gone when the erasure has ended.
CREATE TABLE erasures (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    number_sealed TEXT,
    asked_at BIGINT NOT NULL,
    asked_by BIGINT,
    erased_at BIGINT,
    files_until BIGINT,
    ended_at BIGINT,
    recordings BIGINT NOT NULL DEFAULT 0,
    faxes BIGINT NOT NULL DEFAULT 0,
    row_count BIGINT NOT NULL DEFAULT 0,
    entries BIGINT NOT NULL DEFAULT 0,
    problem TEXT NOT NULL DEFAULT ''
);
CREATE INDEX erasures_by_tenant ON erasures (tenant_id, id);

-- A note may be emptied and a number in the audit table made unreadable, and nothing else of them
-- changes.
DROP TRIGGER order_steps_stay;
CREATE TRIGGER order_steps_stay BEFORE UPDATE ON order_steps
WHEN NOT (NEW.note = '' AND NEW.order_id IS OLD.order_id AND NEW.version IS OLD.version
    AND NEW.tenant_id IS OLD.tenant_id AND NEW.at IS OLD.at AND NEW.user_id IS OLD.user_id
    AND NEW.action IS OLD.action AND NEW.progress_before IS OLD.progress_before
    AND NEW.progress_after IS OLD.progress_after)
BEGIN SELECT RAISE(ABORT, 'order_steps only grows'); END;
DROP TRIGGER audit_stay;
CREATE TRIGGER audit_stay BEFORE UPDATE ON audit
WHEN NOT (instr(NEW.subject, '***') > 0 AND NEW.id IS OLD.id AND NEW.tenant_id IS OLD.tenant_id
    AND NEW.at IS OLD.at AND NEW.user_id IS OLD.user_id AND NEW.source IS OLD.source
    AND NEW.action IS OLD.action)
BEGIN SELECT RAISE(ABORT, 'audit only grows'); END;
