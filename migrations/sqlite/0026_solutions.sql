-- Solved problems are memories: recall finds them by what went wrong.

-- Where a solution belongs, by its own client, its session and the session of its work item, and by their projects. It is of
-- one client at most: one that leads to two, or leads nowhere because what it refers to has not come yet, is shown to nobody.
CREATE VIEW ct_solution (
  id, session_id, machine_id, project_id, project_client_id, client_id, is_told,
  title, body, tags, times_reused, created_at
) AS
SELECT id, session_id, machine_id, project_id, project_client_id, client,
       complete AND (client IS NULL
         OR (coalesce(client_1, client) = client AND coalesce(client_2, client) = client
             AND coalesce(client_3, client) = client AND coalesce(client_4, client) = client)),
       title, body, tags, times_reused, created_at
  FROM (SELECT solution.id AS id,
               coalesce(own.id, theirs.id) AS session_id,
               coalesce(own.machine_id, theirs.machine_id) AS machine_id,
               coalesce(own.project_id, theirs.project_id) AS project_id,
               iif(own.project_id IS NULL, their_project.client_id, own_project.client_id) AS project_client_id,
               coalesce(solution.client_id, own.client_id, own_project.client_id,
                        theirs.client_id, their_project.client_id) AS client,
               own.client_id AS client_1, own_project.client_id AS client_2,
               theirs.client_id AS client_3, their_project.client_id AS client_4,
               (solution.session_id IS NULL OR own.id IS NOT NULL)
               AND (own.project_id IS NULL OR own_project.id IS NOT NULL)
               AND (solution.work_item_id IS NULL OR theirs.id IS NOT NULL)
               AND (theirs.project_id IS NULL OR their_project.id IS NOT NULL) AS complete,
               solution.title AS title,
               solution.problem_description || coalesce(char(10) || solution.symptoms, '')
                 || coalesce(char(10) || solution.error_message, '')
                 || coalesce(char(10) || 'Cause: ' || solution.root_cause, '')
                 || char(10) || 'Solution: ' || solution.solution_applied AS body,
               solution.tags AS tags, solution.times_reused AS times_reused, solution.created_at AS created_at
          FROM problem_solutions AS solution
          LEFT JOIN sessions AS own ON own.id = solution.session_id
          LEFT JOIN projects AS own_project ON own_project.id = own.project_id
          LEFT JOIN work_items AS item ON item.id = solution.work_item_id
          LEFT JOIN sessions AS theirs ON theirs.id = item.session_id
          LEFT JOIN projects AS their_project ON their_project.id = theirs.project_id);

-- A project is given only where its client is what everything else says, so that no solution is shown in a project of
-- another client, or of none.
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
  FROM project_states
UNION ALL
SELECT 'problem_solutions', id, 'solution',
       CASE WHEN project_client_id IS client_id THEN project_id END,
       CASE WHEN project_id IS NULL OR project_client_id IS NOT client_id THEN client_id END,
       session_id, machine_id,
       title, body, tags, 700, times_reused, created_at, created_at
  FROM ct_solution WHERE is_told;

CREATE TRIGGER ct_memory_solutions_insert AFTER INSERT ON problem_solutions WHEN NOT EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  INSERT INTO ct_memory_entry VALUES ('problem_solutions', NEW.id);
END;
CREATE TRIGGER ct_memory_solutions_update AFTER UPDATE OF id, work_item_id, session_id, client_id, title, problem_description, symptoms, error_message, root_cause, solution_applied, tags ON problem_solutions WHEN NOT EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'problem_solutions' AND source_id = OLD.id;
  INSERT INTO ct_memory_entry VALUES ('problem_solutions', NEW.id);
END;
CREATE TRIGGER ct_memory_solutions_delete AFTER DELETE ON problem_solutions BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'problem_solutions' AND source_id = OLD.id;
END;

-- In bulk, as the others: see 0010_bulk.sql.
CREATE TRIGGER ct_memory_queue_solutions_insert AFTER INSERT ON problem_solutions WHEN EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  INSERT INTO ct_memory_queue (source_table, source_id) VALUES ('problem_solutions', NEW.id);
END;
CREATE TRIGGER ct_memory_queue_solutions_update AFTER UPDATE OF id, work_item_id, session_id, client_id, title, problem_description, symptoms, error_message, root_cause, solution_applied, tags ON problem_solutions WHEN EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'problem_solutions' AND source_id = OLD.id;
  INSERT INTO ct_memory_queue (source_table, source_id) VALUES ('problem_solutions', NEW.id);
END;
DROP TRIGGER context_tags_solutions_insert;
CREATE TRIGGER context_tags_solutions_insert AFTER INSERT ON problem_solutions WHEN NEW.tags IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  INSERT OR IGNORE INTO context_tags (source_table, source_id, tag)
    SELECT 'problem_solutions', NEW.id, value FROM json_each(iif(json_valid(NEW.tags), NEW.tags, '[]')) WHERE type = 'text';
END;
DROP TRIGGER context_tags_solutions_update;
CREATE TRIGGER context_tags_solutions_update AFTER UPDATE OF id, tags ON problem_solutions WHEN NOT EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  DELETE FROM context_tags WHERE source_table = 'problem_solutions' AND source_id = OLD.id;
  INSERT OR IGNORE INTO context_tags (source_table, source_id, tag)
    SELECT 'problem_solutions', NEW.id, value FROM json_each(iif(json_valid(NEW.tags), NEW.tags, '[]')) WHERE type = 'text';
