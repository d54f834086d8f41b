-- Whether a counter of this scope counts the calls of this user, key or workspace.
CREATE OR REPLACE FUNCTION ledger_in_scope(p_scope text, p_scope_id text, p_user uuid, p_key uuid, p_workspace uuid)
RETURNS boolean LANGUAGE sql IMMUTABLE RETURN CASE p_scope
  WHEN 'account' THEN true
  WHEN 'user' THEN p_scope_id = p_user::text
  WHEN 'key' THEN p_scope_id = p_key::text
  WHEN 'workspace' THEN p_scope_id = p_workspace::text END;
