-- How an agent's phone is rung: calls that wait, and answers of its own.

ALTER TABLE agents ADD COLUMN ringing TEXT COLLATE "C" NOT NULL DEFAULT '{}';

-- No value of a row stands in the statistics of the server.
ALTER TABLE agents ALTER COLUMN ringing SET STATISTICS 0;
