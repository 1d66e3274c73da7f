-- With which PIN agents sign in at the phones of others; as a hash.

ALTER TABLE agents ADD COLUMN sign_in_pin TEXT COLLATE "C" NOT NULL DEFAULT '';

-- No value of a row stands in the statistics of the server.
ALTER TABLE agents ALTER COLUMN sign_in_pin SET STATISTICS 0;
