-- The window of kind p_win that contains p_now, in UTC. A period starts at the anchor and repeats every p_months
-- months counted from the anchor itself, so that one anchored to the 31st falls on the last day of short months
-- and returns to the 31st.
CREATE OR REPLACE FUNCTION ledger_window(
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
    -- never too small: the start of that period is in the month of p_now, or before
    WHILE v_anchor + make_interval(months => v_n * p_months) > v_now LOOP v_n := v_n - 1; END LOOP;
    window_start := (v_anchor + make_interval(months => v_n * p_months)) AT TIME ZONE 'UTC';
    window_end := (v_anchor + make_interval(months => (v_n + 1) * p_months)) AT TIME ZONE 'UTC';
  ELSE
    v_start := date_trunc(p_win, v_now);
    window_start := v_start AT TIME ZONE 'UTC';
    window_end := (v_start + ('1 ' || p_win)::interval) AT TIME ZONE 'UTC';
  END IF;
END $$;
