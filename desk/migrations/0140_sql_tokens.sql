-- What a token for SQL is checked against at the door for clients of PostgreSQL: a verifier (RFC 5802)
-- from which nobody signs in.

ALTER TABLE tokens ADD COLUMN scram TEXT;
