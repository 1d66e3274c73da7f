-- The business store on PostgreSQL: what the migrations for SQLite up to this number make, in one
-- step. From here on every number is given to both, and a test compares the two.
-- Texts are ordered by their octets (COLLATE "C"), as SQLite orders them.

-- Where `needle` begins in `haystack`, from 1; 0 where it is not: as SQLite counts.
CREATE FUNCTION instr(haystack TEXT, needle TEXT) RETURNS INTEGER
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT strpos(haystack, needle) $$;

CREATE TABLE sequences (
    name TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    last BIGINT NOT NULL
);

CREATE TABLE tenants (
    id BIGINT PRIMARY KEY NOT NULL,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    time_zone TEXT COLLATE "C" NOT NULL,
    country TEXT COLLATE "C" NOT NULL,
    realm TEXT COLLATE "C" NOT NULL,
    language TEXT COLLATE "C" NOT NULL,
    plan_version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    calling TEXT COLLATE "C" NOT NULL DEFAULT '{}',
    lease_version BIGINT NOT NULL DEFAULT 0,
    trace_back TEXT COLLATE "C" NOT NULL DEFAULT '{}'
);

CREATE TABLE users (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    login TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    password_hash TEXT COLLATE "C" NOT NULL,
    password_changed_at BIGINT NOT NULL,
    disabled_at BIGINT,
    created_at BIGINT NOT NULL,
    team_scope TEXT COLLATE "C",
    UNIQUE (tenant_id, login)
);

CREATE TABLE tokens (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    user_id BIGINT NOT NULL REFERENCES users (id),
    name TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    scram TEXT COLLATE "C"
);
CREATE INDEX tokens_by_user ON tokens (tenant_id, user_id, id);

CREATE TABLE hours (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

CREATE TABLE queues (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT COLLATE "C" NOT NULL,
    settings TEXT COLLATE "C" NOT NULL,
    UNIQUE (tenant_id, name)
);

CREATE TABLE agents (
    id BIGINT PRIMARY KEY NOT NULL REFERENCES users (id),
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    number TEXT COLLATE "C" NOT NULL,
    sip_user TEXT COLLATE "C" NOT NULL,
    ha1_md5 TEXT COLLATE "C" NOT NULL,
    ha1_sha256 TEXT COLLATE "C" NOT NULL,
    pickup_any BOOLEAN NOT NULL DEFAULT FALSE,
    calling TEXT COLLATE "C" NOT NULL DEFAULT '{}',
    barred BOOLEAN NOT NULL DEFAULT FALSE,
    barred_at BIGINT NOT NULL DEFAULT 0,
    barred_for TEXT COLLATE "C" NOT NULL DEFAULT '"refused"',
    do_not_disturb BOOLEAN NOT NULL DEFAULT FALSE,
    forwarding TEXT COLLATE "C" NOT NULL DEFAULT '{"no_answer_s": 0}',
    phone_set_at BIGINT NOT NULL DEFAULT 0,
    skills TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    UNIQUE (tenant_id, number),
    UNIQUE (tenant_id, sip_user)
);

CREATE TABLE queue_agents (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    queue_id BIGINT NOT NULL REFERENCES queues (id),
    agent_id BIGINT NOT NULL REFERENCES agents (id),
    position BIGINT NOT NULL DEFAULT 0,
    weight BIGINT NOT NULL DEFAULT 1,
    level BIGINT NOT NULL DEFAULT 1,
    PRIMARY KEY (queue_id, agent_id)
);
CREATE INDEX queue_agents_by_agent ON queue_agents (agent_id);

CREATE TABLE flows (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT COLLATE "C" NOT NULL,
    draft TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    published_version BIGINT,
    UNIQUE (tenant_id, name)
);

CREATE TABLE flow_versions (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    flow_id BIGINT NOT NULL REFERENCES flows (id),
    version BIGINT NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C" NOT NULL,
    rolled_back_to BIGINT,
    published_at BIGINT NOT NULL,
    published_by BIGINT,
    revision BIGINT,
    approved_by BIGINT,
    PRIMARY KEY (flow_id, version)
);

CREATE TABLE numbers (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    digits TEXT COLLATE "C" NOT NULL UNIQUE,
    target TEXT COLLATE "C" NOT NULL,
    rules TEXT COLLATE "C" NOT NULL DEFAULT '[]'
);

CREATE TABLE trunks (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT COLLATE "C" NOT NULL,
    settings TEXT COLLATE "C" NOT NULL,
    outbound_secret TEXT COLLATE "C",
    UNIQUE (tenant_id, name)
);

CREATE TABLE blocked (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    number TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    until BIGINT,
    treatment TEXT COLLATE "C" NOT NULL DEFAULT 'hang_up',
    prompt TEXT COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, number)
);

