-- The private key of the certificate that a trunk is shown, sealed like its password.

ALTER TABLE trunks ADD COLUMN key_secret TEXT COLLATE "C";

-- No value of a row stands in the statistics of the server.
ALTER TABLE trunks ALTER COLUMN key_secret SET STATISTICS 0;
