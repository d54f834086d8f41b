-- Records what provider calls cost, and closes holds. p_account, p_of, p_name as for ledger_hold; p_moved has one element
-- per call and meter: the call's amount. p_call is the call's index in the plan, or NULL to close the hold only; a hold
-- that ends gets the state p_end_state. A batch names a hold at most once.
-- Outcomes: settled, closed, repeated (the call is already recorded), unknown_hold.
CREATE OR REPLACE FUNCTION ledger_settle(
  p_now timestamptz, p_shard smallint[], p_account uuid[], p_name text[], p_moved bigint[], p_end_state text,
  p_of integer[], p_hold uuid[], p_call integer[], p_close boolean[], p_meters text[], p_amounts text[], p_step text[],
  p_provider text[], p_model text[], p_endpoint text[], p_status text[], p_error_code text[], p_usage_source text[],
  p_input bigint[], p_cache_read bigint[], p_cache_write bigint[], p_output bigint[], p_reasoning bigint[],
  p_other_classes text[], p_other_amounts text[], p_input_cost bigint[], p_output_cost bigint[], p_price_version text[],
  p_latency_ms integer[], p_first_byte_ms integer[], p_attempts integer[], p_request_bytes integer[],
  p_response_bytes integer[], p_provider_request_id text[], p_max_wait_ms integer)
RETURNS TABLE (
  ord integer, outcome text, late boolean, overrun boolean, state text, meter text, win text, scope text,
  scope_id text, amount bigint, used bigint, held bigint, resets_at timestamptz)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
  n integer := cardinality(p_hold);
  n_names integer := cardinality(p_name);
  v_now timestamptz;
  v_scoped boolean;
  v_calls integer := 0;  -- settled
  v_moved integer := 0;  -- settled or closed
  -- See ledger_lock and ledger_load_member_balances. Positions after n_balances are windows that have ended, as balances
  -- of one counter each; where only_counter is set, only that counter of the balance counts.
  balances ledger_balances[]; row_pointers tid[]; request_balance integer[]; next_balance integer[];
  only_counter integer[] := '{}';
  n_balances integer;
  -- The current balance; v_name has the position of each counter's meter in p_name.
  v_balance ledger_balances; v_meters text[]; v_name integer[]; v_used bigint[]; v_held bigint[]; v_amounts bigint[];
  v_user uuid[]; v_key uuid[]; v_workspace uuid[];
  -- The results and recorded facts, one element per call.
  o_outcome text[] := array_fill(NULL::text, ARRAY[n]);
  o_late boolean[] := array_fill(false, ARRAY[n]);
  o_overrun boolean[] := o_late;
  o_counter bigint[] := array_fill(NULL::bigint, ARRAY[n]);
  o_used bigint[] := o_counter;
  o_held bigint[] := o_counter;
  h_created timestamptz[] := array_fill(NULL::timestamptz, ARRAY[n]);
  h_user uuid[] := array_fill(NULL::uuid, ARRAY[n]);
  h_key uuid[] := h_user;
  h_workspace uuid[] := h_user;
  v_hold record; v_window record;
  v_add bigint; v_rest bigint; v_share float8; v_nearest float8; v_passed boolean;
  a integer; i integer; k integer; x integer; v_first integer;