CREATE TABLE customers (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    number TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    area TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C" NOT NULL,
    vip BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    agent_id BIGINT REFERENCES agents (id),
    UNIQUE (tenant_id, number)
);

CREATE TABLE order_rules (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    kind TEXT COLLATE "C" NOT NULL,
    department TEXT COLLATE "C" NOT NULL,
    assignee_id BIGINT REFERENCES users (id),
    due_minutes BIGINT NOT NULL,
    warn_minutes BIGINT NOT NULL,
    hours TEXT COLLATE "C",
    PRIMARY KEY (tenant_id, kind)
);

CREATE TABLE orders (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    number TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    department TEXT COLLATE "C" NOT NULL,
    area TEXT COLLATE "C" NOT NULL,
    title TEXT COLLATE "C" NOT NULL,
    content TEXT COLLATE "C" NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    assignee_id BIGINT REFERENCES users (id),
    deadline_at BIGINT,
    warn_at BIGINT,
    progress TEXT COLLATE "C" NOT NULL,
    suspended_at BIGINT,
    closed_at BIGINT,
    call_id BIGINT,
    customer_id BIGINT REFERENCES customers (id),
    customer_number TEXT COLLATE "C" NOT NULL,
    created_by BIGINT REFERENCES users (id),
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    UNIQUE (tenant_id, number)
);
CREATE INDEX orders_by_deadline ON orders (tenant_id, deadline_at);
CREATE INDEX orders_by_call ON orders (tenant_id, call_id);
CREATE INDEX orders_by_customer ON orders (tenant_id, customer_number);
CREATE INDEX orders_by_id ON orders (tenant_id, id);

CREATE TABLE order_steps (
    order_id BIGINT NOT NULL REFERENCES orders (id),
    version BIGINT NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    at BIGINT NOT NULL,
    user_id BIGINT,
    action TEXT COLLATE "C" NOT NULL,
    progress_before TEXT COLLATE "C",
    progress_after TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (order_id, version)
);

CREATE TABLE audit (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    at BIGINT NOT NULL,
    user_id BIGINT,
    source TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL
);
CREATE INDEX audit_by_tenant ON audit (tenant_id, id);

CREATE TABLE outbox (
    position BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    payload TEXT COLLATE "C" NOT NULL
);

CREATE TABLE recording_rules (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    place BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    UNIQUE (tenant_id, name)
);

CREATE TABLE recording_exclusions (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    kind TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, kind, value)
);

CREATE TABLE retention (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    queue_id BIGINT NOT NULL,
    days BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, queue_id)
);

CREATE TABLE holds (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    kind TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    set_at BIGINT NOT NULL,
    set_by BIGINT,
    lifted_at BIGINT,
    lifted_by BIGINT,
    lifted_reason TEXT COLLATE "C"
);
CREATE INDEX holds_in_force ON holds (tenant_id, lifted_at, id);

CREATE TABLE conferences (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C",
    document TEXT COLLATE "C" NOT NULL,
    guest_pin TEXT COLLATE "C",
    chair_pin TEXT COLLATE "C",
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, number)
);

CREATE TABLE prompts (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    language TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    format TEXT COLLATE "C" NOT NULL,
    bytes BIGINT NOT NULL,
    length_ms BIGINT NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,
    spoken TEXT COLLATE "C",
    uploaded_at BIGINT NOT NULL,
    uploaded_by BIGINT,
    PRIMARY KEY (tenant_id, language, name)
);

CREATE TABLE followed (
    name TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    seq BIGINT NOT NULL
);

CREATE TABLE flow_edits (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    flow_id BIGINT NOT NULL REFERENCES flows (id),
    revision BIGINT NOT NULL,
    edited_at BIGINT NOT NULL,
    edited_by BIGINT,
    PRIMARY KEY (flow_id, revision)
);

CREATE TABLE flow_reviews (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    flow_id BIGINT NOT NULL REFERENCES flows (id),
    revision BIGINT NOT NULL,
    note TEXT COLLATE "C" NOT NULL,
    asked_at BIGINT NOT NULL,
    asked_by BIGINT,
    state TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    decided_at BIGINT,
    decided_by BIGINT
);
CREATE INDEX flow_reviews_by_flow ON flow_reviews (flow_id, id);

