-- How contacts and agents of a queue find each other: in which order it names its agents, how much
-- each counts where they are drawn by lot, which of them are asked later, what
-- they can do, and which customers are to talk with whom.

ALTER TABLE queue_agents ADD COLUMN position BIGINT NOT NULL DEFAULT 0;
ALTER TABLE queue_agents ADD COLUMN weight BIGINT NOT NULL DEFAULT 1;
ALTER TABLE queue_agents ADD COLUMN level BIGINT NOT NULL DEFAULT 1;
ALTER TABLE agents ADD COLUMN skills TEXT NOT NULL DEFAULT '[]';
ALTER TABLE customers ADD COLUMN agent_id BIGINT REFERENCES agents (id);
