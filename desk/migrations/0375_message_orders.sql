-- Messages that became orders: `caller` is who left one, until it is known whether it can be heard;
-- `order_id` what it became, and `order_problem` why it became nothing although its queue wants an order.

ALTER TABLE voicemails ADD COLUMN caller TEXT NOT NULL DEFAULT '';
ALTER TABLE voicemails ADD COLUMN order_id BIGINT;
ALTER TABLE voicemails ADD COLUMN order_problem TEXT;
CREATE INDEX voicemails_order ON voicemails (tenant_id, order_id) WHERE order_id IS NOT NULL;
