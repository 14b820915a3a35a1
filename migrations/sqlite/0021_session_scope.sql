-- A memory without a project belongs to the client of the session that made it, so that it is not shown in another client's
-- project.
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

-- Those that are indexed already.
INSERT INTO ct_memory_entry
  SELECT 'conversation_contexts', id FROM conversation_contexts
   WHERE project_id IS NULL AND session_id IN (SELECT id FROM sessions WHERE client_id IS NOT NULL);
INSERT INTO ct_memory_entry
  SELECT 'decision_logs', id FROM decision_logs
   WHERE project_id IS NULL AND superseded_by_id IS NULL
     AND session_id IN (SELECT id FROM sessions WHERE client_id IS NOT NULL);

-- The session changes its client, or comes after what it made.
CREATE TRIGGER ct_memory_sessions_update AFTER UPDATE OF client_id ON sessions WHEN OLD.client_id IS NOT NEW.client_id BEGIN
  INSERT INTO ct_memory_entry
    SELECT 'conversation_contexts', id FROM conversation_contexts WHERE session_id = NEW.id AND project_id IS NULL;
  INSERT INTO ct_memory_entry
    SELECT 'decision_logs', id FROM decision_logs
     WHERE session_id = NEW.id AND project_id IS NULL AND superseded_by_id IS NULL;
END;

-- The memory changes its session.
CREATE TRIGGER ct_memory_contexts_session AFTER UPDATE OF session_id ON conversation_contexts
WHEN OLD.session_id IS NOT NEW.session_id AND NEW.project_id IS NULL BEGIN
  INSERT INTO ct_memory_entry VALUES ('conversation_contexts', NEW.id);
END;
CREATE TRIGGER ct_memory_decisions_session AFTER UPDATE OF session_id ON decision_logs
WHEN OLD.session_id IS NOT NEW.session_id AND NEW.project_id IS NULL BEGIN
  INSERT INTO ct_memory_entry VALUES ('decision_logs', NEW.id);
END;
