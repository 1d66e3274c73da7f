-- Files of reports on the box that named a person who was erased, and those that may and cannot be looked
-- into.

ALTER TABLE erasures ADD COLUMN report_files BIGINT NOT NULL DEFAULT 0;
ALTER TABLE erasures ADD COLUMN reports_left TEXT COLLATE "C" NOT NULL DEFAULT '';

-- No value of a row stands in the statistics of the server.
ALTER TABLE erasures ALTER COLUMN reports_left SET STATISTICS 0;
