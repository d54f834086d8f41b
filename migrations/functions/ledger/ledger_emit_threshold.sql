-- Writes the event of the highest threshold that a counter has reached, and returns the counter's next threshold.
-- A call that passes several thresholds at once is one event.
CREATE OR REPLACE FUNCTION ledger_emit_threshold(
  p_now timestamptz, p_shard smallint, p_counter bigint, p_used bigint, p_hold uuid)
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO threshold_events (shard, account_id, counter_id, threshold_bps, state, used, amount, hold_id, occurred_at)
  SELECT w.shard, w.account_id, w.id, w.threshold_bps[l.k], ledger_state(w.kind, p_used, w.amount, w.thresholds),
         p_used, w.amount, p_hold, p_now
    FROM ledger_windows w CROSS JOIN LATERAL unnest(w.thresholds) WITH ORDINALITY l(threshold, k)
   WHERE w.shard = p_shard AND w.id = p_counter AND l.threshold <= p_used
   ORDER BY l.k DESC LIMIT 1
  ON CONFLICT (shard, counter_id, threshold_bps, amount) DO NOTHING;
  RETURN (SELECT min(l) FROM ledger_windows w, unnest(w.thresholds) l
           WHERE w.shard = p_shard AND w.id = p_counter AND l > p_used);
END $$;
