-- What recall searches: an index over the four context tables, derived, of this machine only.
--
-- Triggers keep it, so that every writer feeds it in the same transaction: capture, the command line, and the rows
-- that the sync applies with plain INSERT, UPDATE and DELETE (never REPLACE, whose delete fires no trigger).

-- A scope is one pair of project and client; both may be absent (''). Memories are numbered scope by scope
-- (id = scope << 32 | position), so that a search within one project reads one range of the index.
CREATE TABLE ct_memory_scope (
  scope      INTEGER PRIMARY KEY CHECK (scope BETWEEN 1 AND 2147483647),
  project_id TEXT NOT NULL,
  client_id  TEXT NOT NULL,
  UNIQUE (project_id, client_id)
) STRICT;

CREATE TABLE ct_memory (
  id           INTEGER PRIMARY KEY,
  source_table TEXT NOT NULL,
  source_id    TEXT NOT NULL,
  UNIQUE (source_table, source_id)
) STRICT;

-- Contentless: the text is in the source tables and is not kept twice.
CREATE VIRTUAL TABLE ct_memory_fts USING fts5 (
  title, body, tags,
  content = '', contentless_delete = 1, tokenize = 'porter unicode61 remove_diacritics 2'
);

-- One shape for the four tables: what is indexed of each, and what a hit shows.
CREATE VIEW ct_memory_source (
  source_table, source_id, kind, project_id, client_id, session_id, machine_id,
  title, body, tags, importance, usage_count, created_at, updated_at
) AS
SELECT 'conversation_contexts', id, context_type, project_id, NULL, session_id, machine_id,
       title, dense_summary, tags, relevance_score, usage_count, created_at, updated_at
  FROM conversation_contexts
UNION ALL
SELECT 'context_snippets', id, snippet_type, project_id, client_id, NULL, NULL,
       title, dense_content, tags, relevance_score, usage_count, created_at, updated_at
  FROM context_snippets
UNION ALL
SELECT 'decision_logs', id, 'decision', project_id, NULL, session_id, NULL,
       title, decision_text || coalesce(char(10) || rationale, ''), tags,
       CASE impact WHEN 'high' THEN 900 WHEN 'low' THEN 600 ELSE 750 END, 0, created_at, updated_at
  FROM decision_logs WHERE superseded_by_id IS NULL
UNION ALL
SELECT 'project_states', id, 'state', project_id, NULL, last_session_id, NULL,
       coalesce(current_phase, ''), coalesce(context_summary, ''), NULL,
       600, 0, created_at, updated_at
  FROM project_states;

-- Entries are made and dropped by name: a row of ct_memory_entry stands for the source row of that name.
CREATE VIEW ct_memory_entry (source_table, source_id) AS SELECT source_table, source_id FROM ct_memory;

CREATE TRIGGER ct_memory_entry_insert INSTEAD OF INSERT ON ct_memory_entry BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = NEW.source_table AND source_id = NEW.source_id;
  INSERT OR IGNORE INTO ct_memory_scope (project_id, client_id)
    SELECT coalesce(project_id, ''), coalesce(client_id, '') FROM ct_memory_source
     WHERE source_table = NEW.source_table AND source_id = NEW.source_id;
  INSERT INTO ct_memory (id, source_table, source_id)
    SELECT 1 + coalesce((SELECT max(id) FROM ct_memory
                          WHERE id BETWEEN scope.scope << 32 AND (scope.scope << 32) + 4294967295), scope.scope << 32),
           NEW.source_table, NEW.source_id
      FROM ct_memory_source AS source
      JOIN ct_memory_scope AS scope
        ON scope.project_id = coalesce(source.project_id, '') AND scope.client_id = coalesce(source.client_id, '')
     WHERE source.source_table = NEW.source_table AND source.source_id = NEW.source_id;
  INSERT INTO ct_memory_fts (rowid, title, body, tags)
    SELECT (SELECT id FROM ct_memory WHERE source_table = NEW.source_table AND source_id = NEW.source_id),
           title, body, tags
      FROM ct_memory_source WHERE source_table = NEW.source_table AND source_id = NEW.source_id;
