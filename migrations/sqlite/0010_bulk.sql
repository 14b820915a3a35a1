-- Rows that come from central by the thousand. Indexing their text costs several times what storing them does, so it is
-- put off: they enter a queue in the transaction that stores them, and the daemon indexes them in small steps afterwards.
-- What is written here, and what comes in small pages, is indexed at once, as before.

-- Holds a row only within a transaction that stores many rows: nobody else ever sees it.
CREATE TABLE ct_memory_bulk (
  id INTEGER PRIMARY KEY CHECK (id = 1)
) STRICT;

-- What is stored and not indexed yet, in the order in which it came. An entry may name a row that is gone again, or twice
-- the same: indexing by name does no harm then.
CREATE TABLE ct_memory_queue (
  position     INTEGER PRIMARY KEY,
  source_table TEXT NOT NULL,
  source_id    TEXT NOT NULL
) STRICT;

-- A row inserted here is indexed late: as the triggers below would have done, for the source row of that name.
CREATE VIEW ct_memory_late (source_table, source_id) AS SELECT source_table, source_id FROM ct_memory_queue;
CREATE TRIGGER ct_memory_late_insert INSTEAD OF INSERT ON ct_memory_late BEGIN
  INSERT INTO ct_memory_entry VALUES (NEW.source_table, NEW.source_id);
  DELETE FROM context_tags WHERE source_table = NEW.source_table AND source_id = NEW.source_id;
  INSERT OR IGNORE INTO context_tags (source_table, source_id, tag)
    SELECT NEW.source_table, NEW.source_id, value FROM json_each((
      SELECT iif(json_valid(tags), tags, '[]') FROM (
        SELECT tags FROM conversation_contexts WHERE NEW.source_table = 'conversation_contexts' AND id = NEW.source_id
        UNION ALL SELECT tags FROM context_snippets WHERE NEW.source_table = 'context_snippets' AND id = NEW.source_id
        UNION ALL SELECT tags FROM decision_logs WHERE NEW.source_table = 'decision_logs' AND id = NEW.source_id)))
     WHERE type = 'text';
END;

-- Unless it is in bulk: as before.
DROP TRIGGER ct_memory_contexts_insert;
CREATE TRIGGER ct_memory_contexts_insert AFTER INSERT ON conversation_contexts WHEN NOT EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  INSERT INTO ct_memory_entry VALUES ('conversation_contexts', NEW.id);
END;
DROP TRIGGER ct_memory_contexts_update;
CREATE TRIGGER ct_memory_contexts_update AFTER UPDATE OF id, project_id, title, dense_summary, tags ON conversation_contexts WHEN NOT EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'conversation_contexts' AND source_id = OLD.id;
  INSERT INTO ct_memory_entry VALUES ('conversation_contexts', NEW.id);
END;
DROP TRIGGER ct_memory_snippets_insert;
CREATE TRIGGER ct_memory_snippets_insert AFTER INSERT ON context_snippets WHEN NOT EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  INSERT INTO ct_memory_entry VALUES ('context_snippets', NEW.id);
END;
DROP TRIGGER ct_memory_snippets_update;
CREATE TRIGGER ct_memory_snippets_update AFTER UPDATE OF id, project_id, client_id, title, dense_content, tags ON context_snippets WHEN NOT EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'context_snippets' AND source_id = OLD.id;
  INSERT INTO ct_memory_entry VALUES ('context_snippets', NEW.id);
END;
DROP TRIGGER ct_memory_decisions_insert;
CREATE TRIGGER ct_memory_decisions_insert AFTER INSERT ON decision_logs WHEN NOT EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  INSERT INTO ct_memory_entry VALUES ('decision_logs', NEW.id);
END;
DROP TRIGGER ct_memory_decisions_update;
CREATE TRIGGER ct_memory_decisions_update AFTER UPDATE OF id, project_id, title, decision_text, rationale, tags, superseded_by_id ON decision_logs WHEN NOT EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'decision_logs' AND source_id = OLD.id;
  INSERT INTO ct_memory_entry VALUES ('decision_logs', NEW.id);
END;
DROP TRIGGER ct_memory_states_insert;
CREATE TRIGGER ct_memory_states_insert AFTER INSERT ON project_states WHEN NOT EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  INSERT INTO ct_memory_entry VALUES ('project_states', NEW.id);
END;
DROP TRIGGER ct_memory_states_update;
CREATE TRIGGER ct_memory_states_update AFTER UPDATE OF id, project_id, current_phase, context_summary ON project_states WHEN NOT EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'project_states' AND source_id = OLD.id;
  INSERT INTO ct_memory_entry VALUES ('project_states', NEW.id);
END;
DROP TRIGGER context_tags_contexts_insert;
CREATE TRIGGER context_tags_contexts_insert AFTER INSERT ON conversation_contexts WHEN NEW.tags IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  INSERT OR IGNORE INTO context_tags (source_table, source_id, tag)
    SELECT 'conversation_contexts', NEW.id, value FROM json_each(iif(json_valid(NEW.tags), NEW.tags, '[]')) WHERE type = 'text';
END;
DROP TRIGGER context_tags_contexts_update;
CREATE TRIGGER context_tags_contexts_update AFTER UPDATE OF id, tags ON conversation_contexts WHEN NOT EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  DELETE FROM context_tags WHERE source_table = 'conversation_contexts' AND source_id = OLD.id;
  INSERT OR IGNORE INTO context_tags (source_table, source_id, tag)
    SELECT 'conversation_contexts', NEW.id, value FROM json_each(iif(json_valid(NEW.tags), NEW.tags, '[]')) WHERE type = 'text';
