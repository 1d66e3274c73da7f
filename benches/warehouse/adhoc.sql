-- outcomes of a year
SELECT direction, outcome, COUNT(*) AS calls, SUM(talk_ms) AS talk_ms FROM calls
GROUP BY direction, outcome;

-- customers of a year
SELECT COUNT(DISTINCT caller) AS customers FROM calls WHERE direction = 'inbound';

-- who called most in a year
SELECT caller, COUNT(*) AS calls, SUM(talk_ms) AS talk_ms FROM calls
WHERE direction = 'inbound' GROUP BY caller ORDER BY calls DESC, caller LIMIT 20;

-- answered in twenty seconds, by queue, of a year
SELECT queue_id, COUNT(*) AS offered,
       SUM(CASE WHEN outcome = 'answered' AND wait_ms <= 20000 THEN 1 ELSE 0 END) AS in_time,
       MAX(wait_ms) AS wait_ms_max
FROM queue_visits GROUP BY queue_id;

-- talk and wrap-up by agent, of a year
SELECT agent_id, activity, COUNT(*) AS stretches, SUM(duration_ms) AS spent_ms FROM agent_spans
WHERE activity IN ('talking', 'wrap_up') GROUP BY agent_id, activity;

-- agents with the longest calls on average, of a month
SELECT agent_id, COUNT(*) AS calls, AVG(talk_ms) AS talk_ms FROM calls
WHERE outcome = 'answered' AND started_at >= {month} AND started_at < {next_month}
GROUP BY agent_id HAVING COUNT(*) > 10 ORDER BY talk_ms DESC, agent_id LIMIT 20;

-- reasons of calls that made an order, of a month
SELECT s.reason, COUNT(DISTINCT o.order_id) AS orders FROM agent_spans s
JOIN orders o ON o.call_id = s.call_id
WHERE s.activity = 'wrap_up' AND s.started_at >= {month} AND s.started_at < {next_month}
GROUP BY s.reason;

-- satisfaction beside waiting, of a month
SELECT s.answer, COUNT(*) AS asked, AVG(c.wait_ms) AS wait_ms, AVG(c.talk_ms) AS talk_ms
FROM surveys s JOIN calls c ON c.call_id = s.call_id
WHERE s.asked_at >= {month} AND s.asked_at < {next_month}
  AND c.started_at >= {month} AND c.started_at < {next_month}
GROUP BY s.answer;

-- who came back within a month after giving up
SELECT COUNT(DISTINCT a.caller) AS customers FROM calls a
JOIN calls b ON b.caller = a.caller AND b.started_at > a.started_at
WHERE a.outcome = 'abandoned' AND b.outcome = 'answered'
  AND a.started_at >= {month} AND a.started_at < {next_month}
  AND b.started_at >= {month} AND b.started_at < {next_month};

-- loss by codec and trunk, of a year
SELECT codec, trunk_id, COUNT(*) AS legs, SUM(packets_lost) AS lost,
       SUM(packets_expected) AS expected, MIN(mos_cq) AS worst
FROM quality GROUP BY codec, trunk_id;
