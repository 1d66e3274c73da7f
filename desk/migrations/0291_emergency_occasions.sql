-- Who is on duty for an emergency plan, and the log of emergencies and drills with their checklists.

ALTER TABLE emergencies ADD COLUMN rota TEXT NOT NULL DEFAULT '[]';

CREATE TABLE emergency_occasions (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    plan TEXT NOT NULL,
    drill BOOLEAN NOT NULL,
    started_at BIGINT NOT NULL,
    started_by BIGINT,
    ended_at BIGINT,
    ended_by BIGINT,
    on_duty TEXT NOT NULL,
    points TEXT NOT NULL,
    note TEXT NOT NULL
);
CREATE INDEX emergency_occasions_by_start ON emergency_occasions (tenant_id, started_at, id);
-- A plan is in force or practised once at a time.
CREATE UNIQUE INDEX emergency_occasions_open ON emergency_occasions (tenant_id, plan)
    WHERE ended_at IS NULL;
