-- Notifies the processes that stream alerts to users which accounts have new ones, once the transaction commits.
CREATE OR REPLACE FUNCTION notify_of_alerts() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
  PERFORM pg_notify('inkmeter_alerts', account_id::text) FROM added WHERE account_id IS NOT NULL GROUP BY account_id;
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER notify_of_alerts AFTER INSERT ON alerts
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION notify_of_alerts();
