-- Items: pieces of work that are no call. `agent_id` is who is offered one or has it, `taken_by` and
-- `taken_at` who took it last. What was done to one is a row of `item_steps`, in the order of commits;
-- `told` is what programs were told of, and a reply that waits is sent at `send_at`.

CREATE TABLE items (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    channel TEXT COLLATE "C" NOT NULL,
    external_id TEXT COLLATE "C",
    queue_id BIGINT NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    content TEXT COLLATE "C" NOT NULL,
    priority BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    agent_id BIGINT,
    offered_until BIGINT,
    offers BIGINT NOT NULL,
    unanswered BIGINT NOT NULL,
    taken_by BIGINT,
    taken_at BIGINT,
    ended_at BIGINT,
    disposition TEXT COLLATE "C",
    order_id BIGINT,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX items_once ON items (tenant_id, channel, external_id);
CREATE INDEX items_listed ON items (tenant_id, received_at, id);
CREATE INDEX items_open ON items (tenant_id, id) WHERE ended_at IS NULL;
CREATE INDEX items_ended ON items (ended_at);

CREATE TABLE item_steps (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    item_id BIGINT NOT NULL REFERENCES items (id),
    at BIGINT NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    user_id BIGINT,
    agent_id BIGINT,
    queue_id BIGINT NOT NULL,
    why TEXT COLLATE "C",
    text TEXT COLLATE "C" NOT NULL,
    delivery TEXT COLLATE "C",
    send_at BIGINT,
    problem TEXT COLLATE "C" NOT NULL,
    told BOOLEAN NOT NULL
);
CREATE INDEX item_steps_of ON item_steps (item_id, id);
CREATE INDEX item_steps_untold ON item_steps (id) WHERE told = FALSE;
CREATE INDEX item_steps_replies ON item_steps (delivery, send_at, id) WHERE delivery IS NOT NULL;

-- How many items of a channel an agent has at a time: of the tenant, and of an agent.
ALTER TABLE tenants ADD COLUMN items TEXT COLLATE "C" NOT NULL DEFAULT '{}';
ALTER TABLE agents ADD COLUMN items TEXT COLLATE "C" NOT NULL DEFAULT '{}';

-- No value of a row stands in the statistics of the server.
ALTER TABLE items ALTER COLUMN channel SET STATISTICS 0;
ALTER TABLE items ALTER COLUMN external_id SET STATISTICS 0;
ALTER TABLE items ALTER COLUMN address SET STATISTICS 0;
ALTER TABLE items ALTER COLUMN subject SET STATISTICS 0;
ALTER TABLE items ALTER COLUMN content SET STATISTICS 0;
ALTER TABLE items ALTER COLUMN state SET STATISTICS 0;
ALTER TABLE items ALTER COLUMN disposition SET STATISTICS 0;
ALTER TABLE item_steps ALTER COLUMN action SET STATISTICS 0;
ALTER TABLE item_steps ALTER COLUMN why SET STATISTICS 0;
ALTER TABLE item_steps ALTER COLUMN text SET STATISTICS 0;
ALTER TABLE item_steps ALTER COLUMN delivery SET STATISTICS 0;
ALTER TABLE item_steps ALTER COLUMN problem SET STATISTICS 0;
ALTER TABLE tenants ALTER COLUMN items SET STATISTICS 0;
ALTER TABLE agents ALTER COLUMN items SET STATISTICS 0;
