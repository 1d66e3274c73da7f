-- What agents may call outside, who is kept from calling out, and what agents set for their phones.

ALTER TABLE tenants ADD COLUMN calling TEXT NOT NULL DEFAULT '{}';

ALTER TABLE agents ADD COLUMN calling TEXT NOT NULL DEFAULT '{}';
ALTER TABLE agents ADD COLUMN barred BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE agents ADD COLUMN barred_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN barred_for TEXT NOT NULL DEFAULT '"refused"';
ALTER TABLE agents ADD COLUMN do_not_disturb BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE agents ADD COLUMN forwarding TEXT NOT NULL DEFAULT '{"no_answer_s": 0}';
ALTER TABLE agents ADD COLUMN phone_set_at BIGINT NOT NULL DEFAULT 0;

-- How far in the event log the store has followed it.
CREATE TABLE followed (
    name TEXT PRIMARY KEY NOT NULL,
    seq BIGINT NOT NULL
);
