-- Events that somebody had left out, one by one: what a hook was told stands beside what it was not.

ALTER TABLE hook_deliveries ADD COLUMN skipped BOOLEAN NOT NULL DEFAULT FALSE;
