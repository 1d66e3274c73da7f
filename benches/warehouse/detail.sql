-- a call by its number
SELECT * FROM calls WHERE call_id = {call};

-- the calls of a caller
SELECT started_at, call_id, caller, called, outcome, agent_id, talk_ms FROM calls
WHERE caller = {caller} ORDER BY started_at DESC, call_id DESC LIMIT 50;

-- the recording of a call
SELECT * FROM recordings WHERE call_id = {call};

-- the legs of a call
SELECT leg_id, role, agent_id, started_at, answered_at, ended_at, hangup_cause FROM legs
WHERE call_id = {call} ORDER BY leg_id;

-- an agent's calls of a day
SELECT started_at, call_id, caller, queue_id, talk_ms, hold_ms FROM calls
WHERE agent_id = {agent} AND started_at >= {day} AND started_at < {next_day}
ORDER BY started_at DESC, call_id DESC LIMIT 100;

-- long waits of a month that were given up
SELECT v.entered_at, v.call_id, v.queue_id, v.wait_ms, c.caller FROM queue_visits v
JOIN calls c ON c.call_id = v.call_id
WHERE v.outcome = 'abandoned' AND v.wait_ms > 120000
  AND v.entered_at >= {month} AND v.entered_at < {next_month}
  AND c.started_at >= {month} AND c.started_at < {next_month}
ORDER BY v.wait_ms DESC, v.visit_id DESC LIMIT 100;

-- numbers that end so, in a month
SELECT started_at, call_id, caller, outcome FROM calls
WHERE caller LIKE '%{ending}' AND started_at >= {month} AND started_at < {next_month}
ORDER BY started_at DESC, call_id DESC LIMIT 100;

-- dissatisfied customers of a month with their recording
SELECT c.started_at, c.call_id, c.caller, c.agent_id, c.recording_id FROM calls c
WHERE c.satisfaction = 'dissatisfied' AND c.recording_id IS NOT NULL
  AND c.started_at >= {month} AND c.started_at < {next_month}
ORDER BY c.started_at DESC, c.call_id DESC LIMIT 100;

-- the newest calls of all
SELECT * FROM calls ORDER BY started_at DESC, call_id DESC LIMIT 100;

-- calls that were badly heard, in a month
SELECT q.leg_id, q.call_id, q.role, q.codec, q.mos_cq, q.packets_lost FROM quality q
WHERE q.mos_cq < 3.4 AND q.packets_lost > 1000
  AND q.call_started_at >= {month} AND q.call_started_at < {next_month}
ORDER BY q.packets_lost DESC, q.leg_id LIMIT 100;
