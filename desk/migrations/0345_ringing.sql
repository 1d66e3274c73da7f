-- How an agent's phone is rung: calls that wait, and answers of its own.

ALTER TABLE agents ADD COLUMN ringing TEXT NOT NULL DEFAULT '{}';
