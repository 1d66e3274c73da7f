-- Which files that leave the house say who fetched them and when.

ALTER TABLE tenants ADD COLUMN watermark TEXT COLLATE "C" NOT NULL DEFAULT '{}';

-- No value of a row stands in the statistics of the server.
ALTER TABLE tenants ALTER COLUMN watermark SET STATISTICS 0;