CREATE TABLE saved_reports (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    UNIQUE (tenant_id, name)
);

CREATE TABLE schedules (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT COLLATE "C" NOT NULL,
    saved_report_id BIGINT NOT NULL REFERENCES saved_reports (id),
    document TEXT COLLATE "C" NOT NULL,
    webhook_secret TEXT COLLATE "C",
    planned_through BIGINT NOT NULL,
    UNIQUE (tenant_id, name)
);

CREATE TABLE report_runs (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    schedule_id BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    next_at BIGINT NOT NULL,
    lease_holder BIGINT NOT NULL DEFAULT 0,
    lease_until BIGINT NOT NULL DEFAULT 0,
    file TEXT COLLATE "C",
    ended_at BIGINT,
    problem TEXT COLLATE "C" NOT NULL DEFAULT '',
    more_files TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    UNIQUE (schedule_id, due_at)
);
CREATE INDEX report_runs_by_tenant ON report_runs (tenant_id, id);
CREATE INDEX report_runs_by_state ON report_runs (tenant_id, state, next_at);

CREATE TABLE report_deliveries (
    run_id BIGINT NOT NULL REFERENCES report_runs (id) ON DELETE CASCADE,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    place BIGINT NOT NULL,
    target TEXT COLLATE "C" NOT NULL,
    idempotency_key TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    next_at BIGINT NOT NULL,
    ended_at BIGINT,
    problem TEXT COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (run_id, place)
);

CREATE TABLE once (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    user_id BIGINT NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT COLLATE "C" NOT NULL,
    began_at BIGINT NOT NULL,
    status BIGINT,
    kind TEXT COLLATE "C" NOT NULL DEFAULT '',
    answer TEXT COLLATE "C",
    PRIMARY KEY (tenant_id, user_id, key)
);
CREATE INDEX once_by_age ON once (tenant_id, began_at);

CREATE TABLE hooks (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT COLLATE "C" NOT NULL,
    url TEXT COLLATE "C" NOT NULL,
    kinds TEXT COLLATE "C" NOT NULL,
    secret TEXT COLLATE "C" NOT NULL,
    enabled BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    through_seq BIGINT NOT NULL,
    failing_since BIGINT,
    paused_at BIGINT,
    problem TEXT COLLATE "C"
);
CREATE INDEX hooks_by_tenant ON hooks (tenant_id, id);

CREATE TABLE hook_deliveries (
    hook_id BIGINT NOT NULL REFERENCES hooks (id),
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    seq BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    call_id BIGINT,
    attempts BIGINT NOT NULL,
    tried_at BIGINT NOT NULL,
    delivered BOOLEAN NOT NULL,
    status BIGINT,
    problem TEXT COLLATE "C",
    PRIMARY KEY (hook_id, seq)
);

CREATE TABLE voicemails (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    recording_id BIGINT NOT NULL,
    queue_id BIGINT NOT NULL,
    left_at BIGINT NOT NULL,
    heard_at BIGINT,
    heard_by BIGINT,
    PRIMARY KEY (tenant_id, recording_id)
);
CREATE INDEX voicemails_by_queue ON voicemails (tenant_id, queue_id, left_at);

CREATE TABLE allowed (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    number TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    target TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, number)
);

CREATE TABLE shifts (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    agent_id BIGINT NOT NULL REFERENCES agents (id),
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    created_by BIGINT,
    created_at BIGINT NOT NULL,
    withdrawn_at BIGINT
);
CREATE INDEX shifts_by_time ON shifts (tenant_id, starts_at, id) WHERE withdrawn_at IS NULL;
CREATE INDEX shifts_by_agent ON shifts (tenant_id, agent_id, starts_at) WHERE withdrawn_at IS NULL;

CREATE TABLE field_workers (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT COLLATE "C" NOT NULL,
    phone TEXT COLLATE "C" NOT NULL,
    phone_normal TEXT COLLATE "C" NOT NULL,
    bound BOOLEAN NOT NULL,
    substitute_id BIGINT REFERENCES field_workers (id),
    absent_from BIGINT,
    absent_until BIGINT,
    UNIQUE (tenant_id, phone_normal)
);

CREATE TABLE areas (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    code TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    name_en TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C",
    team_id BIGINT REFERENCES queues (id),
    queue_id BIGINT NOT NULL REFERENCES queues (id),
    ring_s BIGINT NOT NULL,
    order_kind TEXT COLLATE "C",
    UNIQUE (tenant_id, code),
    UNIQUE (tenant_id, number)
);

