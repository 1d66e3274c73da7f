-- What answers a number instead of its usual target, by trunk and time: a JSON list, in order.

ALTER TABLE numbers ADD COLUMN rules TEXT NOT NULL DEFAULT '[]';
