-- The drafts of billable time that this machine has made: what each stood for and how it was written. A row that is no
-- longer as it was written, or is gone, was changed by a person: its time is theirs, and no draft is made of it again.
CREATE TABLE ct_time_drafts (
  id        TEXT NOT NULL PRIMARY KEY,  -- billable_time.id
  client_id TEXT NOT NULL,
  user_id   TEXT NOT NULL,
  start_us  INTEGER NOT NULL,
  end_us    INTEGER NOT NULL,
  digest    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
