//! The bookkeeping tables of the hooks: events taken, conversations, turns. See `0004_hooks.sql`.

use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use sync::StoreError;
use sync::local::{compress, decompress};

/// Ids of events are kept for so long, in microseconds: longer than any spool waits.
const EVENTS_KEPT_US: u64 = 90 * DAY_US;
/// Turns and conversations are kept for so long: a session may be resumed after weeks.
const TURNS_KEPT_US: u64 = 90 * DAY_US;
pub(super) const DAY_US: u64 = 86_400 * 1_000_000;

/// Enters an event; false when it was taken before.
pub(super) fn admit(db: &Connection, id: &str, event: &str, at_us: u64) -> Result<bool, StoreError> {
    let entered = db
        .prepare_cached("INSERT OR IGNORE INTO ct_hook_events (event_id, event, at_us) VALUES (?1, ?2, ?3)")?
        .execute((id, event, at_us.cast_signed()))?;
    Ok(entered == 1)
}

/// Drops what no late event can refer to any more.
pub(super) fn prune(db: &Connection, now_us: u64) -> Result<(), StoreError> {
    let before = |kept: u64| now_us.saturating_sub(kept).cast_signed();
    db.prepare_cached("DELETE FROM ct_hook_events WHERE at_us < ?1")?.execute([before(EVENTS_KEPT_US)])?;
    let old = "SELECT claude_session_id FROM ct_hook_sessions WHERE ended_us > 0 AND last_event_us < ?1 AND transcript_due = 0";
    db.prepare_cached(&format!("DELETE FROM ct_hook_turns WHERE claude_session_id IN ({old})"))?
        .execute([before(TURNS_KEPT_US)])?;
    db.prepare_cached("DELETE FROM ct_hook_sessions WHERE ended_us > 0 AND last_event_us < ?1 AND transcript_due = 0")?
        .execute([before(TURNS_KEPT_US)])?;
    Ok(())
}

/// Where a conversation of the client stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conversation {
    pub(super) id: String,
    pub(super) project_slug: String,
    pub(super) cwd: String,
    pub(super) transcript_path: Option<String>,
    /// Bytes that were read of the transcript.
    pub(super) transcript_offset: u64,
    /// Prompts of the transcript up to this moment were copied from the conversation that this one was forked from.
    pub(super) copied_until_us: u64,
    /// The latest prompt.
    pub(super) turn_id: Option<String>,
    /// Prompts so far.
    pub(super) turns: i64,
    pub(super) last_event_us: u64,
    /// 0 while it goes on.
    pub(super) ended_us: u64,
    /// True when the transcript is to be read.
    pub(super) transcript_due: bool,
}

const CONVERSATION: &str = "SELECT claude_session_id, project_slug, cwd, transcript_path, transcript_offset, \
    copied_until_us, turn_id, turns, last_event_us, ended_us, transcript_due FROM ct_hook_sessions";

impl Conversation {
    pub(super) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            project_slug: String::new(),
            cwd: String::new(),
            transcript_path: None,
            transcript_offset: 0,
            copied_until_us: 0,
            turn_id: None,
            turns: 0,
            last_event_us: 0,
            ended_us: 0,
            transcript_due: false,
        }
    }

    pub(super) fn load(db: &Connection, id: &str) -> Result<Option<Self>, StoreError> {
        let mut statement = db.prepare_cached(&format!("{CONVERSATION} WHERE claude_session_id = ?1"))?;
        Ok(statement.query_row([id], Self::read).optional()?)
    }

    /// Conversations whose transcript is to be read, those that wait longest first.
    pub(super) fn due(db: &Connection) -> Result<Vec<Self>, StoreError> {
        let sql = format!("{CONVERSATION} WHERE transcript_due = 1 ORDER BY last_event_us");
        let mut statement = db.prepare_cached(&sql)?;
        let found = statement.query_map([], Self::read)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Conversations other than `id` that go on, but have been silent since `before_us`.
    pub(super) fn silent(db: &Connection, id: &str, before_us: u64) -> Result<Vec<Self>, StoreError> {
        let sql = format!("{CONVERSATION} WHERE ended_us = 0 AND last_event_us < ?1 AND claude_session_id <> ?2");
        let mut statement = db.prepare_cached(&sql)?;
        let found = statement.query_map((before_us.cast_signed(), id), Self::read)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    pub(super) fn save(&self, db: &Connection) -> Result<(), StoreError> {
        db.prepare_cached(
            "INSERT OR REPLACE INTO ct_hook_sessions (claude_session_id, project_slug, cwd, transcript_path, \
               transcript_offset, copied_until_us, turn_id, turns, last_event_us, ended_us, transcript_due) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute((
            &self.id,
            &self.project_slug,
            &self.cwd,
            &self.transcript_path,
            self.transcript_offset.cast_signed(),
            self.copied_until_us.cast_signed(),
            &self.turn_id,
            self.turns,
            self.last_event_us.cast_signed(),
            self.ended_us.cast_signed(),
            self.transcript_due,
        ))?;
        Ok(())
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let number = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
        Ok(Self {
            id: row.get(0)?,
            project_slug: row.get(1)?,
            cwd: row.get(2)?,
            transcript_path: row.get(3)?,
            transcript_offset: number(4)?,
            copied_until_us: number(5)?,
            turn_id: row.get(6)?,
            turns: row.get(7)?,
            last_event_us: number(8)?,
            ended_us: number(9)?,
            transcript_due: row.get(10)?,
        })
    }
}

