-- The ledger. libs/ledger is its only caller; libs/ledger/README.md explains the model.
--
-- One rule makes it simple: whoever changes an account's books first locks the account's row in
-- ledger_accounts. Batches lock their accounts in (lane, account_id) order, so they cannot deadlock, and every
-- statement after the lock sees all that was committed before it (READ COMMITTED takes a snapshot a statement).

ALTER TABLE ledger_counters SET (fillfactor = 60);--> statement-breakpoint
ALTER TABLE ledger_holds SET (fillfactor = 80);--> statement-breakpoint
ALTER TABLE usage_daily SET (fillfactor = 60);--> statement-breakpoint

-- A row is never lost for want of a partition; the maintenance job creates the months ahead.
CREATE TABLE usage_events_default PARTITION OF usage_events DEFAULT;--> statement-breakpoint

CREATE FUNCTION ledger_ensure_partitions(p_from date, p_months integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  v_month date;
  v_name text;
  v_created integer := 0;
BEGIN
  FOR i IN 0..p_months - 1 LOOP
    v_month := date_trunc('month', p_from)::date + make_interval(months => i);
    v_name := 'usage_events_' || to_char(v_month, 'YYYY_MM');
    CONTINUE WHEN to_regclass(v_name) IS NOT NULL;
    CONTINUE WHEN EXISTS (
      SELECT FROM usage_events_default
       WHERE admitted_at >= v_month::timestamp AT TIME ZONE 'UTC'
         AND admitted_at < (v_month + interval '1 month') AT TIME ZONE 'UTC');
    EXECUTE format('CREATE TABLE %I PARTITION OF usage_events FOR VALUES FROM (%L) TO (%L)', v_name,
      v_month::timestamp AT TIME ZONE 'UTC', (v_month + interval '1 month') AT TIME ZONE 'UTC');
    v_created := v_created + 1;
  END LOOP;
  RETURN v_created;
END $$;--> statement-breakpoint

SELECT ledger_ensure_partitions(now()::date, 4);--> statement-breakpoint

-- The window of kind p_win that contains p_now, in UTC. A period starts at the anchor and repeats every p_months
-- months counted from the anchor itself, so that one anchored to the 31st falls on the last day of short months
-- and returns to the 31st.
CREATE FUNCTION ledger_window(
  p_win text, p_now timestamptz, p_anchor timestamptz, p_months integer,
  OUT window_start timestamptz, OUT window_end timestamptz)
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  v_now timestamp := p_now AT TIME ZONE 'UTC';
  v_anchor timestamp := p_anchor AT TIME ZONE 'UTC';
  v_start timestamp;
  v_n integer;
BEGIN
  IF p_win = 'total' THEN
    window_start := '-infinity';
    window_end := 'infinity';
  ELSIF p_win = 'period' THEN
    v_n := floor(((extract(year FROM v_now) - extract(year FROM v_anchor)) * 12
                + extract(month FROM v_now) - extract(month FROM v_anchor)) / p_months);
    WHILE v_anchor + make_interval(months => v_n * p_months) > v_now LOOP v_n := v_n - 1; END LOOP;
    WHILE v_anchor + make_interval(months => (v_n + 1) * p_months) <= v_now LOOP v_n := v_n + 1; END LOOP;
    window_start := (v_anchor + make_interval(months => v_n * p_months)) AT TIME ZONE 'UTC';
    window_end := (v_anchor + make_interval(months => (v_n + 1) * p_months)) AT TIME ZONE 'UTC';
  ELSE
    v_start := date_trunc(p_win, v_now);
    window_start := v_start AT TIME ZONE 'UTC';
    window_end := (v_start + ('1 ' || p_win)::interval) AT TIME ZONE 'UTC';
  END IF;
END $$;--> statement-breakpoint

-- Smallest integer amount at which `used` has reached p_bps of p_amount.
CREATE FUNCTION ledger_line(p_amount bigint, p_bps integer) RETURNS bigint
LANGUAGE sql IMMUTABLE RETURN ceil(p_amount::numeric * p_bps / 10000)::bigint;--> statement-breakpoint

-- The state of a limit follows what is settled. Lines are [warning, notice, block, hard].
CREATE FUNCTION ledger_state(p_kind text, p_used bigint, p_amount bigint, p_lines bigint[]) RETURNS text
LANGUAGE sql IMMUTABLE RETURN CASE
  WHEN p_kind <> 'n' THEN 'ok'
  WHEN p_used >= p_amount THEN 'exhausted'
  WHEN p_used >= p_lines[3] THEN 'blocked'
  WHEN p_used >= p_lines[2] THEN 'notice'
  WHEN p_used >= p_lines[1] THEN 'warning'
  ELSE 'ok' END;--> statement-breakpoint

-- Whether a counter of this scope counts what this user, key or workspace does.
CREATE FUNCTION ledger_in_scope(p_scope text, p_scope_id text, p_user uuid, p_key uuid, p_workspace uuid)
RETURNS boolean LANGUAGE sql IMMUTABLE RETURN CASE p_scope
  WHEN 'account' THEN true
  WHEN 'user' THEN p_scope_id = p_user::text
  WHEN 'key' THEN p_scope_id = p_key::text
  WHEN 'workspace' THEN p_scope_id = p_workspace::text END;--> statement-breakpoint

-- The counters an account should have at p_now: its limit segments in force, each in its current window, for the
-- account, for every id with a limit of its own, and for every id already counted or now seen where the limit
-- is for each (`*`).
CREATE FUNCTION ledger_counters_due(
  p_now timestamptz, p_lane smallint, p_account uuid, p_users uuid[], p_keys uuid[], p_workspaces uuid[])
RETURNS SETOF ledger_counters LANGUAGE sql STABLE AS $$
  SELECT p_lane, NULL::bigint, p_account, l.scope, i.scope_id, l.meter, l.win, w.window_start, w.window_end,
         l.kind, l.amount, ledger_line(l.amount, l.block_bps),
         ARRAY(SELECT ledger_line(l.amount, b) FROM unnest(l.line_bps) b WHERE l.kind = 'n'),
         l.line_bps, l.on_limit, l.source, 0::bigint, 0::bigint
    FROM ledger_limits l
    JOIN ledger_accounts a ON a.lane = l.lane AND a.account_id = l.account_id
   CROSS JOIN LATERAL ledger_window(l.win, p_now, a.anchor, a.period_months) w
   CROSS JOIN LATERAL (
     SELECT l.scope_id WHERE l.scope_id <> '*'
     UNION
     SELECT seen.scope_id FROM (
         SELECT u::text FROM unnest(CASE l.scope WHEN 'user' THEN p_users WHEN 'key' THEN p_keys
                                                 WHEN 'workspace' THEN p_workspaces END) u WHERE u IS NOT NULL
         UNION
         SELECT c.scope_id FROM ledger_counters c
          WHERE c.account_id = p_account AND c.window_end > p_now AND c.scope = l.scope
       ) seen(scope_id)
      WHERE l.scope_id = '*' AND NOT EXISTS (
        SELECT FROM ledger_limits own
         WHERE own.lane = l.lane AND own.account_id = l.account_id
           AND (own.scope, own.scope_id, own.meter, own.win) = (l.scope, seen.scope_id, l.meter, l.win)
           AND own.valid_from <= p_now AND own.valid_until > p_now)
   ) i
   WHERE l.lane = p_lane AND l.account_id = p_account AND l.valid_from <= p_now AND l.valid_until > p_now
$$;--> statement-breakpoint

-- Brings the counters of one locked account up to date. A counter that appears inside its window (a new limit, a
-- new anchor, a user first seen) starts from what the usage rows and the open holds of that window already say.
CREATE FUNCTION ledger_refresh(
  p_now timestamptz, p_lane smallint, p_account uuid, p_users uuid[], p_keys uuid[], p_workspaces uuid[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_due ledger_counters[] := ARRAY(
    SELECT d FROM ledger_counters_due(p_now, p_lane, p_account, p_users, p_keys, p_workspaces) d);
  v_new ledger_counters;
BEGIN
  -- A window that moved with its anchor ends now; a limit that was lifted goes on counting without a bound.
  UPDATE ledger_counters c
     SET window_end = CASE WHEN EXISTS (
           SELECT FROM unnest(v_due) d WHERE (d.scope, d.scope_id, d.meter, d.win) = (c.scope, c.scope_id, c.meter, c.win))
           THEN p_now ELSE c.window_end END,
         kind = 'unmetered', amount = NULL, block_at = NULL, lines = '{}', line_bps = '{}', source = 'none'
   WHERE c.account_id = p_account AND c.window_end > p_now
     AND NOT EXISTS (
       SELECT FROM unnest(v_due) d
        WHERE (d.scope, d.scope_id, d.meter, d.win, d.window_start, d.window_end)
            = (c.scope, c.scope_id, c.meter, c.win, c.window_start, c.window_end));

  UPDATE ledger_counters c
     SET kind = d.kind, amount = d.amount, block_at = d.block_at, lines = d.lines, line_bps = d.line_bps,
         on_limit = d.on_limit, source = d.source
    FROM unnest(v_due) d
   WHERE c.account_id = p_account AND c.window_end = d.window_end
     AND (c.scope, c.scope_id, c.meter, c.win, c.window_start) = (d.scope, d.scope_id, d.meter, d.win, d.window_start)
     AND (c.kind, c.amount, c.block_at, c.lines, c.line_bps, c.on_limit, c.source)
         IS DISTINCT FROM (d.kind, d.amount, d.block_at, d.lines, d.line_bps, d.on_limit, d.source);

  FOR v_new IN
    INSERT INTO ledger_counters (lane, account_id, scope, scope_id, meter, win, window_start, window_end, kind,
                                 amount, block_at, lines, line_bps, on_limit, source)
    SELECT lane, account_id, scope, scope_id, meter, win, window_start, window_end, kind,
           amount, block_at, lines, line_bps, on_limit, source
      FROM unnest(v_due)
    ON CONFLICT (account_id, window_end, lane, scope, scope_id, meter, win, window_start) DO NOTHING
    RETURNING *
  LOOP
    UPDATE ledger_counters c
       SET used = coalesce((
             SELECT sum(a.amount) FROM usage_events e, unnest(e.meters, e.amounts) a(meter, amount)
              WHERE e.account_id = p_account
                AND e.admitted_at >= c.window_start AND e.admitted_at < c.window_end AND a.meter = c.meter
                AND ledger_in_scope(c.scope, c.scope_id, e.user_id, e.key_id, e.workspace_id)), 0),
           held = coalesce((
             SELECT sum(a.amount) FROM ledger_holds h, unnest(h.meters, h.remaining) a(meter, amount)
              WHERE h.account_id = p_account AND h.state = 'open'
                AND h.created_at >= c.window_start AND h.created_at < c.window_end AND a.meter = c.meter
                AND ledger_in_scope(c.scope, c.scope_id, h.user_id, h.key_id, h.workspace_id)), 0)
     WHERE c.lane = p_lane AND c.id = v_new.id;
    UPDATE ledger_holds h
       SET counter_ids = h.counter_ids || v_new.id
     WHERE h.account_id = p_account AND h.state = 'open'
       AND h.created_at >= v_new.window_start AND h.created_at < v_new.window_end
       AND ledger_in_scope(v_new.scope, v_new.scope_id, h.user_id, h.key_id, h.workspace_id);
  END LOOP;

  UPDATE ledger_accounts a
     SET refresh_at = least(
           (SELECT min(window_end) FROM unnest(v_due)),
           (SELECT min(valid_until) FROM ledger_limits l
             WHERE l.lane = p_lane AND l.account_id = p_account AND l.valid_until > p_now),
           (SELECT min(valid_from) FROM ledger_limits l
             WHERE l.lane = p_lane AND l.account_id = p_account AND l.valid_from > p_now),
           'infinity'),
         scoped = EXISTS (SELECT FROM ledger_limits l
                           WHERE l.lane = p_lane AND l.account_id = p_account AND l.scope <> 'account')
   WHERE a.lane = p_lane AND a.account_id = p_account;
END $$;--> statement-breakpoint

-- Takes the locks of a batch, in one fixed order, and refreshes the accounts whose counters are out of date.
-- An account with limits for each user, key or workspace is also refreshed when it meets one it has no counter for.
-- Answers with the time to judge at. It is taken once the locks are held, so that on one account time never runs
-- backwards: whoever waited across midnight belongs to the new day, as do those who overtook it.
CREATE FUNCTION ledger_lock(
  p_now timestamptz, p_lane smallint[], p_account uuid[], p_user uuid[], p_key uuid[], p_workspace uuid[])
RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
  v_now timestamptz;
  v_refresh_at timestamptz;
  v_scoped boolean;
  v_stale record;
BEGIN
  SELECT min(locked.refresh_at), bool_or(locked.scoped) INTO v_refresh_at, v_scoped FROM (
    SELECT a.refresh_at, a.scoped
      FROM ledger_accounts a
      JOIN (SELECT DISTINCT * FROM unnest(p_lane, p_account)) b(lane, account_id)
        ON b.lane = a.lane AND b.account_id = a.account_id
     ORDER BY a.lane, a.account_id
       FOR NO KEY UPDATE OF a) locked;
  v_now := coalesce(p_now, clock_timestamp());
  IF NOT coalesce(v_refresh_at <= v_now OR v_scoped, false) THEN RETURN v_now; END IF;

  FOR v_stale IN
    SELECT b.lane, b.account_id, array_agg(DISTINCT b.user_id) AS users, array_agg(DISTINCT b.key_id) AS keys,
           array_agg(DISTINCT b.workspace_id) AS workspaces
      FROM unnest(p_lane, p_account, p_user, p_key, p_workspace) b(lane, account_id, user_id, key_id, workspace_id)
      JOIN ledger_accounts a ON a.lane = b.lane AND a.account_id = b.account_id
     WHERE a.refresh_at <= v_now
        OR (a.scoped AND EXISTS (
             SELECT FROM ledger_limits l
              WHERE l.lane = a.lane AND l.account_id = a.account_id AND l.scope <> 'account' AND l.scope_id = '*'
                AND l.valid_from <= v_now AND l.valid_until > v_now
                AND CASE l.scope WHEN 'user' THEN b.user_id WHEN 'key' THEN b.key_id ELSE b.workspace_id END IS NOT NULL
                AND NOT EXISTS (
                  SELECT FROM ledger_counters c
                   WHERE c.account_id = a.account_id AND c.window_end > v_now
                     AND c.scope = l.scope AND c.meter = l.meter AND c.win = l.win
                     AND ledger_in_scope(c.scope, c.scope_id, b.user_id, b.key_id, b.workspace_id))))
     GROUP BY b.lane, b.account_id
     ORDER BY b.lane, b.account_id
  LOOP
    PERFORM ledger_refresh(v_now, v_stale.lane, v_stale.account_id, v_stale.users, v_stale.keys, v_stale.workspaces);
  END LOOP;
  RETURN v_now;
END $$;--> statement-breakpoint

-- Replaces the limits of an account and brings its counters up to date in the same transaction, so that no hold
-- ever sees half a change. p_segments: [{scope, scope_id, meter, window, valid_from, valid_until, kind, amount,
-- line_bps, block_bps, on_limit, source}].
CREATE FUNCTION ledger_set_limits(
  p_now timestamptz, p_lane smallint, p_account uuid, p_anchor timestamptz, p_months integer, p_segments jsonb)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ledger_accounts (lane, account_id, anchor, period_months, refresh_at)
  VALUES (p_lane, p_account, p_anchor, p_months, '-infinity')
  ON CONFLICT (lane, account_id) DO UPDATE SET anchor = p_anchor, period_months = p_months;
  DELETE FROM ledger_limits l WHERE l.lane = p_lane AND l.account_id = p_account;
  INSERT INTO ledger_limits
  SELECT p_lane, p_account, s.scope, s.scope_id, s.meter, s."window", coalesce(s.valid_from, '-infinity'),
         coalesce(s.valid_until, 'infinity'), s.kind, s.amount, s.line_bps, s.block_bps, s.on_limit, s.source
    FROM jsonb_to_recordset(p_segments) s(
      scope text, scope_id text, meter text, "window" text, valid_from timestamptz, valid_until timestamptz,
      kind text, amount bigint, line_bps integer[], block_bps integer, on_limit text, source text);
  -- The row above is locked by now.
  PERFORM ledger_refresh(coalesce(p_now, clock_timestamp()), p_lane, p_account, '{}', '{}', '{}');
END $$;--> statement-breakpoint

-- Decides a batch of requests in the order given. Elements at one position of the arrays are one request; p_meters
-- and p_asked hold an array literal each. Whatever the batch, the verdicts are those of deciding one by one.
-- p_keep_refusal: false for an attempt that will be repeated with a closer estimate; nothing is then written.
CREATE FUNCTION ledger_hold(
  p_now timestamptz, p_id uuid[], p_lane smallint[], p_account uuid[], p_user uuid[], p_key uuid[],
  p_workspace uuid[], p_ttl_ms integer[], p_meters text[], p_asked text[], p_targets text[], p_detail text[],
  p_keep_refusal boolean[])
RETURNS TABLE (
  ord integer, verdict text, replayed boolean, expires_at timestamptz, stop text, meter text, win text, scope text,
  scope_id text, kind text, amount bigint, used bigint, held bigint, asked bigint, resets_at timestamptz, source text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  n integer := cardinality(p_id);
  v_verdict text[] := array_fill(NULL::text, ARRAY[n]);
  v_binding integer[] := array_fill(NULL::integer, ARRAY[n]);  -- row of x_* that decided
  v_stop text[] := array_fill(NULL::text, ARRAY[n]);
  v_old uuid[];
  -- One row per request and counter of its account, ordered by request.
  x_ord integer[]; x_lane smallint[]; x_cid bigint[]; x_slot integer[]; x_ask bigint[]; x_used bigint[];
  x_held bigint[]; x_amount bigint[]; x_kind text[]; x_block bigint[]; x_deny boolean[];
  h bigint[];                                                  -- held per counter, as the batch goes on
  v_rank integer; v_worst integer; v_share double precision; v_tightest double precision;
  v_bind integer; i integer := 1; j integer; o integer; rows integer; s integer;
BEGIN
  LOCK TABLE ledger_stops IN ROW SHARE MODE;
  v_now := ledger_lock(p_now, p_lane, p_account, p_user, p_key, p_workspace);

  SELECT array_agg(old.id) INTO v_old
    FROM unnest(p_id, p_lane) b(id, lane) JOIN ledger_holds old ON old.lane = b.lane AND old.id = b.id;

  IF EXISTS (SELECT FROM ledger_stops WHERE lifted_at IS NULL) THEN
    SELECT array_agg((
        SELECT s.kind || coalesce(':' || nullif(s.target, ''), '') FROM ledger_stops s
         WHERE s.lifted_at IS NULL AND CASE s.kind
                 WHEN 'global' THEN true
                 WHEN 'account' THEN s.target = b.account::text
                 WHEN 'key' THEN s.target = b.key::text
                 ELSE s.target = ANY (b.targets::text[]) END
         ORDER BY s.created_at LIMIT 1) ORDER BY b.n)
      INTO v_stop
      FROM unnest(p_account, p_key, p_targets) WITH ORDINALITY b(account, key, targets, n);
  END IF;

  SELECT array_agg(x.n), array_agg(x.lane), array_agg(x.id), array_agg(x.slot), array_agg(x.ask), array_agg(x.used),
         array_agg(x.held), array_agg(x.amount), array_agg(x.kind), array_agg(x.block_at), array_agg(x.deny)
    INTO x_ord, x_lane, x_cid, x_slot, x_ask, x_used, x_held, x_amount, x_kind, x_block, x_deny
    FROM (
      SELECT b.n::integer AS n, c.lane, c.id, dense_rank() OVER (ORDER BY c.id)::integer AS slot,
             coalesce((b.asked::bigint[])[array_position(b.meters::text[], c.meter)], 0) AS ask,
             c.used, c.held, c.amount, c.kind, c.block_at, c.on_limit = 'deny' AS deny
        FROM unnest(p_lane, p_account, p_user, p_key, p_workspace, p_meters, p_asked)
             WITH ORDINALITY b(lane, account, usr, key, workspace, meters, asked, n)
        JOIN ledger_counters c ON c.account_id = b.account AND c.window_end > v_now
         AND (c.scope = 'account' OR ledger_in_scope(c.scope, c.scope_id, b.usr, b.key, b.workspace))
       ORDER BY b.n, c.id) x;
  rows := coalesce(cardinality(x_ord), 0);
  h := array_fill(NULL::bigint, ARRAY[greatest(rows, 1)]);
  FOR k IN 1..rows LOOP
    h[x_slot[k]] := x_held[k];
  END LOOP;

  FOR r IN 1..n LOOP
    IF p_id[r] = ANY (v_old) THEN v_verdict[r] := 'replayed';
    ELSIF v_stop[r] IS NOT NULL THEN v_verdict[r] := 'stopped';
    END IF;
  END LOOP;

  WHILE i <= rows LOOP
    o := x_ord[i];
    j := i;
    v_worst := 0; v_tightest := -1; v_bind := NULL;
    WHILE j <= rows AND x_ord[j] = o LOOP
      s := x_slot[j];
      x_held[j] := h[s];
      IF v_verdict[o] IS NULL AND x_ask[j] > 0 THEN
        IF x_kind[j] = 'n' THEN
          v_rank := 0;
          IF x_deny[j] THEN
            v_rank := CASE
              WHEN x_used[j] >= x_amount[j] THEN 3
              WHEN x_used[j] >= x_block[j] THEN 2
              WHEN x_used[j] + x_ask[j] > x_amount[j] THEN 3
              WHEN x_used[j] + h[s] + x_ask[j] > x_amount[j] THEN 1
              ELSE 0 END;
          END IF;
          v_share := CASE WHEN x_amount[j] > 0 THEN (x_used[j] + h[s] + x_ask[j])::float8 / x_amount[j] ELSE 2 END;
          IF v_rank > v_worst OR (v_rank = v_worst AND v_share > v_tightest) THEN
            v_worst := v_rank; v_tightest := v_share; v_bind := j;
          END IF;
        ELSIF x_kind[j] = 'disabled' THEN
          v_worst := 4; v_bind := j;
        END IF;
      END IF;
      j := j + 1;
    END LOOP;
    IF v_verdict[o] IS NULL THEN
      v_verdict[o] := (ARRAY['ok', 'limit_held', 'limit_blocked', 'limit_exceeded', 'meter_disabled'])[v_worst + 1];
      v_binding[o] := v_bind;
      IF v_worst = 0 THEN
        FOR k IN i..j - 1 LOOP
          IF x_ask[k] > 0 THEN h[x_slot[k]] := h[x_slot[k]] + x_ask[k]; END IF;
        END LOOP;
      END IF;
    END IF;
    i := j;
  END LOOP;

  -- What met no counter at all: an account without books is refused, one without limits is not.
  FOR r IN 1..n LOOP
    IF v_verdict[r] IS NULL THEN
      v_verdict[r] := CASE WHEN EXISTS (
        SELECT FROM ledger_accounts a WHERE a.lane = p_lane[r] AND a.account_id = p_account[r])
        THEN 'ok' ELSE 'unknown_account' END;
    END IF;
  END LOOP;

  UPDATE ledger_counters c
     SET held = c.held + d.asked
    FROM (SELECT x.lane, x.cid, sum(x.ask) AS asked
            FROM unnest(x_ord, x_lane, x_cid, x_ask) x(ord, lane, cid, ask)
           WHERE x.ask > 0 AND v_verdict[x.ord] = 'ok'
           GROUP BY x.lane, x.cid) d
   WHERE c.lane = d.lane AND c.id = d.cid;

  INSERT INTO ledger_holds (lane, id, account_id, user_id, key_id, workspace_id, state, verdict, created_at, expires_at,
                            closed_at, meters, asked, remaining, settled_calls, counter_ids, seen_used, seen_held,
                            seen_amount, binding_counter_id, detail)
  SELECT b.lane, b.id, b.account, b.usr, b.key, b.workspace,
         CASE WHEN v.ok THEN 'open' ELSE 'refused' END,
         CASE WHEN v_stop[b.n] IS NULL THEN v_verdict[b.n] ELSE v_verdict[b.n] || ' ' || v_stop[b.n] END,
         v_now, v_now + b.ttl_ms * interval '1 millisecond', CASE WHEN v.ok THEN NULL ELSE v_now END,
         b.meters::text[], b.asked::bigint[],
         CASE WHEN v.ok THEN b.asked::bigint[] ELSE array_fill(0::bigint, ARRAY[cardinality(b.asked::bigint[])]) END,
         '{}', coalesce(seen.cids, '{}'), coalesce(seen.used, '{}'), coalesce(seen.held, '{}'),
         coalesce(seen.amounts, '{}'), x_cid[v_binding[b.n]], b.detail
    FROM unnest(p_id, p_lane, p_account, p_user, p_key, p_workspace, p_ttl_ms, p_meters, p_asked, p_detail,
                p_keep_refusal) WITH ORDINALITY
         b(id, lane, account, usr, key, workspace, ttl_ms, meters, asked, detail, keep_refusal, n)
   CROSS JOIN LATERAL (SELECT v_verdict[b.n] = 'ok' AS ok) v
    LEFT JOIN (
      SELECT x.ord, array_agg(x.cid) AS cids, array_agg(x.used) AS used, array_agg(x.held) AS held,
             array_agg(x.amount) AS amounts
        FROM unnest(x_ord, x_cid, x_used, x_held, x_amount) x(ord, cid, used, held, amount)
       GROUP BY x.ord) seen ON seen.ord = b.n
   WHERE v.ok OR (v_verdict[b.n] NOT IN ('replayed', 'unknown_account') AND b.keep_refusal);

  RETURN QUERY
  SELECT b.n::integer, CASE WHEN v_verdict[b.n] = 'replayed' THEN split_part(old.verdict, ' ', 1) ELSE v_verdict[b.n] END,
         v_verdict[b.n] = 'replayed', coalesce(old.expires_at, v_now + b.ttl_ms * interval '1 millisecond'),
         coalesce(v_stop[b.n], nullif(split_part(old.verdict, ' ', 2), '')),
         c.meter, c.win, c.scope, c.scope_id, c.kind,
         CASE WHEN old.id IS NULL THEN x_amount[bind.j] ELSE old.seen_amount[p.pos] END,
         CASE WHEN old.id IS NULL THEN x_used[bind.j] ELSE old.seen_used[p.pos] END,
         CASE WHEN old.id IS NULL THEN x_held[bind.j] ELSE old.seen_held[p.pos] END,
         CASE WHEN old.id IS NULL THEN x_ask[bind.j]
              ELSE old.asked[array_position(old.meters, c.meter)] END,
         c.window_end, c.source
    FROM unnest(p_id, p_lane, p_ttl_ms) WITH ORDINALITY b(id, lane, ttl_ms, n)
   CROSS JOIN LATERAL (SELECT v_binding[b.n] AS j) bind
    LEFT JOIN ledger_holds old ON old.lane = b.lane AND old.id = b.id AND v_verdict[b.n] = 'replayed'
    LEFT JOIN ledger_counters c ON c.lane = b.lane AND c.id = coalesce(x_cid[bind.j], old.binding_counter_id)
    LEFT JOIN LATERAL (SELECT array_position(old.counter_ids, c.id) AS pos) p ON true;
END $$;--> statement-breakpoint

-- Records what provider calls cost, and closes holds. Elements at one position of the arrays are one call; p_call
-- is its index in the plan, or NULL to only close the hold. A batch names a hold at most once.
-- Outcomes: settled, closed, repeated (the call is already in the books), unknown_hold.
CREATE FUNCTION ledger_settle(
  p_now timestamptz, p_hold uuid[], p_lane smallint[], p_account uuid[], p_call integer[], p_close boolean[],
  p_meters text[], p_amounts text[], p_step text[], p_provider text[], p_model text[], p_endpoint text[],
  p_status text[], p_error_code text[], p_usage_source text[], p_input integer[], p_cache_read integer[],
  p_cache_write integer[], p_output integer[], p_reasoning integer[], p_other_classes text[],
  p_other_amounts text[], p_input_cost bigint[], p_output_cost bigint[], p_price_version text[],
  p_latency_ms integer[], p_first_byte_ms integer[], p_attempts integer[], p_request_bytes integer[],
  p_response_bytes integer[], p_provider_request_id text[])
RETURNS TABLE (
  ord integer, outcome text, late boolean, overrun boolean, state text, meter text, win text, scope text,
  scope_id text, amount bigint, used bigint, held bigint, resets_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  v_outcome text[];
  v_late boolean[];
  v_overrun boolean[];
  -- One row per call and counter it moves.
  x_ord integer[]; x_lane smallint[]; x_cid bigint[]; x_add bigint[]; x_release bigint[]; x_after bigint[];
BEGIN
  v_now := ledger_lock(p_now, p_lane, p_account, '{}', '{}', '{}');

  SELECT array_agg(CASE
           WHEN h.id IS NULL OR h.account_id <> b.account OR h.state = 'refused' THEN 'unknown_hold'
           WHEN b.call IS NULL THEN CASE WHEN h.state = 'open' THEN 'closed' ELSE 'repeated' END
           WHEN b.call = ANY (h.settled_calls) THEN 'repeated'
           ELSE 'settled' END ORDER BY b.n),
         array_agg(coalesce(h.state <> 'open', false) ORDER BY b.n),
         array_agg(coalesce(h.state = 'open' AND EXISTS (
           SELECT FROM unnest(b.meters::text[], b.amounts::bigint[]) a(meter, amount)
            WHERE a.amount > coalesce(h.remaining[array_position(h.meters, a.meter)], 0)), false) ORDER BY b.n)
    INTO v_outcome, v_late, v_overrun
    FROM unnest(p_hold, p_lane, p_account, p_call, p_meters, p_amounts)
         WITH ORDINALITY b(hold, lane, account, call, meters, amounts, n)
    LEFT JOIN ledger_holds h ON h.lane = b.lane AND h.id = b.hold;

  SELECT array_agg(m.n), array_agg(m.lane), array_agg(m.id), array_agg(m.add), array_agg(m.release),
         array_agg(m.used + m.running)
    INTO x_ord, x_lane, x_cid, x_add, x_release, x_after
    FROM (
      SELECT b.n::integer AS n, c.lane, c.id, c.used, v.add, v.release,
             sum(v.add) OVER (PARTITION BY c.lane, c.id ORDER BY b.n)::bigint AS running
        FROM unnest(p_hold, p_lane, p_close, p_call, p_meters, p_amounts)
             WITH ORDINALITY b(hold, lane, close, call, meters, amounts, n)
        JOIN ledger_holds h ON h.lane = b.lane AND h.id = b.hold
        JOIN ledger_counters c ON c.lane = h.lane AND c.id = ANY (h.counter_ids)
       CROSS JOIN LATERAL (
         SELECT CASE WHEN v_outcome[b.n] = 'settled'
                     THEN coalesce((b.amounts::bigint[])[array_position(b.meters::text[], c.meter)], 0) ELSE 0 END AS add,
                CASE WHEN h.state = 'open' THEN coalesce(h.remaining[array_position(h.meters, c.meter)], 0)
                     ELSE 0 END AS remaining) a
       CROSS JOIN LATERAL (
         SELECT a.add, CASE WHEN b.close THEN a.remaining ELSE least(a.remaining, greatest(a.add, 0)) END AS release) v
       WHERE v_outcome[b.n] IN ('settled', 'closed') AND (v.add <> 0 OR v.release <> 0)) m;

  UPDATE ledger_counters c
     SET used = c.used + d.add, held = c.held - d.release
    FROM (SELECT x.lane, x.cid, sum(x.add) AS add, sum(x.release) AS release
            FROM unnest(x_lane, x_cid, x_add, x_release) x(lane, cid, add, release)
           GROUP BY x.lane, x.cid) d
   WHERE c.lane = d.lane AND c.id = d.cid;

  UPDATE ledger_holds h
     SET remaining = CASE WHEN b.close OR h.state <> 'open' THEN array_fill(0::bigint, ARRAY[cardinality(h.meters)])
           ELSE ARRAY(SELECT r.rest - least(r.rest, greatest(coalesce(
                               (b.amounts::bigint[])[array_position(b.meters::text[], r.meter)], 0), 0))
                        FROM unnest(h.meters, h.remaining) WITH ORDINALITY r(meter, rest, k) ORDER BY r.k) END,
         settled_calls = CASE WHEN b.call IS NULL THEN h.settled_calls ELSE h.settled_calls || b.call END,
         state = CASE WHEN b.close AND h.state = 'open' THEN 'closed' ELSE h.state END,
         closed_at = CASE WHEN b.close AND h.state = 'open' THEN v_now ELSE h.closed_at END
    FROM unnest(p_hold, p_lane, p_call, p_close, p_meters, p_amounts)
         WITH ORDINALITY b(hold, lane, call, close, meters, amounts, n)
   WHERE h.lane = b.lane AND h.id = b.hold AND v_outcome[b.n] IN ('settled', 'closed');

  INSERT INTO usage_events (lane, hold_id, call_index, account_id, user_id, key_id, workspace_id, admitted_at, occurred_at,
    step, provider, model, endpoint, status, error_code, usage_source, late, overrun, input_tokens, cache_read_tokens,
    cache_write_tokens, output_tokens, reasoning_tokens, other_classes, other_amounts, input_cost_nano_usd,
    output_cost_nano_usd, cost_nano_usd, price_version, latency_ms, first_byte_ms, attempts, request_bytes,
    response_bytes, provider_request_id, meters, amounts)
  SELECT h.lane, h.id, b.call, h.account_id, h.user_id, h.key_id, h.workspace_id, h.created_at, v_now,
         b.step, b.provider, b.model, b.endpoint, b.status, b.error_code, b.usage_source, v_late[b.n], v_overrun[b.n],
         b.input, b.cache_read, b.cache_write, b.output, b.reasoning, b.other_classes::text[],
         b.other_amounts::bigint[], b.input_cost, b.output_cost, b.input_cost + b.output_cost, b.price_version,
         b.latency_ms, b.first_byte_ms, b.attempts, b.request_bytes, b.response_bytes, b.provider_request_id,
         b.meters::text[], b.amounts::bigint[]
    FROM unnest(p_hold, p_lane, p_call, p_step, p_provider, p_model, p_endpoint, p_status, p_error_code, p_usage_source,
                p_input, p_cache_read, p_cache_write, p_output, p_reasoning, p_other_classes, p_other_amounts,
                p_input_cost, p_output_cost, p_price_version, p_latency_ms, p_first_byte_ms, p_attempts,
                p_request_bytes, p_response_bytes, p_provider_request_id, p_meters, p_amounts) WITH ORDINALITY
         b(hold, lane, call, step, provider, model, endpoint, status, error_code, usage_source, input, cache_read,
           cache_write, output, reasoning, other_classes, other_amounts, input_cost, output_cost, price_version,
           latency_ms, first_byte_ms, attempts, request_bytes, response_bytes, provider_request_id, meters, amounts, n)
    JOIN ledger_holds h ON h.lane = b.lane AND h.id = b.hold
   WHERE v_outcome[b.n] = 'settled';

  INSERT INTO usage_daily AS u (lane, account_id, day, user_id, provider, model, calls, errors, input_tokens,
    cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_nano_usd, latency_ms)
  SELECT h.lane, h.account_id, (h.created_at AT TIME ZONE 'UTC')::date,
         coalesce(h.user_id, '00000000-0000-0000-0000-000000000000'), b.provider, b.model, count(*),
         count(*) FILTER (WHERE b.status <> 'ok'), coalesce(sum(b.input), 0), coalesce(sum(b.cache_read), 0),
         coalesce(sum(b.cache_write), 0), coalesce(sum(b.output), 0), coalesce(sum(b.reasoning), 0),
         sum(b.cost), sum(b.latency_ms)
    FROM unnest(p_hold, p_lane, p_provider, p_model, p_status, p_input, p_cache_read, p_cache_write, p_output,
                p_reasoning, p_input_cost, p_output_cost, p_latency_ms) WITH ORDINALITY
         x(hold, lane, provider, model, status, input, cache_read, cache_write, output, reasoning, input_cost,
           output_cost, latency_ms, n)
   CROSS JOIN LATERAL (SELECT x.*, x.input_cost + x.output_cost AS cost) b
    JOIN ledger_holds h ON h.lane = b.lane AND h.id = b.hold
   WHERE v_outcome[b.n] = 'settled'
   GROUP BY h.lane, h.account_id, 3, 4, b.provider, b.model
   ORDER BY h.lane, h.account_id, 3, 4, b.provider, b.model
  ON CONFLICT (lane, account_id, day, user_id, provider, model) DO UPDATE SET
    calls = u.calls + excluded.calls, errors = u.errors + excluded.errors,
    input_tokens = u.input_tokens + excluded.input_tokens,
    cache_read_tokens = u.cache_read_tokens + excluded.cache_read_tokens,
    cache_write_tokens = u.cache_write_tokens + excluded.cache_write_tokens,
    output_tokens = u.output_tokens + excluded.output_tokens,
    reasoning_tokens = u.reasoning_tokens + excluded.reasoning_tokens,
    cost_nano_usd = u.cost_nano_usd + excluded.cost_nano_usd, latency_ms = u.latency_ms + excluded.latency_ms;

  -- A call that jumps over several lines is one event, of the highest.
  INSERT INTO threshold_events (lane, account_id, counter_id, threshold_bps, state, used, amount, hold_id, occurred_at)
  SELECT c.lane, c.account_id, c.id, c.line_bps[top.k],
         ledger_state(c.kind, x.after, c.amount, c.lines), x.after, c.amount, p_hold[x.ord], v_now
    FROM unnest(x_ord, x_lane, x_cid, x_add, x_after) x(ord, lane, cid, add, after)
    JOIN ledger_counters c ON c.lane = x.lane AND c.id = x.cid
   CROSS JOIN LATERAL (
     SELECT max(l.k)::integer AS k FROM unnest(c.lines) WITH ORDINALITY l(line, k)
      WHERE x.after - x.add < l.line AND l.line <= x.after) top
   WHERE x.add > 0 AND c.kind = 'n' AND x.after >= c.lines[1] AND top.k IS NOT NULL
   ORDER BY x.ord
  ON CONFLICT (lane, counter_id, threshold_bps) DO NOTHING;

  RETURN QUERY
  SELECT b.n::integer, v_outcome[b.n], v_late[b.n] AND v_outcome[b.n] = 'settled',
         v_overrun[b.n] AND v_outcome[b.n] = 'settled',
         coalesce(t.state, 'ok'), t.meter, t.win, t.scope, t.scope_id, t.amount, t.used, t.held, t.window_end
    FROM unnest(p_hold, p_lane) WITH ORDINALITY b(hold, lane, n)
    LEFT JOIN ledger_holds h ON h.lane = b.lane AND h.id = b.hold AND h.account_id = p_account[b.n]
    LEFT JOIN LATERAL (
      SELECT c.*, ledger_state(c.kind, c.used, c.amount, c.lines) AS state
        FROM ledger_counters c
       WHERE c.lane = h.lane AND c.id = ANY (h.counter_ids) AND c.kind = 'n' AND c.meter = ANY (h.meters)
       ORDER BY CASE WHEN c.amount > 0 THEN (c.used + c.held)::float8 / c.amount ELSE 2 END DESC LIMIT 1) t ON true;
END $$;--> statement-breakpoint

-- Releases what holds past their expiry still hold. What they settled stays.
CREATE FUNCTION ledger_expire(p_now timestamptz, p_limit integer)
RETURNS TABLE (id uuid, account_id uuid, settled_calls integer[], meters text[], released bigint[], expires_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz := coalesce(p_now, clock_timestamp());
  v_id uuid[]; v_lane smallint[]; v_account uuid[];
BEGIN
  SELECT array_agg(s.id), array_agg(s.lane), array_agg(s.account_id) INTO v_id, v_lane, v_account
    FROM (SELECT h.id, h.lane, h.account_id FROM ledger_holds h
           WHERE h.state = 'open' AND h.expires_at <= v_now ORDER BY h.expires_at LIMIT p_limit) s;
  IF v_id IS NULL THEN RETURN; END IF;
  v_now := ledger_lock(p_now, v_lane, v_account, '{}', '{}', '{}');

  UPDATE ledger_counters c
     SET held = c.held - d.released
    FROM (SELECT c.lane, c.id, sum(h.remaining[array_position(h.meters, c.meter)]) AS released
            FROM unnest(v_id, v_lane) b(id, lane)
            JOIN ledger_holds h ON h.lane = b.lane AND h.id = b.id AND h.state = 'open'
            JOIN ledger_counters c ON c.lane = h.lane AND c.id = ANY (h.counter_ids) AND c.meter = ANY (h.meters)
           GROUP BY c.lane, c.id) d
   WHERE c.lane = d.lane AND c.id = d.id;

  RETURN QUERY
  UPDATE ledger_holds h
     SET state = 'expired', closed_at = v_now, remaining = array_fill(0::bigint, ARRAY[cardinality(h.meters)])
    FROM unnest(v_id, v_lane) b(id, lane), ledger_holds before
   WHERE h.lane = b.lane AND h.id = b.id AND h.state = 'open'
     AND before.lane = h.lane AND before.id = h.id
  RETURNING h.id, h.account_id, h.settled_calls, h.meters, before.remaining, h.expires_at;
END $$;--> statement-breakpoint

-- A stop waits for the holds in flight and keeps new ones waiting until it has committed: after its commit no hold
-- is admitted that it covers, on any replica.
CREATE FUNCTION ledger_stop(p_now timestamptz, p_id uuid, p_kind text, p_target text, p_reason text, p_author text)
RETURNS ledger_stops LANGUAGE plpgsql AS $$
DECLARE
  v_stop ledger_stops;
BEGIN
  LOCK TABLE ledger_stops IN EXCLUSIVE MODE;
  SELECT * INTO v_stop FROM ledger_stops s WHERE s.kind = p_kind AND s.target = p_target AND s.lifted_at IS NULL;
  IF FOUND THEN RETURN v_stop; END IF;
  INSERT INTO ledger_stops (id, kind, target, reason, author, created_at)
  VALUES (p_id, p_kind, p_target, p_reason, p_author, coalesce(p_now, clock_timestamp()))
  RETURNING * INTO v_stop;
  PERFORM pg_notify('inkmeter', json_build_object('kind', 'stop', 'id', v_stop.id, 'stop', v_stop.kind, 'target', v_stop.target)::text);
  RETURN v_stop;
END $$;--> statement-breakpoint

CREATE FUNCTION ledger_lift_stop(p_now timestamptz, p_id uuid, p_author text) RETURNS ledger_stops LANGUAGE plpgsql AS $$
DECLARE
  v_stop ledger_stops;
BEGIN
  LOCK TABLE ledger_stops IN EXCLUSIVE MODE;
  UPDATE ledger_stops s SET lifted_at = coalesce(p_now, clock_timestamp()), lifted_by = p_author
   WHERE s.id = p_id AND s.lifted_at IS NULL;
  SELECT * INTO v_stop FROM ledger_stops s WHERE s.id = p_id;
  IF v_stop.id IS NOT NULL THEN
    PERFORM pg_notify('inkmeter', json_build_object('kind', 'stop_lifted', 'id', v_stop.id)::text);
  END IF;
  RETURN v_stop;
END $$;
--> statement-breakpoint

-- Batches always reach rows by key. Left to statistics, the planner would scan tables that were small when it looked,
-- and plan anew for every size of array.
DO $$
DECLARE
  v_function regprocedure;
BEGIN
  FOR v_function IN
    SELECT p.oid FROM pg_proc p
     WHERE p.proname IN ('ledger_hold', 'ledger_settle', 'ledger_lock', 'ledger_expire', 'ledger_refresh')
       AND p.pronamespace = current_schema()::regnamespace
  LOOP
    EXECUTE format('ALTER FUNCTION %s SET plan_cache_mode = force_generic_plan', v_function);
    EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off', v_function);
    EXECUTE format('ALTER FUNCTION %s SET enable_hashjoin = off', v_function);
    EXECUTE format('ALTER FUNCTION %s SET enable_mergejoin = off', v_function);
  END LOOP;
END $$;
