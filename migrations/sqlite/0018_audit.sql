-- The chains of audit rows of all machines are verified on each. The name of the machine that writes a chain, for people.
ALTER TABLE ct_audit_chains ADD COLUMN machine TEXT;

-- Until now the audit rows of other machines stayed at central: a replica that has read central's log past them reads them
-- once, beside what it still has to read again.
INSERT INTO ct_sync_state (name, value)
  SELECT 'refill', '{"tables":["credential_audit_log"],"after":0}'
   WHERE EXISTS (SELECT 1 FROM ct_sync_state WHERE name = 'cursor')
  ON CONFLICT (name) DO UPDATE SET value = CASE WHEN value = '' THEN excluded.value
    ELSE json_set(value, '$.after', 0, '$.tables[#]', 'credential_audit_log') END;
