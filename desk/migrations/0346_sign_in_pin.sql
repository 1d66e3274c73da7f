-- With which PIN agents sign in at the phones of others; as a hash.

ALTER TABLE agents ADD COLUMN sign_in_pin TEXT NOT NULL DEFAULT '';
