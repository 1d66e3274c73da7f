-- Items that came as text messages: `trunk_id` is over which, and a reply goes back over it. `text_id` of a
-- step is the text that a reply went out as. `fax_id` is the received fax that an item hands out; what a
-- program calls a fax has none.

ALTER TABLE items ADD COLUMN trunk_id BIGINT;
ALTER TABLE items ADD COLUMN fax_id BIGINT;
ALTER TABLE item_steps ADD COLUMN text_id BIGINT;
CREATE INDEX items_fax ON items (fax_id) WHERE fax_id IS NOT NULL;
CREATE INDEX item_steps_texted ON item_steps (text_id) WHERE text_id IS NOT NULL;