BEGIN
  SELECT l.p_now, l.balances, l.row_pointers, l.scoped INTO v_now, balances, row_pointers, v_scoped
    FROM ledger_lock(p_now, p_shard, p_account, p_max_wait_ms) l;
  request_balance := p_of;
  next_balance := '{}';
  IF v_scoped THEN
    SELECT array_agg(h.user_id ORDER BY i), array_agg(h.key_id ORDER BY i), array_agg(h.workspace_id ORDER BY i)
      INTO v_user, v_key, v_workspace
      FROM generate_series(1, n) i LEFT JOIN ledger_holds h ON h.shard = p_shard[p_of[i]] AND h.id = p_hold[i];
    SELECT l.balances, l.row_pointers, l.request_balance, l.next_balance INTO balances, row_pointers, request_balance, next_balance
      FROM ledger_load_member_balances(balances, row_pointers, p_of, v_user, v_key, v_workspace) l;
  END IF;
  n_balances := cardinality(balances);

  -- The old rows have what each hold still held. `alike`: in the order of p_name; `known`: p_name has all of its meters.
  FOR v_hold IN
    UPDATE ledger_holds h
       SET remaining = CASE WHEN p_close[i] OR h.state <> 'open' THEN '{}'
             ELSE ARRAY(SELECT r.rest - least(r.rest, coalesce(
                                 p_moved[(i - 1) * n_names + array_position(p_name, r.meter)], 0))
                          FROM unnest(h.meters, h.remaining) WITH ORDINALITY r(meter, rest, q) ORDER BY r.q) END,
           settled_calls = CASE WHEN p_call[i] IS NULL THEN h.settled_calls ELSE h.settled_calls || p_call[i] END,
           state = CASE WHEN p_close[i] AND h.state = 'open' THEN p_end_state ELSE h.state END,
           closed_at = CASE WHEN p_close[i] AND h.state = 'open' THEN v_now ELSE h.closed_at END
      FROM generate_series(1, n) i
     WHERE h.shard = p_shard[p_of[i]] AND h.id = p_hold[i] AND h.account_id = p_account[p_of[i]]
       AND CASE WHEN p_call[i] IS NULL THEN h.state = 'open'
                ELSE h.state <> 'refused' AND p_call[i] <> ALL (h.settled_calls) END
    RETURNING i, h.created_at, h.user_id, h.key_id, h.workspace_id, h.meters, old.remaining,
              old.state = 'open' AS was_open, h.meters = p_name AS alike, h.meters <@ p_name AS known
  LOOP
    i := v_hold.i;
    a := (i - 1) * n_names;
    v_moved := v_moved + 1;
    h_created[i] := v_hold.created_at;
    h_user[i] := v_hold.user_id;
    h_key[i] := v_hold.key_id;
    h_workspace[i] := v_hold.workspace_id;
    o_outcome[i] := 'closed';
    IF p_call[i] IS NOT NULL THEN
      v_calls := v_calls + 1;
      o_outcome[i] := 'settled';
      o_late[i] := NOT v_hold.was_open;
      FOR m IN 1..n_names LOOP
        v_rest := v_hold.remaining[CASE WHEN v_hold.alike THEN m ELSE array_position(v_hold.meters, p_name[m]) END];
        IF p_moved[a + m] > coalesce(v_rest, 0) THEN
          o_overrun[i] := v_hold.was_open;
        END IF;
      END LOOP;
    END IF;

    -- A call counts in the windows it was admitted in. Windows that have ended are looked up.
    v_passed := false;
    x := i;
    WHILE x IS NOT NULL LOOP
      k := request_balance[x];
      v_passed := v_passed OR k IS NULL OR v_hold.created_at < (balances[k]).since;
      x := next_balance[x];
    END LOOP;
    v_first := i;
    IF v_passed THEN
      v_first := NULL;
      FOR v_window IN
        SELECT w.*, (SELECT min(l) FROM unnest(w.thresholds) l WHERE l > w.used) AS next_threshold
          FROM ledger_windows w
         WHERE w.account_id = p_account[p_of[i]] AND w.window_end > v_hold.created_at
           AND w.window_start <= v_hold.created_at
           AND ledger_in_scope(w.scope, w.scope_id, v_hold.user_id, v_hold.key_id, v_hold.workspace_id)
      LOOP
        k := (SELECT min(q) FROM generate_series(1, cardinality(balances)) q WHERE v_window.id = ANY ((balances[q]).counter_ids));
        IF k IS NULL THEN
          k := cardinality(balances) + 1;
          v_balance := NULL;
          v_balance.shard := v_window.shard;
          v_balance.counter_ids := ARRAY[v_window.id];
          v_balance.meters := ARRAY[v_window.meter];
          v_balance.amounts := ARRAY[v_window.amount];
          v_balance.next_thresholds := ARRAY[v_window.next_threshold];
          v_balance.used := ARRAY[v_window.used];
          v_balance.held := ARRAY[v_window.held];
          balances[k] := v_balance;
        END IF;
        x := cardinality(request_balance) + 1;
        request_balance[x] := k;
        only_counter[x] := coalesce(v_window.balance_index, 1);
        next_balance[x] := v_first;
        v_first := x;
      END LOOP;
    END IF;

    v_nearest := -1;
    x := v_first;
    WHILE x IS NOT NULL LOOP
      k := request_balance[x];
      v_balance := balances[k];
      v_used := v_balance.used;
      v_held := v_balance.held;
      v_amounts := v_balance.amounts;
      IF v_balance.meters IS DISTINCT FROM v_meters THEN
        v_meters := v_balance.meters;
        v_name := ARRAY(SELECT array_position(p_name, m) FROM unnest(v_meters) WITH ORDINALITY u(m, j) ORDER BY j);
      END IF;
      FOR j IN coalesce(only_counter[x], 1)..coalesce(only_counter[x], cardinality(v_used)) LOOP
        v_add := coalesce(p_moved[a + v_name[j]], 0);
        v_rest := CASE WHEN v_hold.alike THEN v_hold.remaining[v_name[j]]
                       WHEN v_name[j] IS NOT NULL OR NOT v_hold.known
                       THEN v_hold.remaining[array_position(v_hold.meters, v_meters[j])] END;
        IF v_add > 0 OR v_rest IS NOT NULL THEN
          v_used[j] := v_used[j] + v_add;
          v_held[j] := v_held[j] - CASE WHEN p_close[i] THEN coalesce(v_rest, 0) ELSE least(coalesce(v_rest, 0), v_add) END;
          v_share := (v_used[j] + v_held[j]) / nullif(v_amounts[j], 0)::float8;
          IF v_share > v_nearest OR v_amounts[j] = 0 THEN
            v_nearest := v_share;
            o_counter[i] := v_balance.counter_ids[j];
            o_used[i] := v_used[j];
            o_held[i] := v_held[j];
          END IF;
          IF v_used[j] >= v_balance.next_thresholds[j] AND v_add > 0 THEN
            v_balance.next_thresholds[j] := ledger_emit_threshold(
              v_now, v_balance.shard, v_balance.counter_ids[j], v_used[j], p_hold[i]);
          END IF;
        END IF;
      END LOOP;
      v_balance.used := v_used;
      v_balance.held := v_held;
      balances[k] := v_balance;
      x := next_balance[x];
    END LOOP;
  END LOOP;

  IF v_moved > 0 THEN
    UPDATE ledger_balances b
       SET used = (balances[k]).used, held = (balances[k]).held, next_thresholds = (balances[k]).next_thresholds
      FROM generate_series(1, n_balances) k
     WHERE b.ctid = row_pointers[k];
  END IF;
  IF cardinality(balances) > n_balances THEN
    UPDATE ledger_windows w
       SET used = (balances[k]).used[1], held = (balances[k]).held[1]
      FROM generate_series(n_balances + 1, cardinality(balances)) k
     WHERE w.shard = (balances[k]).shard AND w.id = (balances[k]).counter_ids[1];
  END IF;

  IF v_calls > 0 THEN
    INSERT INTO usage_events (shard, hold_id, call_index, account_id, user_id, key_id, workspace_id, admitted_at,
      occurred_at, step, provider, model, endpoint, status, error_code, usage_source, late, overrun, input_tokens,
      cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, other_classes, other_amounts,
      input_cost_nano_usd, output_cost_nano_usd, cost_nano_usd, price_version, latency_ms, first_byte_ms, attempts,
      request_bytes, response_bytes, provider_request_id, meters, amounts)
    SELECT p_shard[p_of[i]], p_hold[i], p_call[i], p_account[p_of[i]], h_user[i], h_key[i], h_workspace[i], h_created[i],
           v_now, p_step[i], p_provider[i], p_model[i], p_endpoint[i], p_status[i], p_error_code[i], p_usage_source[i],
           o_late[i], o_overrun[i], p_input[i], p_cache_read[i], p_cache_write[i], p_output[i], p_reasoning[i],
           p_other_classes[i]::text[], p_other_amounts[i]::bigint[], p_input_cost[i], p_output_cost[i],
           p_input_cost[i] + p_output_cost[i], p_price_version[i], p_latency_ms[i], p_first_byte_ms[i], p_attempts[i],
           p_request_bytes[i], p_response_bytes[i], p_provider_request_id[i], p_meters[i]::text[], p_amounts[i]::bigint[]
      FROM generate_series(1, n) i
     WHERE o_outcome[i] = 'settled';

    INSERT INTO usage_daily AS u (shard, account_id, day, user_id, provider, model, calls, errors, input_tokens,
      cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_nano_usd, latency_ms)
    SELECT p_shard[c.k], p_account[c.k], c.day, c.user_id, c.provider, c.model, count(*),
           count(*) FILTER (WHERE p_status[i] <> 'ok'), coalesce(sum(p_input[i]), 0), coalesce(sum(p_cache_read[i]), 0),
           coalesce(sum(p_cache_write[i]), 0), coalesce(sum(p_output[i]), 0), coalesce(sum(p_reasoning[i]), 0),
           sum(p_input_cost[i] + p_output_cost[i]), sum(p_latency_ms[i])
      FROM generate_series(1, n) i
     CROSS JOIN LATERAL (
       SELECT p_of[i] AS k, (h_created[i] AT TIME ZONE 'UTC')::date AS day,
              coalesce(h_user[i], '00000000-0000-0000-0000-000000000000') AS user_id, p_provider[i] AS provider,
              p_model[i] AS model) c
     WHERE o_outcome[i] = 'settled'
     GROUP BY c.k, c.day, c.user_id, c.provider, c.model
    ON CONFLICT (shard, account_id, day, user_id, provider, model) DO UPDATE SET
      calls = u.calls + excluded.calls, errors = u.errors + excluded.errors,
      input_tokens = u.input_tokens + excluded.input_tokens,
      cache_read_tokens = u.cache_read_tokens + excluded.cache_read_tokens,
      cache_write_tokens = u.cache_write_tokens + excluded.cache_write_tokens,
      output_tokens = u.output_tokens + excluded.output_tokens,
      reasoning_tokens = u.reasoning_tokens + excluded.reasoning_tokens,
      cost_nano_usd = u.cost_nano_usd + excluded.cost_nano_usd, latency_ms = u.latency_ms + excluded.latency_ms;
  END IF;

  RETURN QUERY
  SELECT i, o_outcome[i], o_late[i], o_overrun[i], coalesce(ledger_state(w.kind, o_used[i], w.amount, w.thresholds), 'ok'),
         w.meter, w.win, w.scope, w.scope_id, w.amount, o_used[i], o_held[i], w.window_end
    FROM generate_series(1, n) i
    LEFT JOIN ledger_windows w ON w.shard = p_shard[p_of[i]] AND w.id = o_counter[i]
   WHERE o_outcome[i] IS NOT NULL;

  -- Calls that changed nothing: recorded before, or never held.
  IF v_moved < n THEN
    RETURN QUERY
    SELECT i, CASE WHEN h.id IS NULL THEN 'unknown_hold' ELSE 'repeated' END, false, false,
           coalesce(ledger_state(t.kind, t.used, t.amount, t.thresholds), 'ok'), t.meter, t.win, t.scope, t.scope_id, t.amount,
           t.used, t.held, t.window_end
      FROM generate_series(1, n) i
      LEFT JOIN ledger_holds h ON h.shard = p_shard[p_of[i]] AND h.id = p_hold[i] AND h.account_id = p_account[p_of[i]]
                              AND h.state <> 'refused'
      LEFT JOIN LATERAL (
        SELECT c.* FROM ledger_counters c
         WHERE c.account_id = h.account_id AND c.window_end > h.created_at AND c.window_start <= h.created_at
           AND ledger_in_scope(c.scope, c.scope_id, h.user_id, h.key_id, h.workspace_id)
           AND c.kind = 'n' AND c.meter = ANY (h.meters)
         ORDER BY (c.used + c.held) / nullif(c.amount, 0)::float8 DESC NULLS FIRST LIMIT 1) t ON true
     WHERE o_outcome[i] IS NULL;
  END IF;
END $$;

REVOKE ALL ON FUNCTION ledger_settle FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_settle TO inkmeter_gateway, inkmeter_generation, inkmeter_metering;
