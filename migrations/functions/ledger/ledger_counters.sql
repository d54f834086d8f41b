-- Every limit in every window, with its used and held amounts. A current window keeps them in its balance row.
CREATE OR REPLACE VIEW ledger_counters AS
  SELECT w.shard, w.id, w.account_id, w.scope, w.scope_id, w.meter, w.win, w.window_start, w.window_end, w.kind, w.amount,
         w.block_at, w.thresholds, w.threshold_bps, w.on_limit, w.source,
         CASE WHEN w.balance_index IS NULL THEN w.used ELSE b.used[w.balance_index] END AS used,
         CASE WHEN w.balance_index IS NULL THEN w.held ELSE b.held[w.balance_index] END AS held
    FROM ledger_windows w
    LEFT JOIN ledger_balances b ON b.shard = w.shard AND b.account_id = w.account_id AND b.scope = w.scope
                            AND b.scope_id = w.scope_id;
