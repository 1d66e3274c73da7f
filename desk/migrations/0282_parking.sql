-- Who takes parked callers, and where they go whom nobody takes.

ALTER TABLE tenants ADD COLUMN parking TEXT NOT NULL DEFAULT '{}';
