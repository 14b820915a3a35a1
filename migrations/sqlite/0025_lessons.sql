-- What was learnt from what failed, and what was taken out of texts; of this machine only.

-- Runs of commands on this machine by what they are, so that a command about to be run finds its last run, and a run that
-- works finds those that failed before it. The words are in command_runs: here are only hashes.
CREATE TABLE ct_commands (
  run_id            TEXT    NOT NULL PRIMARY KEY,  -- command_runs.id
  claude_session_id TEXT    NOT NULL,
  project           TEXT    NOT NULL,   -- slug
  command           TEXT    NOT NULL,   -- SHA-256 of the command without what does not matter
  kind              TEXT    NOT NULL,   -- SHA-256 of its program and what that does; '' when that tells nothing
  failure           TEXT    NOT NULL,   -- SHA-256 of what went wrong, without paths and numbers; '' when nothing did
  at_us             INTEGER NOT NULL,
  solved_by         TEXT                -- command_runs.id of the run that worked afterwards
) STRICT, WITHOUT ROWID;
CREATE INDEX ct_commands_command ON ct_commands (command, at_us);
CREATE INDEX ct_commands_kind ON ct_commands (claude_session_id, kind);
CREATE INDEX ct_commands_failure ON ct_commands (failure) WHERE failure <> '';
CREATE INDEX ct_commands_at ON ct_commands (at_us);

-- What is forgotten or pruned is no lesson any more.
CREATE TRIGGER ct_commands_gone AFTER DELETE ON command_runs BEGIN
  DELETE FROM ct_commands WHERE run_id = OLD.id;
  UPDATE ct_commands SET solved_by = NULL WHERE solved_by = OLD.id;
END;
CREATE INDEX ct_commands_solved ON ct_commands (solved_by) WHERE solved_by IS NOT NULL;

-- Secrets that were taken out, by kind.
CREATE TABLE ct_redactions (
  kind  TEXT    NOT NULL PRIMARY KEY,
  count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A snippet whose structured_data names the one that replaces it is no memory any more, like a decision that was replaced.
DROP VIEW ct_memory_source;
CREATE VIEW ct_memory_source (
  source_table, source_id, kind, project_id, client_id, session_id, machine_id,
  title, body, tags, importance, usage_count, created_at, updated_at
) AS
SELECT 'conversation_contexts', id, context_type, project_id,
       CASE WHEN project_id IS NULL THEN (SELECT client_id FROM sessions WHERE id = conversation_contexts.session_id) END,
       session_id, machine_id,
       title, dense_summary, tags, relevance_score, usage_count, created_at, updated_at
  FROM conversation_contexts
UNION ALL
SELECT 'context_snippets', id, snippet_type, project_id, client_id, NULL, NULL,
       title, dense_content, tags, relevance_score, usage_count, created_at, updated_at
  FROM context_snippets
 WHERE CASE WHEN structured_data IS NULL THEN 1
            WHEN json_valid(structured_data) THEN json_extract(structured_data, '$.superseded_by') IS NULL
            ELSE 1 END
UNION ALL
SELECT 'decision_logs', id, 'decision', project_id,
       CASE WHEN project_id IS NULL THEN (SELECT client_id FROM sessions WHERE id = decision_logs.session_id) END,
       session_id, NULL,
       title, decision_text || coalesce(char(10) || rationale, ''), tags,
       CASE impact WHEN 'high' THEN 900 WHEN 'low' THEN 600 ELSE 750 END, 0, created_at, updated_at
  FROM decision_logs WHERE superseded_by_id IS NULL
UNION ALL
SELECT 'project_states', id, 'state', project_id, NULL, last_session_id, NULL,
       coalesce(current_phase, ''), coalesce(context_summary, ''), NULL,
       600, 0, created_at, updated_at
  FROM project_states;

CREATE TRIGGER ct_memory_snippets_replaced AFTER UPDATE OF structured_data ON context_snippets
WHEN OLD.structured_data IS NOT NEW.structured_data AND NOT EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  INSERT INTO ct_memory_entry VALUES ('context_snippets', NEW.id);
END;
CREATE TRIGGER ct_memory_queue_snippets_replaced AFTER UPDATE OF structured_data ON context_snippets
WHEN OLD.structured_data IS NOT NEW.structured_data AND EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'context_snippets' AND source_id = OLD.id;
  INSERT INTO ct_memory_queue (source_table, source_id) VALUES ('context_snippets', NEW.id);
END;
