-- What a person is shown beside what their role allows: telephone numbers or what is left of them, all
-- queues or some. NULL is no limit.
ALTER TABLE users ADD COLUMN mask_numbers BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE users ADD COLUMN queue_scope TEXT;

-- Whose sight the reports of a schedule have: who made or changed it last.
ALTER TABLE schedules ADD COLUMN owner_id BIGINT;
UPDATE schedules SET owner_id = (
    SELECT user_id FROM audit
    WHERE audit.tenant_id = schedules.tenant_id AND audit.subject = schedules.name
        AND audit.action IN ('schedule.create', 'schedule.change')
    ORDER BY audit.id DESC LIMIT 1);
