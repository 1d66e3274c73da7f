-- Messages that became orders: `caller` is who left one, until it is known whether it can be heard;
-- `order_id` what it became, and `order_problem` why it became nothing although its queue wants an order.

ALTER TABLE voicemails ADD COLUMN caller TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE voicemails ADD COLUMN order_id BIGINT;
ALTER TABLE voicemails ADD COLUMN order_problem TEXT COLLATE "C";
CREATE INDEX voicemails_order ON voicemails (tenant_id, order_id) WHERE order_id IS NOT NULL;

-- No value of a row stands in the statistics of the server.
ALTER TABLE voicemails ALTER COLUMN caller SET STATISTICS 0;
ALTER TABLE voicemails ALTER COLUMN order_problem SET STATISTICS 0;
