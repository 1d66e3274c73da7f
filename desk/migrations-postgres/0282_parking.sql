-- Who takes parked callers, and where they go whom nobody takes.

ALTER TABLE tenants ADD COLUMN parking TEXT COLLATE "C" NOT NULL DEFAULT '{}';

-- No value of a row stands in the statistics of the server.
ALTER TABLE tenants ALTER COLUMN parking SET STATISTICS 0;
