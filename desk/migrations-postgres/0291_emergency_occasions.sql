-- Who is on duty for an emergency plan, and the log of emergencies and drills with their checklists.

ALTER TABLE emergencies ADD COLUMN rota TEXT COLLATE "C" NOT NULL DEFAULT '[]';

CREATE TABLE emergency_occasions (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    plan TEXT COLLATE "C" NOT NULL,
    drill BOOLEAN NOT NULL,
    started_at BIGINT NOT NULL,
    started_by BIGINT,
    ended_at BIGINT,
    ended_by BIGINT,
    on_duty TEXT COLLATE "C" NOT NULL,
    points TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C" NOT NULL
);
CREATE INDEX emergency_occasions_by_start ON emergency_occasions (tenant_id, started_at, id);
-- A plan is in force or practised once at a time.
CREATE UNIQUE INDEX emergency_occasions_open ON emergency_occasions (tenant_id, plan)
    WHERE ended_at IS NULL;

-- No value of a row stands in the statistics of the server.
ALTER TABLE emergencies ALTER COLUMN rota SET STATISTICS 0;
ALTER TABLE emergency_occasions ALTER COLUMN plan SET STATISTICS 0;
ALTER TABLE emergency_occasions ALTER COLUMN on_duty SET STATISTICS 0;
ALTER TABLE emergency_occasions ALTER COLUMN points SET STATISTICS 0;
ALTER TABLE emergency_occasions ALTER COLUMN note SET STATISTICS 0;