END;

CREATE TRIGGER ct_memory_entry_delete INSTEAD OF DELETE ON ct_memory_entry BEGIN
  DELETE FROM ct_memory_fts WHERE rowid =
    (SELECT id FROM ct_memory WHERE source_table = OLD.source_table AND source_id = OLD.source_id);
  DELETE FROM ct_memory WHERE source_table = OLD.source_table AND source_id = OLD.source_id;
END;

CREATE TRIGGER ct_memory_contexts_insert AFTER INSERT ON conversation_contexts BEGIN
  INSERT INTO ct_memory_entry VALUES ('conversation_contexts', NEW.id);
END;
CREATE TRIGGER ct_memory_contexts_update AFTER UPDATE OF id, project_id, title, dense_summary, tags ON conversation_contexts BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'conversation_contexts' AND source_id = OLD.id;
  INSERT INTO ct_memory_entry VALUES ('conversation_contexts', NEW.id);
END;
CREATE TRIGGER ct_memory_contexts_delete AFTER DELETE ON conversation_contexts BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'conversation_contexts' AND source_id = OLD.id;
END;

CREATE TRIGGER ct_memory_snippets_insert AFTER INSERT ON context_snippets BEGIN
  INSERT INTO ct_memory_entry VALUES ('context_snippets', NEW.id);
END;
CREATE TRIGGER ct_memory_snippets_update AFTER UPDATE OF id, project_id, client_id, title, dense_content, tags ON context_snippets BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'context_snippets' AND source_id = OLD.id;
  INSERT INTO ct_memory_entry VALUES ('context_snippets', NEW.id);
END;
CREATE TRIGGER ct_memory_snippets_delete AFTER DELETE ON context_snippets BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'context_snippets' AND source_id = OLD.id;
END;

CREATE TRIGGER ct_memory_decisions_insert AFTER INSERT ON decision_logs BEGIN
  INSERT INTO ct_memory_entry VALUES ('decision_logs', NEW.id);
END;
CREATE TRIGGER ct_memory_decisions_update AFTER UPDATE OF id, project_id, title, decision_text, rationale, tags, superseded_by_id ON decision_logs BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'decision_logs' AND source_id = OLD.id;
  INSERT INTO ct_memory_entry VALUES ('decision_logs', NEW.id);
END;
CREATE TRIGGER ct_memory_decisions_delete AFTER DELETE ON decision_logs BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'decision_logs' AND source_id = OLD.id;
END;

CREATE TRIGGER ct_memory_states_insert AFTER INSERT ON project_states BEGIN
  INSERT INTO ct_memory_entry VALUES ('project_states', NEW.id);
END;
CREATE TRIGGER ct_memory_states_update AFTER UPDATE OF id, project_id, current_phase, context_summary ON project_states BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'project_states' AND source_id = OLD.id;
  INSERT INTO ct_memory_entry VALUES ('project_states', NEW.id);
END;
CREATE TRIGGER ct_memory_states_delete AFTER DELETE ON project_states BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'project_states' AND source_id = OLD.id;
END;

-- context_tags: one row for each tag in the tags arrays. A value that is no JSON array has no tags.
CREATE TRIGGER context_tags_contexts_insert AFTER INSERT ON conversation_contexts WHEN NEW.tags IS NOT NULL BEGIN
  INSERT OR IGNORE INTO context_tags (source_table, source_id, tag)
    SELECT 'conversation_contexts', NEW.id, value FROM json_each(iif(json_valid(NEW.tags), NEW.tags, '[]')) WHERE type = 'text';
