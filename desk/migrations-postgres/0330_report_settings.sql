-- By which numbers the reports of a tenant count, and when its day begins.

ALTER TABLE tenants ADD COLUMN report_settings TEXT COLLATE "C" NOT NULL DEFAULT '{}';

-- No value of a row stands in the statistics of the server.
ALTER TABLE tenants ALTER COLUMN report_settings SET STATISTICS 0;