END;
DROP TRIGGER context_tags_snippets_insert;
CREATE TRIGGER context_tags_snippets_insert AFTER INSERT ON context_snippets WHEN NEW.tags IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  INSERT OR IGNORE INTO context_tags (source_table, source_id, tag)
    SELECT 'context_snippets', NEW.id, value FROM json_each(iif(json_valid(NEW.tags), NEW.tags, '[]')) WHERE type = 'text';
END;
DROP TRIGGER context_tags_snippets_update;
CREATE TRIGGER context_tags_snippets_update AFTER UPDATE OF id, tags ON context_snippets WHEN NOT EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  DELETE FROM context_tags WHERE source_table = 'context_snippets' AND source_id = OLD.id;
  INSERT OR IGNORE INTO context_tags (source_table, source_id, tag)
    SELECT 'context_snippets', NEW.id, value FROM json_each(iif(json_valid(NEW.tags), NEW.tags, '[]')) WHERE type = 'text';
END;
DROP TRIGGER context_tags_decisions_insert;
CREATE TRIGGER context_tags_decisions_insert AFTER INSERT ON decision_logs WHEN NEW.tags IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  INSERT OR IGNORE INTO context_tags (source_table, source_id, tag)
    SELECT 'decision_logs', NEW.id, value FROM json_each(iif(json_valid(NEW.tags), NEW.tags, '[]')) WHERE type = 'text';
END;
DROP TRIGGER context_tags_decisions_update;
CREATE TRIGGER context_tags_decisions_update AFTER UPDATE OF id, tags ON decision_logs WHEN NOT EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  DELETE FROM context_tags WHERE source_table = 'decision_logs' AND source_id = OLD.id;
  INSERT OR IGNORE INTO context_tags (source_table, source_id, tag)
    SELECT 'decision_logs', NEW.id, value FROM json_each(iif(json_valid(NEW.tags), NEW.tags, '[]')) WHERE type = 'text';
END;

-- In bulk. A row that changes is out of the index until it is indexed anew: it may have moved to another project, and a
-- client's memory is never shown in another client's.
CREATE TRIGGER ct_memory_queue_contexts_insert AFTER INSERT ON conversation_contexts WHEN EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  INSERT INTO ct_memory_queue (source_table, source_id) VALUES ('conversation_contexts', NEW.id);
END;
CREATE TRIGGER ct_memory_queue_contexts_update AFTER UPDATE OF id, project_id, title, dense_summary, tags ON conversation_contexts WHEN EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'conversation_contexts' AND source_id = OLD.id;
  INSERT INTO ct_memory_queue (source_table, source_id) VALUES ('conversation_contexts', NEW.id);
END;
CREATE TRIGGER ct_memory_queue_snippets_insert AFTER INSERT ON context_snippets WHEN EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  INSERT INTO ct_memory_queue (source_table, source_id) VALUES ('context_snippets', NEW.id);
END;
CREATE TRIGGER ct_memory_queue_snippets_update AFTER UPDATE OF id, project_id, client_id, title, dense_content, tags ON context_snippets WHEN EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'context_snippets' AND source_id = OLD.id;
  INSERT INTO ct_memory_queue (source_table, source_id) VALUES ('context_snippets', NEW.id);
END;
CREATE TRIGGER ct_memory_queue_decisions_insert AFTER INSERT ON decision_logs WHEN EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  INSERT INTO ct_memory_queue (source_table, source_id) VALUES ('decision_logs', NEW.id);
END;
CREATE TRIGGER ct_memory_queue_decisions_update AFTER UPDATE OF id, project_id, title, decision_text, rationale, tags, superseded_by_id ON decision_logs WHEN EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'decision_logs' AND source_id = OLD.id;
  INSERT INTO ct_memory_queue (source_table, source_id) VALUES ('decision_logs', NEW.id);
END;
CREATE TRIGGER ct_memory_queue_states_insert AFTER INSERT ON project_states WHEN EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  INSERT INTO ct_memory_queue (source_table, source_id) VALUES ('project_states', NEW.id);
END;
CREATE TRIGGER ct_memory_queue_states_update AFTER UPDATE OF id, project_id, current_phase, context_summary ON project_states WHEN EXISTS (SELECT 1 FROM ct_memory_bulk) BEGIN
  DELETE FROM ct_memory_entry WHERE source_table = 'project_states' AND source_id = OLD.id;
  INSERT INTO ct_memory_queue (source_table, source_id) VALUES ('project_states', NEW.id);
END;

-- The snapshot that is being taken, table by table: how far it has come, and how much there is to do.
CREATE TABLE ct_sync_snapshot (
  tbl      TEXT    NOT NULL PRIMARY KEY,
  position INTEGER NOT NULL,   -- the tables' order: parents first
  last_pk  TEXT,               -- the last key that was read, in central's order; NULL before the first page
  done     INTEGER NOT NULL,   -- 1 when all of the table was read
  rows     INTEGER NOT NULL,   -- read so far
  total    INTEGER NOT NULL    -- as central estimated it at the start
) STRICT, WITHOUT ROWID;

-- Of a snapshot of a replica that has rows already: the keys that central has. What is not among them was deleted there.
CREATE TABLE ct_sync_snapshot_seen (
  tbl TEXT NOT NULL,
  pk  TEXT NOT NULL,
  PRIMARY KEY (tbl, pk)
) STRICT, WITHOUT ROWID;
