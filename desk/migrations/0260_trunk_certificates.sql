-- The private key of the certificate that a trunk is shown, sealed like its password.

ALTER TABLE trunks ADD COLUMN key_secret TEXT;
