-- The ledger. libs/ledger is its only caller; libs/ledger/README.md explains the model.
--
-- One rule makes it simple: whoever changes an account's books first locks the account's row in
-- ledger_accounts. Batches lock their accounts in (lane, account_id) order, so they cannot deadlock, and every
-- statement after the lock sees all that was committed before it (READ COMMITTED takes a snapshot a statement).

ALTER TABLE ledger_books SET (fillfactor = 50);--> statement-breakpoint
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
  -- Two replicas that attach partitions at the same time would each wait for the other's.
  PERFORM pg_advisory_xact_lock(hashtext('ledger_ensure_partitions'));
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

-- Every limit in every window, with the figures of the current ones read from their books.
CREATE VIEW ledger_counters AS
  SELECT w.lane, w.id, w.account_id, w.scope, w.scope_id, w.meter, w.win, w.window_start, w.window_end, w.kind, w.amount,
         w.block_at, w.lines, w.line_bps, w.on_limit, w.source,
         CASE WHEN w.place IS NULL THEN w.used ELSE b.used[w.place] END AS used,
         CASE WHEN w.place IS NULL THEN w.held ELSE b.held[w.place] END AS held
    FROM ledger_windows w
    LEFT JOIN ledger_books b ON b.lane = w.lane AND b.account_id = w.account_id AND b.scope = w.scope
                            AND b.scope_id = w.scope_id;--> statement-breakpoint

-- The windows that the given books of an account should have open at p_now: each limit in force for the scope itself,
-- or for each of its kind (`*`) where the book has no limit of its own.
CREATE FUNCTION ledger_windows_due(
  p_now timestamptz, p_lane smallint, p_account uuid, p_scope text[], p_scope_id text[])
RETURNS TABLE (
  scope text, scope_id text, meter text, win text, window_start timestamptz, window_end timestamptz, kind text,
  amount bigint, block_at bigint, lines bigint[], line_bps integer[], on_limit text, source text,
  counted_since timestamptz)
LANGUAGE sql STABLE AS $$
  SELECT l.scope, m.scope_id, l.meter, l.win, w.window_start, w.window_end, l.kind, l.amount,
         ledger_line(l.amount, l.block_bps),
         ARRAY(SELECT ledger_line(l.amount, b) FROM unnest(l.line_bps) b WHERE l.kind = 'n'),
         l.line_bps, l.on_limit, l.source, l.counted_since
    FROM ledger_accounts a
    JOIN ledger_limits l ON l.lane = a.lane AND l.account_id = a.account_id
                        AND l.valid_from <= p_now AND l.valid_until > p_now
   CROSS JOIN LATERAL ledger_window(l.win, p_now, a.anchor, a.period_months) w
    JOIN unnest(p_scope, p_scope_id) m(scope, scope_id) ON m.scope = l.scope
     AND (m.scope_id = l.scope_id OR l.scope_id = '*' AND NOT EXISTS (
           SELECT FROM ledger_limits own
            WHERE own.lane = l.lane AND own.account_id = l.account_id
              AND (own.scope, own.scope_id, own.meter, own.win) = (l.scope, m.scope_id, l.meter, l.win)
              AND own.valid_from <= p_now AND own.valid_until > p_now))
   WHERE a.lane = p_lane AND a.account_id = p_account
$$;--> statement-breakpoint

