-- How contacts and agents of a queue find each other: in which order it names its agents, how much
-- each counts where they are drawn by lot, which of them are asked later, and what they can do.

ALTER TABLE queue_agents ADD COLUMN position BIGINT NOT NULL DEFAULT 0;
ALTER TABLE queue_agents ADD COLUMN weight BIGINT NOT NULL DEFAULT 1;
ALTER TABLE queue_agents ADD COLUMN level BIGINT NOT NULL DEFAULT 1;
ALTER TABLE agents ADD COLUMN skills TEXT NOT NULL DEFAULT '[]';