CREATE TABLE area_workers (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    area_id BIGINT NOT NULL REFERENCES areas (id),
    worker_id BIGINT NOT NULL REFERENCES field_workers (id),
    place BIGINT NOT NULL,
    PRIMARY KEY (area_id, worker_id)
);
CREATE INDEX area_workers_by_worker ON area_workers (worker_id);

CREATE TABLE area_callers (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    number TEXT COLLATE "C" NOT NULL,
    area_id BIGINT NOT NULL REFERENCES areas (id),
    PRIMARY KEY (tenant_id, number)
);
CREATE INDEX area_callers_by_area ON area_callers (area_id);

CREATE TABLE leases (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    version BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C" NOT NULL,
    a TEXT COLLATE "C" NOT NULL,
    b TEXT COLLATE "C",
    code TEXT COLLATE "C",
    from_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    record BOOLEAN NOT NULL,
    reference TEXT COLLATE "C" NOT NULL,
    created_by BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX leases_by_version ON leases (tenant_id, version);
CREATE INDEX leases_by_number ON leases (tenant_id, number, until_at);
CREATE INDEX leases_by_end ON leases (tenant_id, until_at);
CREATE INDEX leases_by_reference ON leases (tenant_id, reference, id);

CREATE TABLE teams (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    parent_id BIGINT REFERENCES teams (id),
    name TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    dissolved_at BIGINT
);
CREATE UNIQUE INDEX teams_by_name ON teams (tenant_id, COALESCE(parent_id, 0), name)
    WHERE dissolved_at IS NULL;

CREATE TABLE team_members (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    agent_id BIGINT NOT NULL REFERENCES agents (id),
    team_id BIGINT NOT NULL REFERENCES teams (id),
    since BIGINT NOT NULL,
    until BIGINT
);
CREATE UNIQUE INDEX team_members_now ON team_members (tenant_id, agent_id) WHERE until IS NULL;
CREATE INDEX team_members_by_agent ON team_members (tenant_id, agent_id, id);

CREATE TABLE rates (
    tenant_id BIGINT PRIMARY KEY NOT NULL REFERENCES tenants (id),
    document TEXT COLLATE "C" NOT NULL
);

CREATE TABLE connectors (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    secret TEXT COLLATE "C",
    PRIMARY KEY (tenant_id, name)
);

CREATE TABLE emergencies (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    active_since BIGINT,
    active_by BIGINT,
    PRIMARY KEY (tenant_id, name)
);

CREATE TABLE row_retention (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT COLLATE "C" NOT NULL,
    days BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

CREATE TABLE erasures (
    id BIGINT PRIMARY KEY NOT NULL,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    state TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    number_sealed TEXT COLLATE "C",
    asked_at BIGINT NOT NULL,
    asked_by BIGINT,
    erased_at BIGINT,
    files_until BIGINT,
    ended_at BIGINT,
    recordings BIGINT NOT NULL DEFAULT 0,
    faxes BIGINT NOT NULL DEFAULT 0,
    row_count BIGINT NOT NULL DEFAULT 0,
    entries BIGINT NOT NULL DEFAULT 0,
    problem TEXT COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX erasures_by_tenant ON erasures (tenant_id, id);

CREATE TABLE report_definitions (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    at BIGINT NOT NULL,
    user_id BIGINT,
    document TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, name, version)
);

CREATE TABLE schedule_reports (
    schedule_id BIGINT NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    place BIGINT NOT NULL,
    saved_report_id BIGINT NOT NULL REFERENCES saved_reports (id),
    PRIMARY KEY (schedule_id, place)
);

CREATE TABLE mailboxes (
    agent_id BIGINT PRIMARY KEY NOT NULL REFERENCES agents (id),
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    takes TEXT COLLATE "C" NOT NULL DEFAULT 'off',
    greeting TEXT COLLATE "C" NOT NULL DEFAULT '',
    driving BOOLEAN NOT NULL DEFAULT FALSE,
    driving_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX mailboxes_by_tenant ON mailboxes (tenant_id, agent_id);

CREATE TABLE agent_messages (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    recording_id BIGINT NOT NULL,
    agent_id BIGINT NOT NULL REFERENCES agents (id),
    left_at BIGINT NOT NULL,
    heard_at BIGINT,
    heard_by BIGINT,
    PRIMARY KEY (tenant_id, recording_id)
);
CREATE INDEX agent_messages_by_agent ON agent_messages (tenant_id, agent_id, left_at);

CREATE TABLE number_regions (
    tenant_id BIGINT PRIMARY KEY NOT NULL REFERENCES tenants (id),
    document TEXT COLLATE "C" NOT NULL
);

-- Statistics of texts would hold what people are called after they were forgotten.
DO $$
DECLARE
    texts RECORD;
BEGIN
    FOR texts IN SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = current_schema() AND data_type = 'text'
    LOOP
        EXECUTE format('ALTER TABLE %I ALTER COLUMN %I SET STATISTICS 0', texts.table_name,
            texts.column_name);
    END LOOP;
END $$;

-- What was done stays as it was written: these tables only grow.
CREATE FUNCTION refuse() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0];
END $$;

-- TRUNCATE passes by what is asked of each row.
CREATE TRIGGER order_steps_whole BEFORE TRUNCATE ON order_steps
EXECUTE FUNCTION refuse('order_steps only grows');
CREATE TRIGGER audit_whole BEFORE TRUNCATE ON audit
EXECUTE FUNCTION refuse('audit only grows');
CREATE TRIGGER flow_versions_whole BEFORE TRUNCATE ON flow_versions
EXECUTE FUNCTION refuse('flow_versions only grows');
CREATE TRIGGER flow_edits_whole BEFORE TRUNCATE ON flow_edits
EXECUTE FUNCTION refuse('flow_edits only grows');
CREATE TRIGGER flow_reviews_whole BEFORE TRUNCATE ON flow_reviews
EXECUTE FUNCTION refuse('flow_reviews only grows');
CREATE TRIGGER order_steps_keep BEFORE DELETE ON order_steps FOR EACH ROW
EXECUTE FUNCTION refuse('order_steps only grows');
CREATE TRIGGER audit_keep BEFORE DELETE ON audit FOR EACH ROW
EXECUTE FUNCTION refuse('audit only grows');
CREATE TRIGGER flow_versions_stay BEFORE UPDATE ON flow_versions FOR EACH ROW
EXECUTE FUNCTION refuse('a published flow version never changes');
CREATE TRIGGER flow_versions_keep BEFORE DELETE ON flow_versions FOR EACH ROW
EXECUTE FUNCTION refuse('a published flow version never changes');
CREATE TRIGGER outbox_stay BEFORE UPDATE ON outbox FOR EACH ROW
EXECUTE FUNCTION refuse('an outbox row never changes');
CREATE TRIGGER flow_edits_stay BEFORE UPDATE ON flow_edits FOR EACH ROW
EXECUTE FUNCTION refuse('flow_edits only grows');
CREATE TRIGGER flow_edits_keep BEFORE DELETE ON flow_edits FOR EACH ROW
EXECUTE FUNCTION refuse('flow_edits only grows');
CREATE TRIGGER flow_reviews_stay BEFORE UPDATE ON flow_reviews FOR EACH ROW
WHEN (OLD.state <> 'waiting')
EXECUTE FUNCTION refuse('a decided review never changes');
CREATE TRIGGER flow_reviews_keep BEFORE DELETE ON flow_reviews FOR EACH ROW
EXECUTE FUNCTION refuse('flow_reviews only grows');
CREATE TRIGGER order_steps_stay BEFORE UPDATE ON order_steps FOR EACH ROW
WHEN (NOT (NEW.note = '' AND NEW.order_id IS NOT DISTINCT FROM OLD.order_id
    AND NEW.version IS NOT DISTINCT FROM OLD.version
    AND NEW.tenant_id IS NOT DISTINCT FROM OLD.tenant_id AND NEW.at IS NOT DISTINCT FROM OLD.at
    AND NEW.user_id IS NOT DISTINCT FROM OLD.user_id
    AND NEW.action IS NOT DISTINCT FROM OLD.action
    AND NEW.progress_before IS NOT DISTINCT FROM OLD.progress_before
    AND NEW.progress_after IS NOT DISTINCT FROM OLD.progress_after))
EXECUTE FUNCTION refuse('order_steps only grows');
CREATE TRIGGER audit_stay BEFORE UPDATE ON audit FOR EACH ROW
WHEN (NOT (instr(NEW.subject, '***') > 0 AND NEW.id IS NOT DISTINCT FROM OLD.id
    AND NEW.tenant_id IS NOT DISTINCT FROM OLD.tenant_id AND NEW.at IS NOT DISTINCT FROM OLD.at
    AND NEW.user_id IS NOT DISTINCT FROM OLD.user_id
    AND NEW.source IS NOT DISTINCT FROM OLD.source
    AND NEW.action IS NOT DISTINCT FROM OLD.action))
EXECUTE FUNCTION refuse('audit only grows');
