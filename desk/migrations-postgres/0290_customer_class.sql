-- What kind of customer somebody is, in the tenant's own word.

ALTER TABLE customers ADD COLUMN class TEXT COLLATE "C" NOT NULL DEFAULT '';

-- No value of a row stands in the statistics of the server.
ALTER TABLE customers ALTER COLUMN class SET STATISTICS 0;
