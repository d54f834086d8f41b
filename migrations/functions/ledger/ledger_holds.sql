-- Decisions with the state of their holds. A hold that is not among the open ones has ended: as its row among the ended ones
-- says, or with the last call that was settled in time.
CREATE OR REPLACE VIEW ledger_holds AS
  SELECT d.shard, d.id, d.account_id, d.user_id, d.key_id, d.workspace_id,
         CASE WHEN d.verdict <> 'ok' THEN 'refused' WHEN o.id IS NOT NULL THEN 'open' ELSE coalesce(e.state, 'closed') END AS state,
         d.verdict, d.created_at, coalesce(o.expires_at, d.expires_at) AS expires_at,
         CASE WHEN d.verdict <> 'ok' THEN d.created_at WHEN o.id IS NULL THEN coalesce(e.ended_at, c.last_at) END AS closed_at,
         d.meters, d.asked, coalesce(o.remaining, '{}') AS remaining,
         coalesce(o.settled_calls, c.call_indexes, '{}') AS settled_calls,
         d.counter_ids, d.seen_used, d.seen_held, d.seen_amount, d.binding_counter_id, d.detail
    FROM ledger_decisions d
    LEFT JOIN ledger_open_holds o ON o.shard = d.shard AND o.id = d.id
    LEFT JOIN ledger_ended_holds e ON e.shard = d.shard AND e.id = d.id
    LEFT JOIN LATERAL (
      SELECT array_agg(u.call_index::integer ORDER BY u.occurred_at, u.call_index) AS call_indexes,
             max(u.occurred_at) FILTER (WHERE NOT u.late) AS last_at
        FROM usage_events u
       WHERE u.shard = d.shard AND u.account_id = d.account_id AND u.admitted_at = d.created_at AND u.hold_id = d.id
         AND u.call_index >= 0) c ON d.verdict = 'ok' AND o.id IS NULL;