/// How far a turn has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// No answer yet.
    Open,
    /// Answered; more may follow while background tasks run.
    Answered,
    /// Ended by an error of the API.
    Failed,
    /// Never answered.
    Interrupted,
}

impl State {
    const NAMES: [(Self, &'static str); 4] = [
        (Self::Open, "open"),
        (Self::Answered, "answered"),
        (Self::Failed, "failed"),
        (Self::Interrupted, "interrupted"),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(state, _)| *state == self).map_or("open", |(_, name)| name)
    }

    fn of(name: &str) -> Self {
        Self::NAMES.iter().find(|(_, known)| *known == name).map_or(Self::Open, |(state, _)| *state)
    }
}

/// What was said in a turn, without secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parts {
    pub(super) prompt: String,
    /// The assistant's messages at each stop, without repetition.
    pub(super) answers: Vec<String>,
    /// What helpers reported: who, and what.
    pub(super) helpers: Vec<(String, String)>,
    /// When the last answer came, in microseconds since the Unix epoch.
    pub(super) answered_us: u64,
    /// The next prompt said that it did not work, or had it undone.
    #[serde(default)]
    pub(super) taken_back: bool,
}

/// One prompt and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) id: String,
    pub(super) conversation: String,
    pub(super) work_item_id: String,
    pub(super) context_id: String,
    pub(super) started_us: u64,
    pub(super) state: State,
    pub(super) parts: Parts,
}

const TURN: &str =
    "SELECT turn_id, claude_session_id, work_item_id, context_id, started_us, state, parts FROM ct_hook_turns";

impl Turn {
    pub(super) fn load(db: &Connection, id: &str) -> Result<Option<Self>, StoreError> {
        let mut statement = db.prepare_cached(&format!("{TURN} WHERE turn_id = ?1"))?;
        let found = statement.query_row([id], Self::read).optional()?;
        found.map(Self::unpack).transpose()
    }

    /// All turns of a conversation, in order.
    pub(super) fn all(db: &Connection, conversation: &str) -> Result<Vec<Self>, StoreError> {
        let mut statement =
            db.prepare_cached(&format!("{TURN} WHERE claude_session_id = ?1 ORDER BY started_us, turn_id"))?;
        let found = statement.query_map([conversation], Self::read)?.collect::<Result<Vec<_>, _>>()?;
        found.into_iter().map(Self::unpack).collect()
    }

    /// The turns of a conversation that have no answer yet.
    pub(super) fn open(db: &Connection, conversation: &str) -> Result<Vec<Self>, StoreError> {
        let mut statement = db.prepare_cached(&format!("{TURN} WHERE claude_session_id = ?1 AND state = 'open'"))?;
        let found = statement.query_map([conversation], Self::read)?.collect::<Result<Vec<_>, _>>()?;
        found.into_iter().map(Self::unpack).collect()
    }

    /// The turn of a conversation that was the latest at that moment.
    pub(super) fn at(db: &Connection, conversation: &str, at_us: u64) -> Result<Option<Self>, StoreError> {
        let sql = format!(
            "{TURN} WHERE claude_session_id = ?1 AND started_us <= ?2 ORDER BY started_us DESC, turn_id DESC LIMIT 1"
        );
        let found = db.prepare_cached(&sql)?.query_row((conversation, at_us.cast_signed()), Self::read).optional()?;
        found.map(Self::unpack).transpose()
    }

    pub(super) fn save(&self, db: &Connection) -> Result<(), StoreError> {
        let parts = serde_json::to_vec(&self.parts).map_err(StoreError::other)?;
        db.prepare_cached(
            "INSERT OR REPLACE INTO ct_hook_turns (turn_id, claude_session_id, work_item_id, context_id, started_us, state, parts) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            &self.id,
            &self.conversation,
            &self.work_item_id,
            &self.context_id,
            self.started_us.cast_signed(),
            self.state.name(),
            compress(&parts),
        ))?;
        Ok(())
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<(Self, Vec<u8>)> {
        let turn = Self {
            id: row.get(0)?,
            conversation: row.get(1)?,
            work_item_id: row.get(2)?,
            context_id: row.get(3)?,
            started_us: row.get::<_, i64>(4)?.cast_unsigned(),
            state: State::of(&row.get::<_, String>(5)?),
            parts: Parts::default(),
        };
        Ok((turn, row.get(6)?))
    }

    fn unpack((mut turn, packed): (Self, Vec<u8>)) -> Result<Self, StoreError> {
        turn.parts = serde_json::from_slice(&decompress(&packed)?).map_err(StoreError::other)?;
        Ok(turn)
    }
}
