-- In which order a queue names its agents, and how much each counts where it is drawn by lot.

ALTER TABLE queue_agents ADD COLUMN position BIGINT NOT NULL DEFAULT 0;
ALTER TABLE queue_agents ADD COLUMN weight BIGINT NOT NULL DEFAULT 1;