END;
DROP TRIGGER ct_memory_late_insert;
CREATE TRIGGER ct_memory_late_insert INSTEAD OF INSERT ON ct_memory_late BEGIN
  INSERT INTO ct_memory_entry VALUES (NEW.source_table, NEW.source_id);
  DELETE FROM context_tags WHERE source_table = NEW.source_table AND source_id = NEW.source_id;
  INSERT OR IGNORE INTO context_tags (source_table, source_id, tag)
    SELECT NEW.source_table, NEW.source_id, value FROM json_each((
      SELECT iif(json_valid(tags), tags, '[]') FROM (
        SELECT tags FROM conversation_contexts WHERE NEW.source_table = 'conversation_contexts' AND id = NEW.source_id
        UNION ALL SELECT tags FROM context_snippets WHERE NEW.source_table = 'context_snippets' AND id = NEW.source_id
        UNION ALL SELECT tags FROM decision_logs WHERE NEW.source_table = 'decision_logs' AND id = NEW.source_id
        UNION ALL SELECT tags FROM problem_solutions WHERE NEW.source_table = 'problem_solutions' AND id = NEW.source_id)))
     WHERE type = 'text';
END;

-- What a solution leads to changes, or comes after it. It is out of the index at once, and indexed anew by the daemon: to
-- compile all of what indexes a row into every write of a session or a work item would cost each more than the write.
CREATE TRIGGER ct_memory_solutions_session AFTER UPDATE OF client_id, project_id ON sessions
WHEN OLD.client_id IS NOT NEW.client_id OR OLD.project_id IS NOT NEW.project_id BEGIN
  INSERT INTO ct_memory_queue (source_table, source_id) SELECT 'problem_solutions', id FROM (
    SELECT id FROM problem_solutions
     WHERE session_id = NEW.id OR work_item_id IN (SELECT id FROM work_items WHERE session_id = NEW.id));
  DELETE FROM ct_memory_entry WHERE source_table = 'problem_solutions' AND source_id IN (
    SELECT id FROM problem_solutions
     WHERE session_id = NEW.id OR work_item_id IN (SELECT id FROM work_items WHERE session_id = NEW.id));
END;
CREATE TRIGGER ct_memory_solutions_session_late AFTER INSERT ON sessions BEGIN
  INSERT INTO ct_memory_queue (source_table, source_id) SELECT 'problem_solutions', id FROM (
    SELECT id FROM problem_solutions
     WHERE session_id = NEW.id OR work_item_id IN (SELECT id FROM work_items WHERE session_id = NEW.id));
END;
CREATE TRIGGER ct_memory_solutions_work AFTER UPDATE OF session_id ON work_items WHEN OLD.session_id IS NOT NEW.session_id BEGIN
  INSERT INTO ct_memory_queue (source_table, source_id) SELECT 'problem_solutions', id FROM (
    SELECT id FROM problem_solutions WHERE work_item_id = NEW.id);
  DELETE FROM ct_memory_entry WHERE source_table = 'problem_solutions' AND source_id IN (
    SELECT id FROM problem_solutions WHERE work_item_id = NEW.id);
END;
CREATE TRIGGER ct_memory_solutions_work_late AFTER INSERT ON work_items BEGIN
  INSERT INTO ct_memory_queue (source_table, source_id) SELECT 'problem_solutions', id FROM (
    SELECT id FROM problem_solutions WHERE work_item_id = NEW.id);
END;
CREATE TRIGGER ct_memory_solutions_project AFTER UPDATE OF client_id ON projects WHEN OLD.client_id IS NOT NEW.client_id BEGIN
  INSERT INTO ct_memory_queue (source_table, source_id) SELECT 'problem_solutions', id FROM (
    SELECT solution.id FROM sessions AS session JOIN problem_solutions AS solution ON solution.session_id = session.id
     WHERE session.project_id = NEW.id
    UNION
    SELECT solution.id FROM sessions AS session JOIN work_items AS item ON item.session_id = session.id
      JOIN problem_solutions AS solution ON solution.work_item_id = item.id
     WHERE session.project_id = NEW.id);
  DELETE FROM ct_memory_entry WHERE source_table = 'problem_solutions' AND source_id IN (
    SELECT solution.id FROM sessions AS session JOIN problem_solutions AS solution ON solution.session_id = session.id
     WHERE session.project_id = NEW.id
    UNION
    SELECT solution.id FROM sessions AS session JOIN work_items AS item ON item.session_id = session.id
      JOIN problem_solutions AS solution ON solution.work_item_id = item.id
     WHERE session.project_id = NEW.id);
END;
CREATE TRIGGER ct_memory_solutions_project_late AFTER INSERT ON projects BEGIN
  INSERT INTO ct_memory_queue (source_table, source_id) SELECT 'problem_solutions', id FROM (
    SELECT solution.id FROM sessions AS session JOIN problem_solutions AS solution ON solution.session_id = session.id
     WHERE session.project_id = NEW.id
    UNION
    SELECT solution.id FROM sessions AS session JOIN work_items AS item ON item.session_id = session.id
      JOIN problem_solutions AS solution ON solution.work_item_id = item.id
     WHERE session.project_id = NEW.id);
END;

-- Those that are here already: the daemon indexes them in small steps.
INSERT INTO ct_memory_queue (source_table, source_id)
  SELECT 'problem_solutions', id FROM problem_solutions ORDER BY created_at, id;
