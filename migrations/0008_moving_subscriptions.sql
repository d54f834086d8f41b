-- The same plan in another catalogue version was published so, and is no wish of the customer's.
UPDATE subscriptions
   SET scheduled_change = scheduled_change || jsonb_build_object('moves_to', scheduled_change->'catalogue_version_id')
 WHERE scheduled_change->>'plan_key' = plan_key AND scheduled_change->>'cycle' = cycle;
