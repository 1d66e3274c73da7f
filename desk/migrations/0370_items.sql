-- Items: pieces of work that are no call. `agent_id` is who is offered one or has it, `taken_by` and
-- `taken_at` who took it last. What was done to one is a row of `item_steps`, in the order of commits;
-- `told` is what programs were told of, and a reply that waits is sent at `send_at`.

CREATE TABLE items (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    channel TEXT NOT NULL,
    external_id TEXT,
    queue_id BIGINT NOT NULL,
    address TEXT NOT NULL,
    subject TEXT NOT NULL,
    content TEXT NOT NULL,
    priority BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    agent_id BIGINT,
    offered_until BIGINT,
    offers BIGINT NOT NULL,
    unanswered BIGINT NOT NULL,
    taken_by BIGINT,
    taken_at BIGINT,
    ended_at BIGINT,
    disposition TEXT,
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
    action TEXT NOT NULL,
    user_id BIGINT,
    agent_id BIGINT,
    queue_id BIGINT NOT NULL,
    why TEXT,
    text TEXT NOT NULL,
    delivery TEXT,
    send_at BIGINT,
    problem TEXT NOT NULL,
    told BOOLEAN NOT NULL
);
CREATE INDEX item_steps_of ON item_steps (item_id, id);
CREATE INDEX item_steps_untold ON item_steps (id) WHERE told = FALSE;
CREATE INDEX item_steps_replies ON item_steps (delivery, send_at, id) WHERE delivery IS NOT NULL;

-- How many items of a channel an agent has at a time: of the tenant, and of an agent.
ALTER TABLE tenants ADD COLUMN items TEXT NOT NULL DEFAULT '{}';
ALTER TABLE agents ADD COLUMN items TEXT NOT NULL DEFAULT '{}';
