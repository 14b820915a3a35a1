-- What recall searches is an index in files beside the replica, derived like the one in the replica and never the truth. It
-- follows this log: which entries came, went or were made anew, in the order in which that was committed. The entry of a
-- number is looked at when the log is read, so that reading it twice does no harm. What the files hold is taken out of it.
CREATE TABLE ct_memory_log (
  seq    INTEGER PRIMARY KEY AUTOINCREMENT,
  memory INTEGER NOT NULL
) STRICT;

CREATE TRIGGER ct_memory_log_insert AFTER INSERT ON ct_memory BEGIN
  INSERT INTO ct_memory_log (memory) VALUES (NEW.id);
END;
CREATE TRIGGER ct_memory_log_delete AFTER DELETE ON ct_memory BEGIN
  INSERT INTO ct_memory_log (memory) VALUES (OLD.id);
END;

-- The state of the files that belongs to this state of the replica: after a replica was put back from a backup, it does not.
CREATE TABLE ct_memory_index (
  id    INTEGER PRIMARY KEY CHECK (id = 1),
  token TEXT NOT NULL
) STRICT;
