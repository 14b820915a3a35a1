-- Bookkeeping of the hooks, of this machine only: what came in, where each conversation stands, what it was given.

-- Events taken in, written in the transaction of their rows: an event that comes twice (live and spooled) counts once.
CREATE TABLE ct_hook_events (
  event_id TEXT    NOT NULL PRIMARY KEY,
  event    TEXT    NOT NULL,
  at_us    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ct_hook_events_at ON ct_hook_events (at_us);

-- One row a conversation of the client. Rows of entity tables are found by their natural keys, never by ids kept here:
-- when two machines' rows become one, an id may change.
CREATE TABLE ct_hook_sessions (
  claude_session_id TEXT    NOT NULL PRIMARY KEY,
  project_slug      TEXT    NOT NULL,
  cwd               TEXT    NOT NULL,
  transcript_path   TEXT,
  transcript_offset INTEGER NOT NULL,   -- bytes that were read of it
  copied_until_us   INTEGER NOT NULL,   -- a fork's transcript begins with a copy: prompts up to then are another's
  turn_id           TEXT,               -- ct_hook_turns.turn_id of the latest prompt
  turns             INTEGER NOT NULL,
  last_event_us     INTEGER NOT NULL,
  ended_us          INTEGER NOT NULL,   -- 0 while it goes on
  transcript_due    INTEGER NOT NULL    -- 1 when the transcript is to be read
) STRICT, WITHOUT ROWID;
CREATE INDEX ct_hook_sessions_open ON ct_hook_sessions (ended_us, last_event_us);
CREATE INDEX ct_hook_sessions_due ON ct_hook_sessions (transcript_due);

-- One row a prompt: its parts, from which the memory of the turn is made again when another part arrives.
CREATE TABLE ct_hook_turns (
  turn_id           TEXT    NOT NULL PRIMARY KEY,  -- the client's prompt id, or one made from session and prompt
  claude_session_id TEXT    NOT NULL,
  work_item_id      TEXT    NOT NULL,
  context_id        TEXT    NOT NULL,
  started_us        INTEGER NOT NULL,
  state             TEXT    NOT NULL CHECK (state IN ('open', 'answered', 'failed', 'interrupted')),
  parts             BLOB    NOT NULL               -- zstd of JSON: prompt, answers, helpers
) STRICT, WITHOUT ROWID;
CREATE INDEX ct_hook_turns_session ON ct_hook_turns (claude_session_id, started_us);

-- What each conversation was given already; version tells a state that has changed since.
CREATE TABLE ct_injected (
  claude_session_id TEXT    NOT NULL,
  source_table      TEXT    NOT NULL,
  source_id         TEXT    NOT NULL,
  version           TEXT    NOT NULL DEFAULT '',
  at_us             INTEGER NOT NULL,
  tokens            INTEGER NOT NULL,
  PRIMARY KEY (claude_session_id, source_table, source_id, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX ct_injected_at ON ct_injected (at_us);

-- Events that could not be read, kept for a look; the newest only.
CREATE TABLE ct_hook_rejected (
  event_id TEXT    NOT NULL PRIMARY KEY,
  event    TEXT    NOT NULL,
  reason   TEXT    NOT NULL,
  body     BLOB    NOT NULL,                       -- secrets redacted, cut
  at_us    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ct_hook_rejected_at ON ct_hook_rejected (at_us);

-- Sums for status and doctor.
CREATE TABLE ct_hook_stats (
  event          TEXT    NOT NULL PRIMARY KEY,
  count          INTEGER NOT NULL,
  errors         INTEGER NOT NULL,
  redactions     INTEGER NOT NULL,
  last_us        INTEGER NOT NULL,                 -- when the latest one came
  latency_us_sum INTEGER NOT NULL,
  latency_us_max INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
