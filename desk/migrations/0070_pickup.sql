-- Who may pick up what rings at anybody's phone. Without it, at those of their own team.

ALTER TABLE agents ADD COLUMN pickup_any BOOLEAN NOT NULL DEFAULT FALSE;
