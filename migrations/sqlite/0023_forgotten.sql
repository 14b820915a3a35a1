-- What was forgotten on purpose: names of rows, never their text. Every machine takes out what is named here, also when it
-- comes back: by a late event, a transcript, an import, or an edit that a machine made before it heard of it.
CREATE TABLE forgotten (
  id           TEXT NOT NULL,
  source_table TEXT NOT NULL,
  source_id    TEXT NOT NULL,
  forgotten_at TEXT NOT NULL,
  created_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id)
) STRICT;
CREATE INDEX idx_forgotten_source ON forgotten (source_table, source_id);

-- What is still to be taken out here: names of `forgotten` that are new, or whose rows have come back.
CREATE TABLE ct_forget_due (
  source_table TEXT NOT NULL,
  source_id    TEXT NOT NULL,
  PRIMARY KEY (source_table, source_id)
) STRICT, WITHOUT ROWID;

-- Rows whose last images central may still hold in its log of changes.
CREATE TABLE ct_forget_central (
  tbl TEXT NOT NULL,
  pk  TEXT NOT NULL,
  PRIMARY KEY (tbl, pk)
) STRICT, WITHOUT ROWID;

-- There since something was taken out whose bytes may still be in the files of this machine.
CREATE TABLE ct_forget_clean (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  since_us INTEGER NOT NULL
) STRICT;

-- The turn of a memory is found by it.
CREATE INDEX ct_hook_turns_context ON ct_hook_turns (context_id);

CREATE TRIGGER ct_forget_named AFTER INSERT ON forgotten BEGIN
  INSERT OR IGNORE INTO ct_forget_due VALUES (NEW.source_table, NEW.source_id);
END;
CREATE TRIGGER ct_forget_named_later AFTER UPDATE OF forgotten_at ON forgotten BEGIN
  INSERT OR IGNORE INTO ct_forget_due VALUES (NEW.source_table, NEW.source_id);
END;

CREATE TRIGGER ct_forget_contexts AFTER INSERT ON conversation_contexts
WHEN EXISTS (SELECT 1 FROM forgotten WHERE source_table = 'conversation_contexts' AND source_id = NEW.id) BEGIN
  INSERT OR IGNORE INTO ct_forget_due VALUES ('conversation_contexts', NEW.id);
END;
CREATE TRIGGER ct_forget_snippets AFTER INSERT ON context_snippets
WHEN EXISTS (SELECT 1 FROM forgotten WHERE source_table = 'context_snippets' AND source_id = NEW.id) BEGIN
  INSERT OR IGNORE INTO ct_forget_due VALUES ('context_snippets', NEW.id);
END;
CREATE TRIGGER ct_forget_decisions AFTER INSERT ON decision_logs
WHEN EXISTS (SELECT 1 FROM forgotten WHERE source_table = 'decision_logs' AND source_id = NEW.id) BEGIN
  INSERT OR IGNORE INTO ct_forget_due VALUES ('decision_logs', NEW.id);
END;
CREATE TRIGGER ct_forget_states AFTER INSERT ON project_states
WHEN EXISTS (SELECT 1 FROM forgotten WHERE source_table = 'project_states' AND source_id = NEW.id) BEGIN
  INSERT OR IGNORE INTO ct_forget_due VALUES ('project_states', NEW.id);
END;
CREATE TRIGGER ct_forget_solutions AFTER INSERT ON problem_solutions
WHEN EXISTS (SELECT 1 FROM forgotten WHERE source_table = 'problem_solutions' AND source_id = NEW.id) BEGIN
  INSERT OR IGNORE INTO ct_forget_due VALUES ('problem_solutions', NEW.id);
END;
CREATE TRIGGER ct_forget_files AFTER INSERT ON file_changes
WHEN EXISTS (SELECT 1 FROM forgotten WHERE source_table = 'file_changes' AND source_id = NEW.id) BEGIN
  INSERT OR IGNORE INTO ct_forget_due VALUES ('file_changes', NEW.id);
END;
CREATE TRIGGER ct_forget_commands AFTER INSERT ON command_runs
WHEN EXISTS (SELECT 1 FROM forgotten WHERE source_table = 'command_runs' AND source_id = NEW.id) BEGIN
  INSERT OR IGNORE INTO ct_forget_due VALUES ('command_runs', NEW.id);
END;
CREATE TRIGGER ct_forget_failures AFTER INSERT ON operation_failures
WHEN EXISTS (SELECT 1 FROM forgotten WHERE source_table = 'operation_failures' AND source_id = NEW.id) BEGIN
  INSERT OR IGNORE INTO ct_forget_due VALUES ('operation_failures', NEW.id);
END;
-- Work stays, without its words.
CREATE TRIGGER ct_forget_work AFTER INSERT ON work_items
WHEN EXISTS (SELECT 1 FROM forgotten WHERE source_table = 'work_items' AND source_id = NEW.id) BEGIN
  INSERT OR IGNORE INTO ct_forget_due VALUES ('work_items', NEW.id);
END;
CREATE TRIGGER ct_forget_work_again AFTER UPDATE OF title, description ON work_items
WHEN EXISTS (SELECT 1 FROM forgotten WHERE source_table = 'work_items' AND source_id = NEW.id) BEGIN
  INSERT OR IGNORE INTO ct_forget_due VALUES ('work_items', NEW.id);
END;
