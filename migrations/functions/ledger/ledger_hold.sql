-- Decides a batch of requests in the given order. The verdicts equal those of deciding one by one.
-- p_account: the accounts of the batch, each once. p_name: the meters of the batch, each once. p_ask has one element per
-- request and meter: what the first request asks of each, then the second; NULL where it asks nothing. All other arrays
-- have one element per request: p_of is the position of its account in p_account; p_meters and p_asked are array literals.
-- p_keep_refusal: false for an attempt that will be repeated with a smaller estimate; a refusal that a smaller estimate could
-- avoid is then not stored.
CREATE OR REPLACE FUNCTION ledger_hold(
  p_now timestamptz, p_shard smallint[], p_account uuid[], p_name text[], p_ask bigint[],
  p_of integer[], p_id uuid[], p_user uuid[], p_key uuid[], p_workspace uuid[], p_ttl_ms integer[], p_meters text[],
  p_asked text[], p_targets text[], p_detail text[], p_keep_refusal boolean[], p_max_wait_ms integer)
RETURNS TABLE (
  ord integer, verdict text, replayed boolean, expires_at timestamptz, stop text, meter text, win text, scope text,
  scope_id text, kind text, amount bigint, used bigint, held bigint, asked bigint, resets_at timestamptz, source text)
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
  n integer := cardinality(p_id);
  n_names integer := cardinality(p_name);
  v_now timestamptz;
  v_scoped boolean;
  v_stopped boolean;
  v_replayed integer[];
  -- See ledger_lock and ledger_load_member_balances.
  balances ledger_balances[]; row_pointers tid[]; request_balance integer[]; next_balance integer[];
  -- The current balance; v_name has the position of each counter's meter in p_name.
  v_balance ledger_balances; v_meters text[]; v_name integer[];
  v_used bigint[]; v_held bigint[]; v_amounts bigint[]; v_block_at bigint[];
  -- The results, one element per request. seen: its balances before the decision; o_binding: the counter that decided.
  o_verdict text[] := array_fill(NULL::text, ARRAY[n]);
  o_stop text[] := array_fill(NULL::text, ARRAY[n]);
  o_binding integer[] := array_fill(NULL::integer, ARRAY[n]);
  o_created timestamptz[];
  seen ledger_balances[] := array_fill(NULL::ledger_balances, ARRAY[n]);
  v_seen ledger_balances;
  v_ask bigint; v_total bigint; v_share float8; v_tightest float8; v_rank integer; v_worst integer;
  v_binding integer; v_before integer;  -- counters of the balances before this one
  a integer; k integer; x integer;
