-- Bookkeeping of transcripts and of what conversations were given, of this machine only.

-- How far each transcript of the client was read, written in the transaction of what was read.
CREATE TABLE ct_transcripts (
  path              TEXT    NOT NULL PRIMARY KEY,
  claude_session_id TEXT    NOT NULL,
  cwd               TEXT    NOT NULL,
  read_to           INTEGER NOT NULL,   -- where the next reading begins: at the last prompt, whose answer may grow
  size              INTEGER NOT NULL,   -- bytes of the file when it was read to its end; 0 before
  head              TEXT    NOT NULL,   -- SHA-256 of the first head_bytes bytes: a file that begins otherwise is another
  head_bytes        INTEGER NOT NULL,
  read_us           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ct_transcripts_session ON ct_transcripts (claude_session_id);

-- What was injected into which conversation, one row each time; kept for 90 days.
CREATE TABLE ct_injections (
  id                INTEGER PRIMARY KEY,
  claude_session_id TEXT    NOT NULL,
  project           TEXT    NOT NULL,   -- slug
  event             TEXT    NOT NULL,   -- SessionStart or UserPromptSubmit
  at_us             INTEGER NOT NULL,
  tokens            INTEGER NOT NULL,   -- of the whole text
  history           INTEGER NOT NULL    -- at a conversation's first: tokens of all that the project's memory holds; else 0
) STRICT;
CREATE INDEX ct_injections_session ON ct_injections (claude_session_id);
CREATE INDEX ct_injections_at ON ct_injections (at_us);

-- The memories in it.
CREATE TABLE ct_injected_memories (
  injection    INTEGER NOT NULL,
  source_table TEXT    NOT NULL,
  source_id    TEXT    NOT NULL,
  tokens       INTEGER NOT NULL,
  marks        BLOB    NOT NULL,        -- rare terms of it, as hashes, by which its use is told
  used_us      INTEGER,                 -- when an answer took it up
  PRIMARY KEY (injection, source_table, source_id)
) STRICT, WITHOUT ROWID;

-- Sums of each day (UTC) and project, kept.
CREATE TABLE ct_usage_days (
  day        TEXT    NOT NULL,
  project    TEXT    NOT NULL,          -- slug
  prompts    INTEGER NOT NULL DEFAULT 0,
  sessions   INTEGER NOT NULL DEFAULT 0,   -- conversations with a first injection on that day
  injections INTEGER NOT NULL DEFAULT 0,
  memories   INTEGER NOT NULL DEFAULT 0,
  used       INTEGER NOT NULL DEFAULT 0,   -- of the memories that were injected on that day
  tokens     INTEGER NOT NULL DEFAULT 0,
  history    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (day, project)
) STRICT, WITHOUT ROWID;
