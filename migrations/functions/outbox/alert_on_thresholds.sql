-- Turns the thresholds that a statement has crossed into events and alerts, in its transaction, whatever moved the limit:
-- a settle, a record or a change of the limit. Costs nothing while none is crossed. The task fan-out-events delivers them.
CREATE OR REPLACE FUNCTION alert_on_thresholds() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
  v_events json;
BEGIN
  WITH reached AS MATERIALIZED (
    SELECT uuidv7() AS id, c.account_id, c.state, c.occurred_at,
           CASE WHEN w.scope = 'user' THEN w.scope_id::uuid END AS user_id,
           -- Of a resource with room for one, such as the seat of an account's owner, the first is no reason to warn.
           c.amount > 1 OR isfinite(w.window_end) AS is_alert,
           jsonb_build_object(
             'meter', w.meter, 'window', w.win, 'scope', w.scope, 'scope_id', nullif(w.scope_id, ''),
             'threshold_percentage', c.threshold_bps / 100.0, 'state', c.state,
             'used', c.used::text, 'limit', c.amount::text, 'source', w.source, 'request_id', c.hold_id,
             'window_start', CASE WHEN isfinite(w.window_start) THEN to_char(w.window_start, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END,
             'resets_at', CASE WHEN isfinite(w.window_end) THEN to_char(w.window_end, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END
           ) AS payload
      FROM crossed c JOIN ledger_windows w ON w.shard = c.shard AND w.id = c.counter_id),
  events AS (
    INSERT INTO outbox_events (id, type, account_id, payload, created_at)
    SELECT id, 'usage.threshold', account_id, payload, occurred_at FROM reached),
  noted AS (
    INSERT INTO alerts (id, account_id, user_id, kind, type, severity, data, created_at)
    SELECT id, account_id, user_id, 'threshold', 'usage.threshold',
           CASE state WHEN 'warning' THEN 'info' WHEN 'notice' THEN 'warning' ELSE 'error' END, payload, occurred_at
      FROM reached WHERE is_alert)
  SELECT json_agg(id) INTO v_events FROM reached;
  IF v_events IS NOT NULL THEN
    PERFORM graphile_worker.add_job('fan-out-events', json_build_object('eventIds', v_events), max_attempts => 10);
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER alert_on_thresholds AFTER INSERT ON threshold_events
  REFERENCING NEW TABLE AS crossed FOR EACH STATEMENT EXECUTE FUNCTION alert_on_thresholds();
