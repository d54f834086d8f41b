-- Corrects a call that was recorded at its bound. The correction is a usage row of its own with the differences, under the
-- index -1 - p_call, so that a call has at most one. It moves `used` in every window in which the call counted, and emits
-- the thresholds that it reaches. p_meters, p_amounts and all other figures are those of the whole call.
-- Outcomes: corrected, repeated (the call has a correction, or was not recorded at its bound), unknown_call.
CREATE OR REPLACE FUNCTION ledger_correct(
  p_now timestamptz, p_shard smallint, p_account uuid, p_hold uuid, p_call integer, p_meters text[], p_amounts bigint[],
  p_status text, p_error_code text, p_usage_source text, p_input bigint, p_cache_read bigint, p_cache_write bigint,
  p_output bigint, p_reasoning bigint, p_other_classes text[], p_other_amounts bigint[], p_input_cost bigint,
  p_output_cost bigint, p_provider_request_id text)
RETURNS text LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  v_now timestamptz;
  v_call usage_events;
  v_change usage_events;
  v_passed record;
BEGIN
  SELECT l.p_now INTO v_now FROM ledger_lock(p_now, ARRAY[p_shard], ARRAY[p_account], NULL) l;
  SELECT e.* INTO v_call
    FROM ledger_holds h
    JOIN usage_events e ON e.account_id = h.account_id AND e.admitted_at = h.created_at AND e.hold_id = h.id
                       AND e.call_index = p_call AND e.shard = h.shard
   WHERE h.shard = p_shard AND h.id = p_hold AND h.account_id = p_account;
  IF NOT FOUND THEN RETURN 'unknown_call'; END IF;
  IF v_call.usage_source <> 'bound' OR EXISTS (
       SELECT FROM usage_events e
        WHERE e.account_id = p_account AND e.admitted_at = v_call.admitted_at AND e.hold_id = p_hold
          AND e.call_index = -1 - p_call AND e.shard = p_shard) THEN
    RETURN 'repeated';
  END IF;

  v_change := v_call;
  v_change.call_index := -1 - p_call;
  v_change.occurred_at := v_now;
  v_change.status := p_status;
  v_change.error_code := p_error_code;
  v_change.usage_source := p_usage_source;
  v_change.late := (SELECT h.state <> 'open' FROM ledger_holds h WHERE h.shard = p_shard AND h.id = p_hold);
  v_change.overrun := false;
  v_change.input_tokens := ledger_difference(p_input, v_call.input_tokens);
  v_change.cache_read_tokens := ledger_difference(p_cache_read, v_call.cache_read_tokens);
  v_change.cache_write_tokens := ledger_difference(p_cache_write, v_call.cache_write_tokens);
  v_change.output_tokens := ledger_difference(p_output, v_call.output_tokens);
  v_change.reasoning_tokens := ledger_difference(p_reasoning, v_call.reasoning_tokens);
  SELECT d.names, d.amounts INTO v_change.other_classes, v_change.other_amounts
    FROM ledger_differences(p_other_classes, p_other_amounts, v_call.other_classes, v_call.other_amounts) d;
  SELECT d.names, d.amounts INTO v_change.meters, v_change.amounts
    FROM ledger_differences(p_meters, p_amounts, v_call.meters, v_call.amounts) d;
  v_change.input_cost_nano_usd := p_input_cost - v_call.input_cost_nano_usd;
  v_change.output_cost_nano_usd := p_output_cost - v_call.output_cost_nano_usd;
  v_change.cost_nano_usd := p_input_cost + p_output_cost - v_call.cost_nano_usd;
  v_change.latency_ms := 0;
  v_change.first_byte_ms := NULL;
  v_change.attempts := 0;
  v_change.request_bytes := 0;
  v_change.response_bytes := 0;
  v_change.provider_request_id := coalesce(p_provider_request_id, v_call.provider_request_id);
  INSERT INTO usage_events SELECT v_change.*;

  UPDATE ledger_balances b
     SET (used, next_thresholds) = (
           SELECT array_agg(c.used + n.change ORDER BY c.position),
                  array_agg(CASE WHEN n.change > 0 AND c.used + n.change >= c.next_threshold
                                 THEN ledger_emit_threshold(v_now, p_shard, c.id, c.used + n.change, p_hold)
                                 ELSE c.next_threshold END ORDER BY c.position)
             FROM unnest(b.counter_ids, b.meters, b.used, b.next_thresholds) WITH ORDINALITY
                  c(id, meter, used, next_threshold, position)
             JOIN ledger_windows w ON w.shard = p_shard AND w.id = c.id
             LEFT JOIN unnest(v_change.meters, v_change.amounts) a(meter, amount) ON a.meter = c.meter
            CROSS JOIN LATERAL (
              SELECT CASE WHEN w.window_start <= v_call.admitted_at THEN coalesce(a.amount, 0) ELSE 0 END AS change) n)
   WHERE b.shard = p_shard AND b.account_id = p_account AND b.meters && v_change.meters
     AND ledger_in_scope(b.scope, b.scope_id, v_call.user_id, v_call.key_id, v_call.workspace_id);

  FOR v_passed IN
    UPDATE ledger_windows w
       SET used = w.used + a.amount
      FROM unnest(v_change.meters, v_change.amounts) a(meter, amount)
     WHERE w.account_id = p_account AND w.window_end > v_call.admitted_at AND w.window_start <= v_call.admitted_at
       AND w.meter = a.meter AND w.balance_index IS NULL
       AND ledger_in_scope(w.scope, w.scope_id, v_call.user_id, v_call.key_id, v_call.workspace_id)
    RETURNING w.id, w.used, w.thresholds, a.amount AS change
  LOOP
    IF EXISTS (SELECT FROM unnest(v_passed.thresholds) l
                WHERE l <= v_passed.used AND l > v_passed.used - v_passed.change) THEN
      PERFORM ledger_emit_threshold(v_now, p_shard, v_passed.id, v_passed.used, p_hold);
    END IF;
  END LOOP;

  UPDATE usage_daily u
     SET errors = u.errors + (p_status <> 'ok')::integer - (v_call.status <> 'ok')::integer,
         input_tokens = u.input_tokens + coalesce(v_change.input_tokens, 0),
         cache_read_tokens = u.cache_read_tokens + coalesce(v_change.cache_read_tokens, 0),
         cache_write_tokens = u.cache_write_tokens + coalesce(v_change.cache_write_tokens, 0),
         output_tokens = u.output_tokens + coalesce(v_change.output_tokens, 0),
         reasoning_tokens = u.reasoning_tokens + coalesce(v_change.reasoning_tokens, 0),
         cost_nano_usd = u.cost_nano_usd + v_change.cost_nano_usd
   WHERE u.shard = p_shard AND u.account_id = p_account
     AND u.day = (v_call.admitted_at AT TIME ZONE 'UTC')::date
     AND u.user_id = coalesce(v_call.user_id, '00000000-0000-0000-0000-000000000000')
     AND u.provider = v_call.provider AND u.model = v_call.model;
  RETURN 'corrected';
END $$;

REVOKE ALL ON FUNCTION ledger_correct FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_correct TO inkmeter_generation, inkmeter_metering;