-- Opens the windows that are due for the given books of a locked account, and writes the books. A window that opens
-- after its start (a new limit, a moved anchor) begins with what the usage rows and the open holds of its time say. One
-- whose limit was counted all along has missed nothing: had anything been admitted in it, it would be open.
CREATE FUNCTION ledger_write_books(
  p_now timestamptz, p_lane smallint, p_account uuid, p_scope text[], p_scope_id text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_window record;
BEGIN
  FOR v_window IN
    WITH due AS (
      SELECT * FROM ledger_windows_due(p_now, p_lane, p_account, p_scope, p_scope_id)),
    opened AS (
      INSERT INTO ledger_windows (lane, account_id, scope, scope_id, meter, win, window_start, window_end, kind, amount,
                                  block_at, lines, line_bps, on_limit, source)
      SELECT p_lane, p_account, d.scope, d.scope_id, d.meter, d.win, d.window_start, d.window_end, d.kind, d.amount,
             d.block_at, d.lines, d.line_bps, d.on_limit, d.source
        FROM due d
      ON CONFLICT (account_id, window_end, lane, scope, scope_id, meter, win, window_start) DO NOTHING
      RETURNING *)
    SELECT o.* FROM opened o
      JOIN due d ON (d.scope, d.scope_id, d.meter, d.win) = (o.scope, o.scope_id, o.meter, o.win)
     WHERE d.counted_since >= o.window_start
  LOOP
    UPDATE ledger_windows w
       SET used = coalesce((
             SELECT sum(a.amount) FROM usage_events e, unnest(e.meters, e.amounts) a(meter, amount)
              WHERE e.account_id = p_account AND e.admitted_at >= w.window_start AND e.admitted_at < w.window_end
                AND a.meter = w.meter AND ledger_in_scope(w.scope, w.scope_id, e.user_id, e.key_id, e.workspace_id)), 0),
           held = coalesce((
             SELECT sum(a.amount) FROM ledger_holds h, unnest(h.meters, h.remaining) a(meter, amount)
              WHERE h.state = 'open' AND h.account_id = p_account
                AND h.created_at >= w.window_start AND h.created_at < w.window_end
                AND a.meter = w.meter AND ledger_in_scope(w.scope, w.scope_id, h.user_id, h.key_id, h.workspace_id)), 0)
     WHERE w.lane = p_lane AND w.id = v_window.id;
  END LOOP;

  WITH places AS (
    SELECT w.id, row_number() OVER (PARTITION BY w.scope, w.scope_id ORDER BY w.id)::smallint AS place
      FROM ledger_windows w JOIN unnest(p_scope, p_scope_id) m(scope, scope_id)
        ON m.scope = w.scope AND m.scope_id = w.scope_id
     WHERE w.account_id = p_account AND w.window_end > p_now)
  UPDATE ledger_windows w SET place = p.place FROM places p WHERE w.lane = p_lane AND w.id = p.id;

  INSERT INTO ledger_books AS b (lane, account_id, scope, scope_id, refresh_at, since, member_scopes, counter_ids, meters,
                                 amounts, barred_at, next_lines, used, held)
  SELECT p_lane, p_account, m.scope, m.scope_id, 'infinity', coalesce(max(w.window_start), '-infinity'), '{}',
         coalesce(array_agg(w.id ORDER BY w.place) FILTER (WHERE w.id IS NOT NULL), '{}'),
         coalesce(array_agg(w.meter ORDER BY w.place) FILTER (WHERE w.id IS NOT NULL), '{}'),
         coalesce(array_agg(w.amount ORDER BY w.place) FILTER (WHERE w.id IS NOT NULL), '{}'),
         coalesce(array_agg(CASE
           WHEN w.kind = 'disabled' THEN -9223372036854775808
           WHEN w.kind = 'n' AND w.on_limit = 'deny' THEN least(w.block_at, w.amount) END
           ORDER BY w.place) FILTER (WHERE w.id IS NOT NULL), '{}'),
         coalesce(array_agg((SELECT min(l) FROM unnest(w.lines) l WHERE l > w.used)
           ORDER BY w.place) FILTER (WHERE w.id IS NOT NULL), '{}'),
         coalesce(array_agg(w.used ORDER BY w.place) FILTER (WHERE w.id IS NOT NULL), '{}'),
         coalesce(array_agg(w.held ORDER BY w.place) FILTER (WHERE w.id IS NOT NULL), '{}')
    FROM unnest(p_scope, p_scope_id) m(scope, scope_id)
    LEFT JOIN ledger_windows w ON w.account_id = p_account AND w.window_end > p_now AND w.scope = m.scope
                              AND w.scope_id = m.scope_id
   GROUP BY m.scope, m.scope_id
  ON CONFLICT (lane, account_id, scope, scope_id) DO UPDATE SET
    since = greatest(b.since, excluded.since), counter_ids = excluded.counter_ids, meters = excluded.meters,
    amounts = excluded.amounts, barred_at = excluded.barred_at, next_lines = excluded.next_lines,
    used = excluded.used, held = excluded.held;
END $$;--> statement-breakpoint

-- Brings the books of one locked account up to date: closes the windows that have passed, applies the limits in force,
-- opens the windows that have come.
CREATE FUNCTION ledger_refresh(p_now timestamptz, p_lane smallint, p_account uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_scope text[];
  v_scope_id text[];
  v_since timestamptz;
BEGIN
  -- Back to the windows what their books kept for them. Calls admitted before the last of them that is over count there.
  WITH back AS (
    UPDATE ledger_windows w
       SET used = b.used[w.place], held = b.held[w.place], place = NULL
      FROM ledger_books b, unnest(b.counter_ids) c(id)
     WHERE b.lane = p_lane AND b.account_id = p_account AND w.lane = p_lane AND w.id = c.id
    RETURNING w.window_end)
  SELECT max(b.window_end) INTO v_since FROM back b WHERE b.window_end <= p_now;

  -- The books to write: the account's own, those with a limit of their own, and those of whoever counts in a window that
  -- goes on. Others come back when they are seen.
  SELECT array_agg(m.scope), array_agg(m.scope_id) INTO v_scope, v_scope_id
    FROM (SELECT 'account' AS scope, '' AS scope_id
          UNION
          SELECT l.scope, l.scope_id FROM ledger_limits l
           WHERE l.lane = p_lane AND l.account_id = p_account AND l.scope_id <> '*'
             AND l.valid_from <= p_now AND l.valid_until > p_now
          UNION
          SELECT w.scope, w.scope_id FROM ledger_windows w WHERE w.account_id = p_account AND w.window_end > p_now) m;

  -- A window that moved with its anchor ends now; a limit that was lifted goes on counting without a bound.
  WITH due AS MATERIALIZED (
    SELECT * FROM ledger_windows_due(p_now, p_lane, p_account, v_scope, v_scope_id)),
  ended AS (
    UPDATE ledger_windows w
       SET window_end = CASE WHEN EXISTS (
             SELECT FROM due d WHERE (d.scope, d.scope_id, d.meter, d.win) = (w.scope, w.scope_id, w.meter, w.win))
             THEN p_now ELSE w.window_end END,
           kind = 'unmetered', amount = NULL, block_at = NULL, lines = '{}', line_bps = '{}', source = 'none'
     WHERE w.account_id = p_account AND w.window_end > p_now
       AND NOT EXISTS (
         SELECT FROM due d
          WHERE (d.scope, d.scope_id, d.meter, d.win, d.window_start, d.window_end)
              = (w.scope, w.scope_id, w.meter, w.win, w.window_start, w.window_end))
    RETURNING w.window_end)
  SELECT greatest(v_since, max(e.window_end) FILTER (WHERE e.window_end <= p_now)) INTO v_since FROM ended e;

  UPDATE ledger_windows w
     SET kind = d.kind, amount = d.amount, block_at = d.block_at, lines = d.lines, line_bps = d.line_bps,
         on_limit = d.on_limit, source = d.source
    FROM ledger_windows_due(p_now, p_lane, p_account, v_scope, v_scope_id) d
   WHERE w.account_id = p_account AND w.window_end = d.window_end
     AND (w.scope, w.scope_id, w.meter, w.win, w.window_start) = (d.scope, d.scope_id, d.meter, d.win, d.window_start)
     AND (w.kind, w.amount, w.block_at, w.lines, w.line_bps, w.on_limit, w.source)
         IS DISTINCT FROM (d.kind, d.amount, d.block_at, d.lines, d.line_bps, d.on_limit, d.source);

  PERFORM ledger_write_books(p_now, p_lane, p_account, v_scope, v_scope_id);

  DELETE FROM ledger_books b
   WHERE b.lane = p_lane AND b.account_id = p_account
     AND NOT EXISTS (SELECT FROM unnest(v_scope, v_scope_id) m(scope, scope_id)
                      WHERE m.scope = b.scope AND m.scope_id = b.scope_id);

  UPDATE ledger_books b
     SET since = greatest(b.since, v_since),
         refresh_at = least(
           (SELECT min(w.window_end) FROM ledger_windows w WHERE w.account_id = p_account AND w.window_end > p_now),
           -- also those that users, keys and workspaces will open when they are seen
           (SELECT min(d.window_end) FROM ledger_accounts a
              JOIN ledger_limits l ON l.lane = a.lane AND l.account_id = a.account_id
                                  AND l.valid_from <= p_now AND l.valid_until > p_now
             CROSS JOIN LATERAL ledger_window(l.win, p_now, a.anchor, a.period_months) d
             WHERE a.lane = p_lane AND a.account_id = p_account),
           (SELECT min(l.valid_until) FROM ledger_limits l
             WHERE l.lane = p_lane AND l.account_id = p_account AND l.valid_until > p_now),
           (SELECT min(l.valid_from) FROM ledger_limits l
             WHERE l.lane = p_lane AND l.account_id = p_account AND l.valid_from > p_now),
           'infinity'),
         member_scopes = ARRAY(
           SELECT l.scope FROM ledger_limits l
            WHERE l.lane = p_lane AND l.account_id = p_account AND l.scope <> 'account'
           UNION
           SELECT m.scope FROM unnest(v_scope) m(scope) WHERE m.scope <> 'account')
   WHERE b.lane = p_lane AND b.account_id = p_account;
END $$;--> statement-breakpoint

-- Locks the accounts of a batch, in one fixed order, and refreshes those whose books are out of date. p_now becomes the
-- time to judge by, taken after the locks so that the times of one account never run backwards. Answers with the
-- accounts' own books in the positions of p_account (NULL where there is none), and where they lie: a locked row stays in
-- its place, and needs no second search.
CREATE FUNCTION ledger_lock(
  INOUT p_now timestamptz, p_lane smallint[], p_account uuid[], OUT books ledger_books[], OUT places tid[],
  OUT scoped boolean)
LANGUAGE plpgsql AS $$
DECLARE
  v_given timestamptz := p_now;
  v_order integer[];
  v_refresh_at timestamptz;
  v_stale record;
BEGIN
  LOOP
    -- Each by its key, in this order: what cannot be flattened cannot be planned the other way round.
    SELECT array_agg(b.book), array_agg(b.place), array_agg(o.i), bool_or(b.scoped), min(b.refresh_at)
      INTO books, places, v_order, scoped, v_refresh_at
      FROM (SELECT i FROM generate_series(1, cardinality(p_account)) i ORDER BY p_lane[i], p_account[i]) o
      LEFT JOIN LATERAL (
        SELECT b AS book, b.ctid AS place, b.member_scopes <> '{}' AS scoped, b.refresh_at FROM ledger_books b
         WHERE b.lane = p_lane[o.i] AND b.account_id = p_account[o.i] AND b.scope = 'account' AND b.scope_id = ''
           FOR NO KEY UPDATE) b ON true;
    p_now := coalesce(v_given, clock_timestamp());
    EXIT WHEN v_refresh_at IS NULL OR v_refresh_at > p_now;
    FOR v_stale IN
      SELECT b.lane, b.account_id FROM unnest(books) b WHERE b.refresh_at <= p_now
    LOOP
      PERFORM ledger_refresh(p_now, v_stale.lane, v_stale.account_id);
    END LOOP;
  END LOOP;
  -- Callers who name their accounts in the order of the locks save the sorting of whole books.
  IF v_order <> ARRAY(SELECT generate_series(1, cardinality(p_account))) THEN
    SELECT array_agg(books[q] ORDER BY v_order[q]), array_agg(places[q] ORDER BY v_order[q]) INTO books, places
      FROM generate_series(1, cardinality(p_account)) q;
  END IF;
END $$;--> statement-breakpoint

-- Opens the books of users, keys and workspaces that are seen for the first time, in locked accounts that limit them.
CREATE FUNCTION ledger_open_members(
  p_now timestamptz, p_lane smallint[], p_account uuid[], p_of integer[], p_user uuid[], p_key uuid[],
  p_workspace uuid[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_new record;
BEGIN
  FOR v_new IN
    SELECT m.lane, m.account_id, array_agg(m.scope) AS scope, array_agg(m.scope_id) AS scope_id
      FROM (SELECT DISTINCT b.lane, b.account_id, s.scope,
                   CASE s.scope WHEN 'user' THEN p_user[i] WHEN 'key' THEN p_key[i] ELSE p_workspace[i] END::text AS scope_id
              FROM generate_series(1, cardinality(p_of)) i
             CROSS JOIN LATERAL (
               SELECT b.lane, b.account_id, b.member_scopes FROM ledger_books b
                WHERE b.lane = p_lane[p_of[i]] AND b.account_id = p_account[p_of[i]] AND b.scope = 'account'
                  AND b.scope_id = '' LIMIT 1) b
             CROSS JOIN LATERAL unnest(b.member_scopes) s(scope)) m
     WHERE m.scope_id IS NOT NULL AND NOT EXISTS (
       SELECT FROM ledger_books known
        WHERE known.lane = m.lane AND known.account_id = m.account_id AND known.scope = m.scope
          AND known.scope_id = m.scope_id)
     GROUP BY m.lane, m.account_id
  LOOP
    PERFORM ledger_write_books(p_now, v_new.lane, v_new.account_id, v_new.scope, v_new.scope_id);
  END LOOP;
END $$;--> statement-breakpoint

-- Adds the books of users, keys and workspaces to those of their locked accounts. Request i counts in book x_book[i] and,
-- as long as the chain goes on, in the books of x_book[x_more[i]]. A book that is not there (any more) is NULL.
CREATE FUNCTION ledger_load_members(
  INOUT books ledger_books[], INOUT places tid[], p_of integer[], p_user uuid[], p_key uuid[], p_workspace uuid[],
  OUT x_book integer[], OUT x_more integer[])
LANGUAGE plpgsql AS $$
DECLARE
  v_row record;
  k integer;
  x integer := cardinality(p_of);
BEGIN
  x_book := p_of;
  x_more := '{}';
  FOR v_row IN
    SELECT i, b AS book, b.ctid AS place
      FROM generate_series(1, cardinality(p_of)) i
     CROSS JOIN LATERAL (SELECT (books[p_of[i]]).*) a
     CROSS JOIN LATERAL unnest(a.member_scopes) m(scope)
     CROSS JOIN LATERAL (
       SELECT CASE m.scope WHEN 'user' THEN p_user[i] WHEN 'key' THEN p_key[i] ELSE p_workspace[i] END::text AS id) own
      LEFT JOIN ledger_books b ON b.lane = a.lane AND b.account_id = a.account_id AND b.scope = m.scope
                              AND b.scope_id = own.id
     WHERE own.id IS NOT NULL
  LOOP
    k := CASE WHEN v_row.place IS NOT NULL THEN array_position(places, v_row.place) END;
    IF k IS NULL AND v_row.place IS NOT NULL THEN
      k := cardinality(places) + 1;
      places[k] := v_row.place;
      books[k] := v_row.book;
    END IF;
    x := x + 1;
    x_book[x] := k;
    x_more[x] := x_more[v_row.i];
    x_more[v_row.i] := x;
  END LOOP;
END $$;--> statement-breakpoint

-- Replaces the limits of an account and brings its books up to date in the same transaction, so that no hold ever sees
-- half a change. p_segments: [{scope, scope_id, meter, window, valid_from, valid_until, kind, amount, line_bps, block_bps,
-- on_limit, source}].
CREATE FUNCTION ledger_set_limits(
  p_now timestamptz, p_lane smallint, p_account uuid, p_anchor timestamptz, p_months integer, p_segments jsonb)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_now timestamptz;
  v_same_period boolean;
  v_before ledger_limits[];
BEGIN
  INSERT INTO ledger_books (lane, account_id, scope, scope_id, refresh_at, since, member_scopes, counter_ids, meters, amounts,
                            barred_at, next_lines, used, held)
  VALUES (p_lane, p_account, 'account', '', 'infinity', '-infinity', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')
  ON CONFLICT DO NOTHING;
  SELECT b.since INTO v_now FROM ledger_books b
   WHERE b.lane = p_lane AND b.account_id = p_account AND b.scope = 'account' AND b.scope_id = ''
     FOR NO KEY UPDATE;
  -- Windows may end now: after all that was admitted in them, whichever clock that was by.
  v_now := greatest(
    coalesce(p_now, clock_timestamp()), v_now,
    (SELECT max(e.admitted_at) FROM usage_events e WHERE e.account_id = p_account) + interval '1 microsecond',
    (SELECT max(h.created_at) FROM ledger_holds h WHERE h.state = 'open' AND h.account_id = p_account)
      + interval '1 microsecond');

  v_same_period := EXISTS (
    SELECT FROM ledger_accounts a WHERE a.lane = p_lane AND a.account_id = p_account
       AND a.anchor = p_anchor AND a.period_months = p_months);
  INSERT INTO ledger_accounts (lane, account_id, anchor, period_months) VALUES (p_lane, p_account, p_anchor, p_months)
  ON CONFLICT (lane, account_id) DO UPDATE SET anchor = p_anchor, period_months = p_months;

  WITH gone AS (DELETE FROM ledger_limits l WHERE l.lane = p_lane AND l.account_id = p_account RETURNING l AS row)
  SELECT array_agg(g.row) INTO v_before FROM gone g;
  INSERT INTO ledger_limits (lane, account_id, scope, scope_id, meter, win, valid_from, valid_until, kind, amount, line_bps,
                             block_bps, on_limit, source, counted_since)
  SELECT p_lane, p_account, s.scope, s.scope_id, s.meter, s."window", v.valid_from, v.valid_until, s.kind, s.amount,
         s.line_bps, s.block_bps, s.on_limit, s.source,
         -- One that was in force until now and still is goes on; others are counted from when they come into force.
         CASE WHEN v.valid_from > v_now OR v.valid_until <= v_now THEN v.valid_from
              ELSE coalesce((
                SELECT b.counted_since FROM unnest(v_before) b
                 WHERE (b.scope, b.scope_id, b.meter, b.win) = (s.scope, s.scope_id, s.meter, s."window")
                   AND b.valid_from <= v_now AND b.valid_until > v_now AND (v_same_period OR b.win <> 'period')), v_now) END
    FROM jsonb_to_recordset(p_segments) s(
           scope text, scope_id text, meter text, "window" text, valid_from timestamptz, valid_until timestamptz,
           kind text, amount bigint, line_bps integer[], block_bps integer, on_limit text, source text)
   CROSS JOIN LATERAL (
     SELECT coalesce(s.valid_from, '-infinity') AS valid_from, coalesce(s.valid_until, 'infinity') AS valid_until) v;
  PERFORM ledger_refresh(v_now, p_lane, p_account);
END $$;--> statement-breakpoint

-- Brings the books of an account up to date as the next hold of this user, key and workspace would, to read them.
CREATE FUNCTION ledger_touch(
  p_now timestamptz, p_lane smallint, p_account uuid, p_user uuid, p_key uuid, p_workspace uuid)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_now timestamptz;
  v_scoped boolean;
BEGIN
  SELECT l.p_now, l.scoped INTO v_now, v_scoped FROM ledger_lock(p_now, ARRAY[p_lane], ARRAY[p_account]) l;
  IF v_scoped THEN
    PERFORM ledger_open_members(v_now, ARRAY[p_lane], ARRAY[p_account], ARRAY[1], ARRAY[p_user], ARRAY[p_key],
                                ARRAY[p_workspace]);
  END IF;
END $$;--> statement-breakpoint

-- Decides a batch of requests in the order given: whatever the batch, the verdicts are those of deciding one by one.
-- p_account: the accounts of the batch, each once. p_name: the meters of the batch, each once. p_ask has one element per
-- request and name: what the first request asks of each, then the second; NULL where nothing. All other arrays have one
-- element per request: p_of is its account's position in p_account; p_meters and p_asked are array literals.
-- p_keep_refusal: false for an attempt that will be repeated with a closer estimate; a refusal then leaves no trace.
CREATE FUNCTION ledger_hold(
  p_now timestamptz, p_lane smallint[], p_account uuid[], p_name text[], p_ask bigint[],
  p_of integer[], p_id uuid[], p_user uuid[], p_key uuid[], p_workspace uuid[], p_ttl_ms integer[], p_meters text[],
  p_asked text[], p_targets text[], p_detail text[], p_keep_refusal boolean[])
RETURNS TABLE (
  ord integer, verdict text, replayed boolean, expires_at timestamptz, stop text, meter text, win text, scope text,
  scope_id text, kind text, amount bigint, used bigint, held bigint, asked bigint, resets_at timestamptz, source text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  n integer := cardinality(p_id);
  n_names integer := cardinality(p_name);
  v_now timestamptz;
  v_scoped boolean;
  v_stopped boolean;
  v_replayed integer[];
  books ledger_books[]; places tid[]; x_book integer[]; x_more integer[];  -- see ledger_lock, ledger_load_members
  -- The book at hand; v_name has the position of each counter's meter in p_name.
  v_book ledger_books; v_meters text[]; v_name integer[];
  v_used bigint[]; v_held bigint[]; v_amounts bigint[]; v_barred_at bigint[];
  -- What is answered, one element per request. seen: its books as they stood; o_binding: which of their counters decided.
  o_verdict text[] := array_fill(NULL::text, ARRAY[n]);
  o_stop text[] := array_fill(NULL::text, ARRAY[n]);
  o_binding integer[] := array_fill(NULL::integer, ARRAY[n]);
  o_created timestamptz[];
  seen ledger_books[] := array_fill(NULL::ledger_books, ARRAY[n]);
  v_seen ledger_books;
  v_ask bigint; v_total bigint; v_share float8; v_tightest float8; v_rank integer; v_worst integer;
  v_binding integer; v_before integer;  -- counters of the books before this one
  a integer; k integer; x integer;
BEGIN
  -- A stop waits for the holds in flight and keeps these waiting until it has committed.
  LOCK TABLE ledger_stops IN ROW SHARE MODE;
  SELECT l.p_now, l.books, l.places, l.scoped INTO v_now, books, places, v_scoped
    FROM ledger_lock(p_now, p_lane, p_account) l;
  x_book := p_of;
  x_more := '{}';
  IF v_scoped THEN
    PERFORM ledger_open_members(v_now, p_lane, p_account, p_of, p_user, p_key, p_workspace);
    SELECT l.books, l.places, l.x_book, l.x_more INTO books, places, x_book, x_more
      FROM ledger_load_members(books, places, p_of, p_user, p_key, p_workspace) l;
  END IF;

  SELECT array_agg(i), EXISTS (SELECT FROM ledger_stops s WHERE s.lifted_at IS NULL) INTO v_replayed, v_stopped
    FROM generate_series(1, n) i
    JOIN ledger_holds h ON h.lane = p_lane[p_of[i]] AND h.id = p_id[i] AND h.account_id = p_account[p_of[i]];
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
      CONTINUE;
    ELSIF places[p_of[r]] IS NULL THEN
      o_verdict[r] := 'unknown_account';
      CONTINUE;
    END IF;

    -- Every counter of every book is asked; the worst answer decides, or the tightest of the best. What is asked is held
    -- at once, and given back should the verdict be no.
    v_worst := 0;
    v_tightest := -1;
    v_binding := NULL;
    v_seen := NULL;
    v_before := 0;
    a := (r - 1) * n_names;
    x := r;
    WHILE x IS NOT NULL LOOP
      k := x_book[x];
      v_book := books[k];
      v_used := v_book.used;
      v_held := v_book.held;
      v_amounts := v_book.amounts;
      v_barred_at := v_book.barred_at;
      IF v_book.meters IS DISTINCT FROM v_meters THEN
        v_meters := v_book.meters;
        v_name := ARRAY(SELECT array_position(p_name, m) FROM unnest(v_meters) WITH ORDINALITY u(m, j) ORDER BY j);
      END IF;
      IF v_seen IS NULL THEN
        v_seen := v_book;
      ELSE
        v_before := cardinality(v_seen.used);
        v_seen.counter_ids := v_seen.counter_ids || v_book.counter_ids;
        v_seen.amounts := v_seen.amounts || v_book.amounts;
        v_seen.used := v_seen.used || v_book.used;
        v_seen.held := v_seen.held || v_book.held;
      END IF;
      -- A clock that is behind makes no hold before the windows it counts in.
      IF v_book.since > o_created[r] THEN
        o_created[r] := v_book.since;
      END IF;
      FOR j IN 1..cardinality(v_used) LOOP
        v_ask := p_ask[a + v_name[j]];
        IF v_ask > 0 THEN
          v_total := v_used[j] + v_held[j] + v_ask;
          v_share := v_total / nullif(v_amounts[j], 0)::float8;
          v_rank := 0;
          IF v_used[j] >= v_barred_at[j] OR v_total > v_amounts[j] AND v_barred_at[j] IS NOT NULL THEN
            v_rank := CASE
              WHEN v_amounts[j] IS NULL THEN 4
              WHEN v_used[j] >= v_amounts[j] THEN 3
              WHEN v_used[j] >= v_barred_at[j] THEN 2
              WHEN v_used[j] + v_ask > v_amounts[j] THEN 3
              ELSE 1 END;
          END IF;
          IF v_rank > v_worst OR v_rank = v_worst AND v_share > v_tightest THEN
            v_worst := v_rank;
            v_tightest := v_share;
            v_binding := v_before + j;
          END IF;
          v_held[j] := v_held[j] + v_ask;
        END IF;
      END LOOP;
      v_book.held := v_held;
      books[k] := v_book;
      x := x_more[x];
    END LOOP;
    o_verdict[r] := CASE v_worst WHEN 0 THEN 'ok' WHEN 1 THEN 'limit_held' WHEN 2 THEN 'limit_blocked'
                                 WHEN 3 THEN 'limit_exceeded' ELSE 'meter_disabled' END;
    o_binding[r] := v_binding;
    seen[r] := v_seen;
    CONTINUE WHEN v_worst = 0;

    x := r;
    WHILE x IS NOT NULL LOOP
      k := x_book[x];
      v_book := books[k];
      v_held := v_book.held;
      FOR j IN 1..cardinality(v_held) LOOP
        v_held[j] := v_held[j] - greatest(p_ask[a + array_position(p_name, v_book.meters[j])], 0);
      END LOOP;
      v_book.held := v_held;
      books[k] := v_book;
      x := x_more[x];
    END LOOP;
  END LOOP;

  UPDATE ledger_books b
     SET held = (books[k]).held
    FROM generate_series(1, cardinality(books)) k
   WHERE b.ctid = places[k] AND b.held IS DISTINCT FROM (books[k]).held;

  INSERT INTO ledger_holds (lane, id, account_id, user_id, key_id, workspace_id, state, verdict, created_at, expires_at,
                            closed_at, meters, asked, remaining, settled_calls, counter_ids, seen_used, seen_held,
                            seen_amount, binding_counter_id, detail)
  SELECT p_lane[p_of[i]], p_id[i], p_account[p_of[i]], p_user[i], p_key[i], p_workspace[i],
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
    LEFT JOIN ledger_windows w ON w.lane = p_lane[p_of[i]] AND w.id = (seen[i]).counter_ids[o_binding[i]]
   WHERE o_verdict[i] <> 'replayed';

  IF v_replayed IS NOT NULL THEN
    RETURN QUERY
    SELECT i, split_part(h.verdict, ' ', 1), true, h.expires_at, nullif(split_part(h.verdict, ' ', 2), ''),
           w.meter, w.win, w.scope, w.scope_id, w.kind, h.seen_amount[p.at], h.seen_used[p.at], h.seen_held[p.at],
           h.asked[array_position(h.meters, w.meter)], w.window_end, w.source
      FROM unnest(v_replayed) i
      JOIN ledger_holds h ON h.lane = p_lane[p_of[i]] AND h.id = p_id[i]
      LEFT JOIN ledger_windows w ON w.lane = h.lane AND w.id = h.binding_counter_id
     CROSS JOIN LATERAL (SELECT array_position(h.counter_ids, h.binding_counter_id) AS at) p;
  END IF;
END $$;--> statement-breakpoint

-- Writes down that a counter has reached a line, and answers with its next. A call that jumps over several lines is one
-- event, of the highest.
CREATE FUNCTION ledger_cross(p_now timestamptz, p_lane smallint, p_counter bigint, p_used bigint, p_hold uuid)
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO threshold_events (lane, account_id, counter_id, threshold_bps, state, used, amount, hold_id, occurred_at)
  SELECT w.lane, w.account_id, w.id, w.line_bps[l.k], ledger_state(w.kind, p_used, w.amount, w.lines), p_used, w.amount,
         p_hold, p_now
    FROM ledger_windows w CROSS JOIN LATERAL unnest(w.lines) WITH ORDINALITY l(line, k)
   WHERE w.lane = p_lane AND w.id = p_counter AND l.line <= p_used
   ORDER BY l.k DESC LIMIT 1
  ON CONFLICT (lane, counter_id, threshold_bps) DO NOTHING;
  RETURN (SELECT min(l) FROM ledger_windows w, unnest(w.lines) l WHERE w.lane = p_lane AND w.id = p_counter AND l > p_used);
END $$;--> statement-breakpoint

-- Records what provider calls cost, and closes holds. p_account, p_of, p_name as for ledger_hold; p_moved has one element
-- per call and name: what the call came to. p_call is the call's index in the plan, or NULL to only end the hold; a
-- hold that ends becomes p_end_state. A batch names a hold at most once.
-- Outcomes: settled, closed, repeated (the call is already in the books), unknown_hold.
CREATE FUNCTION ledger_settle(
  p_now timestamptz, p_lane smallint[], p_account uuid[], p_name text[], p_moved bigint[], p_end_state text,
  p_of integer[], p_hold uuid[], p_call integer[], p_close boolean[], p_meters text[], p_amounts text[], p_step text[],
  p_provider text[], p_model text[], p_endpoint text[], p_status text[], p_error_code text[], p_usage_source text[],
  p_input integer[], p_cache_read integer[], p_cache_write integer[], p_output integer[], p_reasoning integer[],
  p_other_classes text[], p_other_amounts text[], p_input_cost bigint[], p_output_cost bigint[], p_price_version text[],
  p_latency_ms integer[], p_first_byte_ms integer[], p_attempts integer[], p_request_bytes integer[],
  p_response_bytes integer[], p_provider_request_id text[])
RETURNS TABLE (
  ord integer, outcome text, late boolean, overrun boolean, state text, meter text, win text, scope text,
  scope_id text, amount bigint, used bigint, held bigint, resets_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  n integer := cardinality(p_hold);
  n_names integer := cardinality(p_name);
  v_now timestamptz;
  v_scoped boolean;
  v_calls integer := 0;  -- settled
  v_moved integer := 0;  -- settled or closed
  -- See ledger_lock, ledger_load_members. After n_books come windows that have passed, as books of one counter each;
  -- where x_only is set, it is the only counter of the book that counts.
  books ledger_books[]; places tid[]; x_book integer[]; x_more integer[]; x_only integer[] := '{}';
  n_books integer;
  -- The book at hand; v_name has the position of each counter's meter in p_name.
  v_book ledger_books; v_meters text[]; v_name integer[]; v_used bigint[]; v_held bigint[]; v_amounts bigint[];
  v_user uuid[]; v_key uuid[]; v_workspace uuid[];
  -- What is answered and recorded: one element per call.
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
  SELECT l.p_now, l.books, l.places, l.scoped INTO v_now, books, places, v_scoped
    FROM ledger_lock(p_now, p_lane, p_account) l;
  x_book := p_of;
  x_more := '{}';
  IF v_scoped THEN
    SELECT array_agg(h.user_id ORDER BY i), array_agg(h.key_id ORDER BY i), array_agg(h.workspace_id ORDER BY i)
      INTO v_user, v_key, v_workspace
      FROM generate_series(1, n) i LEFT JOIN ledger_holds h ON h.lane = p_lane[p_of[i]] AND h.id = p_hold[i];
    SELECT l.books, l.places, l.x_book, l.x_more INTO books, places, x_book, x_more
      FROM ledger_load_members(books, places, p_of, v_user, v_key, v_workspace) l;
  END IF;
  n_books := cardinality(books);

  -- The rows say what each hold still held. `alike`: in the order of p_name; `known`: p_name has all of its meters.
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
     WHERE h.lane = p_lane[p_of[i]] AND h.id = p_hold[i] AND h.account_id = p_account[p_of[i]]
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

    -- A call counts in the windows it was admitted in. Where some of those have passed, look them up.
    v_passed := false;
    x := i;
    WHILE x IS NOT NULL LOOP
      k := x_book[x];
      v_passed := v_passed OR k IS NULL OR v_hold.created_at < (books[k]).since;
      x := x_more[x];
    END LOOP;
    v_first := i;
    IF v_passed THEN
      v_first := NULL;
      FOR v_window IN
        SELECT w.*, (SELECT min(l) FROM unnest(w.lines) l WHERE l > w.used) AS next_line
          FROM ledger_windows w
         WHERE w.account_id = p_account[p_of[i]] AND w.window_end > v_hold.created_at
           AND w.window_start <= v_hold.created_at
           AND ledger_in_scope(w.scope, w.scope_id, v_hold.user_id, v_hold.key_id, v_hold.workspace_id)
      LOOP
        k := (SELECT min(q) FROM generate_series(1, cardinality(books)) q WHERE v_window.id = ANY ((books[q]).counter_ids));
        IF k IS NULL THEN
          k := cardinality(books) + 1;
          v_book := NULL;
          v_book.lane := v_window.lane;
          v_book.counter_ids := ARRAY[v_window.id];
          v_book.meters := ARRAY[v_window.meter];
          v_book.amounts := ARRAY[v_window.amount];
          v_book.next_lines := ARRAY[v_window.next_line];
          v_book.used := ARRAY[v_window.used];
          v_book.held := ARRAY[v_window.held];
          books[k] := v_book;
        END IF;
        x := cardinality(x_book) + 1;
        x_book[x] := k;
        x_only[x] := coalesce(v_window.place, 1);
        x_more[x] := v_first;
        v_first := x;
      END LOOP;
    END IF;

    v_nearest := -1;
    x := v_first;
    WHILE x IS NOT NULL LOOP
      k := x_book[x];
      v_book := books[k];
      v_used := v_book.used;
      v_held := v_book.held;
      v_amounts := v_book.amounts;
      IF v_book.meters IS DISTINCT FROM v_meters THEN
        v_meters := v_book.meters;
        v_name := ARRAY(SELECT array_position(p_name, m) FROM unnest(v_meters) WITH ORDINALITY u(m, j) ORDER BY j);
      END IF;
      FOR j IN coalesce(x_only[x], 1)..coalesce(x_only[x], cardinality(v_used)) LOOP
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
            o_counter[i] := v_book.counter_ids[j];
            o_used[i] := v_used[j];
            o_held[i] := v_held[j];
          END IF;
          IF v_used[j] >= v_book.next_lines[j] AND v_add > 0 THEN
            v_book.next_lines[j] := ledger_cross(
              v_now, v_book.lane, v_book.counter_ids[j], v_used[j], p_hold[i]);
          END IF;
        END IF;
      END LOOP;
      v_book.used := v_used;
      v_book.held := v_held;
      books[k] := v_book;
      x := x_more[x];
    END LOOP;
  END LOOP;

  IF v_moved > 0 THEN
    UPDATE ledger_books b
       SET used = (books[k]).used, held = (books[k]).held, next_lines = (books[k]).next_lines
      FROM generate_series(1, n_books) k
     WHERE b.ctid = places[k];
  END IF;
  IF cardinality(books) > n_books THEN
    UPDATE ledger_windows w
       SET used = (books[k]).used[1], held = (books[k]).held[1]
      FROM generate_series(n_books + 1, cardinality(books)) k
     WHERE w.lane = (books[k]).lane AND w.id = (books[k]).counter_ids[1];
  END IF;

  IF v_calls > 0 THEN
    INSERT INTO usage_events (lane, hold_id, call_index, account_id, user_id, key_id, workspace_id, admitted_at,
      occurred_at, step, provider, model, endpoint, status, error_code, usage_source, late, overrun, input_tokens,
      cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, other_classes, other_amounts,
      input_cost_nano_usd, output_cost_nano_usd, cost_nano_usd, price_version, latency_ms, first_byte_ms, attempts,
      request_bytes, response_bytes, provider_request_id, meters, amounts)
    SELECT p_lane[p_of[i]], p_hold[i], p_call[i], p_account[p_of[i]], h_user[i], h_key[i], h_workspace[i], h_created[i],
           v_now, p_step[i], p_provider[i], p_model[i], p_endpoint[i], p_status[i], p_error_code[i], p_usage_source[i],
           o_late[i], o_overrun[i], p_input[i], p_cache_read[i], p_cache_write[i], p_output[i], p_reasoning[i],
           p_other_classes[i]::text[], p_other_amounts[i]::bigint[], p_input_cost[i], p_output_cost[i],
           p_input_cost[i] + p_output_cost[i], p_price_version[i], p_latency_ms[i], p_first_byte_ms[i], p_attempts[i],
           p_request_bytes[i], p_response_bytes[i], p_provider_request_id[i], p_meters[i]::text[], p_amounts[i]::bigint[]
      FROM generate_series(1, n) i
     WHERE o_outcome[i] = 'settled';

    INSERT INTO usage_daily AS u (lane, account_id, day, user_id, provider, model, calls, errors, input_tokens,
      cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_nano_usd, latency_ms)
    SELECT p_lane[c.k], p_account[c.k], c.day, c.user_id, c.provider, c.model, count(*),
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
    ON CONFLICT (lane, account_id, day, user_id, provider, model) DO UPDATE SET
      calls = u.calls + excluded.calls, errors = u.errors + excluded.errors,
      input_tokens = u.input_tokens + excluded.input_tokens,
      cache_read_tokens = u.cache_read_tokens + excluded.cache_read_tokens,
      cache_write_tokens = u.cache_write_tokens + excluded.cache_write_tokens,
      output_tokens = u.output_tokens + excluded.output_tokens,
      reasoning_tokens = u.reasoning_tokens + excluded.reasoning_tokens,
      cost_nano_usd = u.cost_nano_usd + excluded.cost_nano_usd, latency_ms = u.latency_ms + excluded.latency_ms;
  END IF;

  RETURN QUERY
  SELECT i, o_outcome[i], o_late[i], o_overrun[i], coalesce(ledger_state(w.kind, o_used[i], w.amount, w.lines), 'ok'),
         w.meter, w.win, w.scope, w.scope_id, w.amount, o_used[i], o_held[i], w.window_end
    FROM generate_series(1, n) i
    LEFT JOIN ledger_windows w ON w.lane = p_lane[p_of[i]] AND w.id = o_counter[i]
   WHERE o_outcome[i] IS NOT NULL;

  -- What moved nothing: done before, or never held.
  IF v_moved < n THEN
    RETURN QUERY
    SELECT i, CASE WHEN h.id IS NULL THEN 'unknown_hold' ELSE 'repeated' END, false, false,
           coalesce(ledger_state(t.kind, t.used, t.amount, t.lines), 'ok'), t.meter, t.win, t.scope, t.scope_id, t.amount,
           t.used, t.held, t.window_end
      FROM generate_series(1, n) i
      LEFT JOIN ledger_holds h ON h.lane = p_lane[p_of[i]] AND h.id = p_hold[i] AND h.account_id = p_account[p_of[i]]
                              AND h.state <> 'refused'
      LEFT JOIN LATERAL (
        SELECT c.* FROM ledger_counters c
         WHERE c.account_id = h.account_id AND c.window_end > h.created_at AND c.window_start <= h.created_at
           AND ledger_in_scope(c.scope, c.scope_id, h.user_id, h.key_id, h.workspace_id)
           AND c.kind = 'n' AND c.meter = ANY (h.meters)
         ORDER BY (c.used + c.held) / nullif(c.amount, 0)::float8 DESC NULLS FIRST LIMIT 1) t ON true
     WHERE o_outcome[i] IS NULL;
  END IF;
END $$;--> statement-breakpoint

-- Releases what holds past their expiry still hold. What they settled stays.
CREATE FUNCTION ledger_expire(p_now timestamptz, p_limit integer)
RETURNS TABLE (id uuid, account_id uuid, settled_calls integer[], meters text[], released bigint[], expires_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  v_id uuid[]; v_lane_of smallint[]; v_account_of uuid[];
  v_lane smallint[]; v_account uuid[];
  n integer;
BEGIN
  SELECT array_agg(d.id), array_agg(d.lane), array_agg(d.account_id), count(*) INTO v_id, v_lane_of, v_account_of, n
    FROM (SELECT h.id, h.lane, h.account_id FROM ledger_holds h
           WHERE h.state = 'open' AND h.expires_at <= coalesce(p_now, clock_timestamp())
           ORDER BY h.expires_at LIMIT p_limit) d;
  IF n = 0 THEN RETURN; END IF;
  SELECT array_agg(d.lane), array_agg(d.account_id) INTO v_lane, v_account
    FROM (SELECT DISTINCT * FROM unnest(v_lane_of, v_account_of) a(lane, account_id)) d;
  SELECT l.p_now INTO v_now FROM ledger_lock(p_now, v_lane, v_account) l;

  RETURN QUERY
  SELECT h.id, h.account_id, h.settled_calls, h.meters, h.remaining, h.expires_at
    FROM unnest(v_lane_of, v_id) d(lane, id)
    JOIN ledger_holds h ON h.lane = d.lane AND h.id = d.id AND h.state = 'open';

  PERFORM FROM ledger_settle(
    v_now, v_lane, v_account, '{}', '{}', 'expired',
    ARRAY(SELECT array_position(v_account, a) FROM unnest(v_account_of) a), v_id,
    array_fill(NULL::integer, ARRAY[n]), array_fill(true, ARRAY[n]), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
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
     WHERE p.proname IN ('ledger_hold', 'ledger_settle', 'ledger_expire', 'ledger_set_limits', 'ledger_touch')
       AND p.pronamespace = current_schema()::regnamespace
  LOOP
    EXECUTE format('ALTER FUNCTION %s SET plan_cache_mode = force_generic_plan', v_function);
    EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off', v_function);
    EXECUTE format('ALTER FUNCTION %s SET enable_hashjoin = off', v_function);
    EXECUTE format('ALTER FUNCTION %s SET enable_mergejoin = off', v_function);
  END LOOP;
END $$;
