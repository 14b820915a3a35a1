-- What a memory counts beside its words is in the index in files too (0019_index.sql): a change of it is in the log like one
-- of the text, so that recall knows without reading a row what it can be worth. The text index need not hear of it. Use is
-- no part of it: it changes often, and a turn that is taken in anew stands apart from its neighbours until files are merged.
CREATE TRIGGER ct_memory_contexts_weighed AFTER UPDATE OF relevance_score, session_id, context_type, created_at ON conversation_contexts
WHEN OLD.relevance_score <> NEW.relevance_score OR OLD.session_id IS NOT NEW.session_id
  OR OLD.context_type <> NEW.context_type OR OLD.created_at <> NEW.created_at BEGIN
  INSERT INTO ct_memory_log (memory)
    SELECT id FROM ct_memory WHERE source_table = 'conversation_contexts' AND source_id = NEW.id;
END;
CREATE TRIGGER ct_memory_snippets_weighed AFTER UPDATE OF relevance_score, created_at ON context_snippets
WHEN OLD.relevance_score <> NEW.relevance_score OR OLD.created_at <> NEW.created_at BEGIN
  INSERT INTO ct_memory_log (memory)
    SELECT id FROM ct_memory WHERE source_table = 'context_snippets' AND source_id = NEW.id;
END;
CREATE TRIGGER ct_memory_decisions_weighed AFTER UPDATE OF impact, session_id, created_at ON decision_logs
WHEN OLD.impact IS NOT NEW.impact OR OLD.session_id IS NOT NEW.session_id OR OLD.created_at <> NEW.created_at BEGIN
  INSERT INTO ct_memory_log (memory)
    SELECT id FROM ct_memory WHERE source_table = 'decision_logs' AND source_id = NEW.id;
END;
CREATE TRIGGER ct_memory_states_weighed AFTER UPDATE OF last_session_id, created_at ON project_states
WHEN OLD.last_session_id IS NOT NEW.last_session_id OR OLD.created_at <> NEW.created_at BEGIN
  INSERT INTO ct_memory_log (memory)
    SELECT id FROM ct_memory WHERE source_table = 'project_states' AND source_id = NEW.id;
END;
CREATE TRIGGER ct_memory_solutions_weighed AFTER UPDATE OF created_at ON problem_solutions
WHEN OLD.created_at <> NEW.created_at BEGIN
  INSERT INTO ct_memory_log (memory)
    SELECT id FROM ct_memory WHERE source_table = 'problem_solutions' AND source_id = NEW.id;
END;