END;
CREATE TRIGGER context_tags_contexts_update AFTER UPDATE OF id, tags ON conversation_contexts BEGIN
  DELETE FROM context_tags WHERE source_table = 'conversation_contexts' AND source_id = OLD.id;
  INSERT OR IGNORE INTO context_tags (source_table, source_id, tag)
    SELECT 'conversation_contexts', NEW.id, value FROM json_each(iif(json_valid(NEW.tags), NEW.tags, '[]')) WHERE type = 'text';
END;
CREATE TRIGGER context_tags_contexts_delete AFTER DELETE ON conversation_contexts BEGIN
  DELETE FROM context_tags WHERE source_table = 'conversation_contexts' AND source_id = OLD.id;
END;

CREATE TRIGGER context_tags_snippets_insert AFTER INSERT ON context_snippets WHEN NEW.tags IS NOT NULL BEGIN
  INSERT OR IGNORE INTO context_tags (source_table, source_id, tag)
    SELECT 'context_snippets', NEW.id, value FROM json_each(iif(json_valid(NEW.tags), NEW.tags, '[]')) WHERE type = 'text';
END;
CREATE TRIGGER context_tags_snippets_update AFTER UPDATE OF id, tags ON context_snippets BEGIN
  DELETE FROM context_tags WHERE source_table = 'context_snippets' AND source_id = OLD.id;
  INSERT OR IGNORE INTO context_tags (source_table, source_id, tag)
    SELECT 'context_snippets', NEW.id, value FROM json_each(iif(json_valid(NEW.tags), NEW.tags, '[]')) WHERE type = 'text';
END;
CREATE TRIGGER context_tags_snippets_delete AFTER DELETE ON context_snippets BEGIN
  DELETE FROM context_tags WHERE source_table = 'context_snippets' AND source_id = OLD.id;
END;

CREATE TRIGGER context_tags_decisions_insert AFTER INSERT ON decision_logs WHEN NEW.tags IS NOT NULL BEGIN
  INSERT OR IGNORE INTO context_tags (source_table, source_id, tag)
    SELECT 'decision_logs', NEW.id, value FROM json_each(iif(json_valid(NEW.tags), NEW.tags, '[]')) WHERE type = 'text';
END;
CREATE TRIGGER context_tags_decisions_update AFTER UPDATE OF id, tags ON decision_logs BEGIN
  DELETE FROM context_tags WHERE source_table = 'decision_logs' AND source_id = OLD.id;
  INSERT OR IGNORE INTO context_tags (source_table, source_id, tag)
    SELECT 'decision_logs', NEW.id, value FROM json_each(iif(json_valid(NEW.tags), NEW.tags, '[]')) WHERE type = 'text';
END;
CREATE TRIGGER context_tags_decisions_delete AFTER DELETE ON decision_logs BEGIN
  DELETE FROM context_tags WHERE source_table = 'decision_logs' AND source_id = OLD.id;
END;

CREATE TRIGGER context_tags_solutions_insert AFTER INSERT ON problem_solutions WHEN NEW.tags IS NOT NULL BEGIN
  INSERT OR IGNORE INTO context_tags (source_table, source_id, tag)
    SELECT 'problem_solutions', NEW.id, value FROM json_each(iif(json_valid(NEW.tags), NEW.tags, '[]')) WHERE type = 'text';
END;
CREATE TRIGGER context_tags_solutions_update AFTER UPDATE OF id, tags ON problem_solutions BEGIN
  DELETE FROM context_tags WHERE source_table = 'problem_solutions' AND source_id = OLD.id;
  INSERT OR IGNORE INTO context_tags (source_table, source_id, tag)
    SELECT 'problem_solutions', NEW.id, value FROM json_each(iif(json_valid(NEW.tags), NEW.tags, '[]')) WHERE type = 'text';
END;
CREATE TRIGGER context_tags_solutions_delete AFTER DELETE ON problem_solutions BEGIN
  DELETE FROM context_tags WHERE source_table = 'problem_solutions' AND source_id = OLD.id;
END;
