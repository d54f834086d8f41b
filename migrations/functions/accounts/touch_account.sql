-- Records when an account was changed, also by a statement of an operator.
CREATE OR REPLACE FUNCTION touch_account() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp
AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER touch_account BEFORE UPDATE ON accounts
  FOR EACH ROW EXECUTE FUNCTION touch_account();