BEGIN
  -- A stop waits for the holds in flight; holds that start later wait until it has committed.
  LOCK TABLE ledger_stops IN ROW SHARE MODE;
  SELECT l.p_now, l.balances, l.row_pointers, l.scoped INTO v_now, balances, row_pointers, v_scoped
    FROM ledger_lock(p_now, p_shard, p_account, p_max_wait_ms) l;
  request_balance := p_of;
  next_balance := '{}';
  IF v_scoped THEN
    PERFORM ledger_open_member_balances(v_now, p_shard, p_account, p_of, p_user, p_key, p_workspace);
    SELECT l.balances, l.row_pointers, l.request_balance, l.next_balance
      INTO balances, row_pointers, request_balance, next_balance
      FROM ledger_load_member_balances(balances, row_pointers, p_of, p_user, p_key, p_workspace) l;
  END IF;

  SELECT array_agg(i), EXISTS (SELECT FROM ledger_stops s WHERE s.lifted_at IS NULL) INTO v_replayed, v_stopped
    FROM generate_series(1, n) i
    JOIN ledger_holds h ON h.shard = p_shard[p_of[i]] AND h.id = p_id[i] AND h.account_id = p_account[p_of[i]];
  IF v_stopped THEN
    SELECT array_agg((
        SELECT s.kind || coalesce(':' || nullif(s.target, ''), '') FROM ledger_stops s
         WHERE s.lifted_at IS NULL AND CASE s.kind
                 WHEN 'global' THEN true
                 WHEN 'account' THEN s.target = p_account[p_of[i]]::text
                 WHEN 'key' THEN s.target = p_key[i]::text
                 ELSE s.target = ANY (p_targets[i]::text[]) END
         ORDER BY s.created_at, s.id LIMIT 1) ORDER BY i)
      INTO o_stop FROM generate_series(1, n) i;
  END IF;

  o_created := array_fill(v_now, ARRAY[n]);
  FOR r IN 1..n LOOP
    IF r = ANY (v_replayed) THEN
      o_verdict[r] := 'replayed';
      CONTINUE;
    ELSIF o_stop[r] IS NOT NULL THEN
      o_verdict[r] := 'stopped';
      p_keep_refusal[r] := true;
      CONTINUE;
    ELSIF row_pointers[p_of[r]] IS NULL THEN
      o_verdict[r] := 'unknown_account';
      CONTINUE;
    END IF;

    -- The worst verdict of all counters decides, or the tightest counter when all admit. The amounts are held at once and
    -- released again when the verdict is a refusal.
    v_worst := 0;
    v_tightest := -1;
    v_binding := NULL;
    v_seen := NULL;
    v_before := 0;
    a := (r - 1) * n_names;
    x := r;
    WHILE x IS NOT NULL LOOP
      k := request_balance[x];
      v_balance := balances[k];
      v_used := v_balance.used;
      v_held := v_balance.held;
      v_amounts := v_balance.amounts;
      v_block_at := v_balance.block_at;
      IF v_balance.meters IS DISTINCT FROM v_meters THEN
        v_meters := v_balance.meters;
        v_name := ARRAY(SELECT array_position(p_name, m) FROM unnest(v_meters) WITH ORDINALITY u(m, j) ORDER BY j);
      END IF;
      IF v_seen IS NULL THEN
        v_seen := v_balance;
      ELSE
        v_before := cardinality(v_seen.used);
        v_seen.counter_ids := v_seen.counter_ids || v_balance.counter_ids;
        v_seen.amounts := v_seen.amounts || v_balance.amounts;
        v_seen.used := v_seen.used || v_balance.used;
        v_seen.held := v_seen.held || v_balance.held;
      END IF;
      -- A clock that is behind must not date a hold before the windows it counts in.
      IF v_balance.since > o_created[r] THEN
        o_created[r] := v_balance.since;
      END IF;
      FOR j IN 1..cardinality(v_used) LOOP
        v_ask := p_ask[a + v_name[j]];
        IF v_ask > 0 THEN
          v_total := v_used[j] + v_held[j] + v_ask;
          v_share := v_total / nullif(v_amounts[j], 0)::float8;
          v_rank := 0;
          IF v_used[j] >= v_block_at[j] OR v_total > v_amounts[j] AND v_block_at[j] IS NOT NULL THEN
            v_rank := CASE
              WHEN v_amounts[j] IS NULL THEN 4
              WHEN v_used[j] >= v_amounts[j] THEN 3
              WHEN v_used[j] >= v_block_at[j] THEN 2
              WHEN v_used[j] + v_ask > v_amounts[j] THEN 3
              ELSE 1 END;
            IF v_rank IN (2, 4) OR v_used[j] + v_held[j] >= v_amounts[j] THEN
              p_keep_refusal[r] := true;
            END IF;
          END IF;
          IF v_rank > v_worst OR v_rank = v_worst AND v_share > v_tightest THEN
            v_worst := v_rank;
            v_tightest := v_share;
            v_binding := v_before + j;
          END IF;
          v_held[j] := v_held[j] + v_ask;
        END IF;
      END LOOP;
      v_balance.held := v_held;
      balances[k] := v_balance;
      x := next_balance[x];
    END LOOP;
    o_verdict[r] := CASE v_worst WHEN 0 THEN 'ok' WHEN 1 THEN 'limit_held' WHEN 2 THEN 'limit_blocked'
                                 WHEN 3 THEN 'limit_exceeded' ELSE 'meter_disabled' END;
    o_binding[r] := v_binding;
    seen[r] := v_seen;
    CONTINUE WHEN v_worst = 0;

    x := r;
    WHILE x IS NOT NULL LOOP
      k := request_balance[x];
      v_balance := balances[k];
      v_held := v_balance.held;
      FOR j IN 1..cardinality(v_held) LOOP
        v_held[j] := v_held[j] - greatest(p_ask[a + array_position(p_name, v_balance.meters[j])], 0);
      END LOOP;
      v_balance.held := v_held;
      balances[k] := v_balance;
      x := next_balance[x];
    END LOOP;
  END LOOP;

  UPDATE ledger_balances b
     SET held = (balances[k]).held
    FROM generate_series(1, cardinality(balances)) k
   WHERE b.ctid = row_pointers[k] AND b.held IS DISTINCT FROM (balances[k]).held;

  INSERT INTO ledger_holds (shard, id, account_id, user_id, key_id, workspace_id, state, verdict, created_at, expires_at,
                            closed_at, meters, asked, remaining, settled_calls, counter_ids, seen_used, seen_held,
                            seen_amount, binding_counter_id, detail)
  SELECT p_shard[p_of[i]], p_id[i], p_account[p_of[i]], p_user[i], p_key[i], p_workspace[i],
         CASE WHEN v.ok THEN 'open' ELSE 'refused' END,
         CASE WHEN o_stop[i] IS NULL THEN o_verdict[i] ELSE o_verdict[i] || ' ' || o_stop[i] END,
         o_created[i], v_now + p_ttl_ms[i] * interval '1 millisecond', CASE WHEN v.ok THEN NULL ELSE v_now END,
         p_meters[i]::text[], p_asked[i]::bigint[], CASE WHEN v.ok THEN p_asked[i]::bigint[] ELSE '{}' END, '{}',
         coalesce((seen[i]).counter_ids, '{}'), coalesce((seen[i]).used, '{}'), coalesce((seen[i]).held, '{}'),
         coalesce((seen[i]).amounts, '{}'), (seen[i]).counter_ids[o_binding[i]], p_detail[i]
    FROM generate_series(1, n) i
   CROSS JOIN LATERAL (SELECT o_verdict[i] = 'ok' AS ok) v
   WHERE v.ok OR o_verdict[i] NOT IN ('replayed', 'unknown_account') AND p_keep_refusal[i];

  RETURN QUERY
  SELECT i, o_verdict[i], false, v_now + p_ttl_ms[i] * interval '1 millisecond', o_stop[i],
         w.meter, w.win, w.scope, w.scope_id, w.kind, (seen[i]).amounts[o_binding[i]], (seen[i]).used[o_binding[i]],
         (seen[i]).held[o_binding[i]], p_ask[(i - 1) * n_names + array_position(p_name, w.meter)], w.window_end, w.source
    FROM generate_series(1, n) i
    LEFT JOIN ledger_windows w ON w.shard = p_shard[p_of[i]] AND w.id = (seen[i]).counter_ids[o_binding[i]]
   WHERE o_verdict[i] <> 'replayed';

  IF v_replayed IS NOT NULL THEN
    RETURN QUERY
    SELECT i, split_part(h.verdict, ' ', 1), true, h.expires_at, nullif(split_part(h.verdict, ' ', 2), ''),
           w.meter, w.win, w.scope, w.scope_id, w.kind, h.seen_amount[p.at], h.seen_used[p.at], h.seen_held[p.at],
           h.asked[array_position(h.meters, w.meter)], w.window_end, w.source
      FROM unnest(v_replayed) i
      JOIN ledger_holds h ON h.shard = p_shard[p_of[i]] AND h.id = p_id[i]
      LEFT JOIN ledger_windows w ON w.shard = h.shard AND w.id = h.binding_counter_id
     CROSS JOIN LATERAL (SELECT array_position(h.counter_ids, h.binding_counter_id) AS at) p;
  END IF;
END $$;

REVOKE ALL ON FUNCTION ledger_hold FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_hold TO inkmeter_gateway, inkmeter_generation;
