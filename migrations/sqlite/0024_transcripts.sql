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
