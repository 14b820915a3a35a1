//! The claims of this machine's sessions: `ct_coord_claims`.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use sync::StoreError;
use sync::central::Claim;

use crate::report::LocksReport;

/// How a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Central has not been asked yet.
    Provisional,
    /// Central has agreed, or there is none.
    Held,
    /// Another session has the lock; this one was not told yet.
    Lost,
}

impl State {
    const NAMES: [(Self, &'static str); 3] =
        [(Self::Provisional, "provisional"), (Self::Held, "held"), (Self::Lost, "lost")];

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(state, _)| *state == self).map_or("lost", |(_, name)| name)
    }

    fn of(name: &str) -> Self {
        Self::NAMES.iter().find(|(_, known)| *known == name).map_or(Self::Lost, |(state, _)| *state)
    }
}

/// A claim of a session of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) lock_id: String,
    pub(super) project_key: String,
    pub(super) session_id: String,
    pub(super) resource: String,
    pub(super) description: Option<String>,
    /// 0: it never ends by itself.
    pub(super) ttl_us: u64,
    pub(super) claimed_us: u64,
    /// The latest sign of life of its session.
    pub(super) active_us: u64,
    /// That one of which central knows.
    pub(super) agreed_us: u64,
    pub(super) state: State,
    pub(super) reason: Option<String>,
}

const COLUMNS: &str = "lock_id, project_key, session_id, resource, description, ttl_us, claimed_us, active_us, agreed_us, \
    state, reason";

impl Record {
    pub(super) fn load(db: &Connection, lock_id: &str) -> Result<Option<Self>, StoreError> {
        let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM ct_coord_claims WHERE lock_id = ?1"))?;
        Ok(statement.query_row([lock_id], Self::read).optional()?)
    }

    /// All, the oldest first.
    pub(super) fn all(db: &Connection) -> Result<Vec<Self>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM ct_coord_claims ORDER BY claimed_us, lock_id");
        let mut statement = db.prepare_cached(&sql)?;
        let found = statement.query_map([], Self::read)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    pub(super) fn save(&self, db: &Connection) -> Result<(), StoreError> {
        db.prepare_cached(&format!(
            "INSERT OR REPLACE INTO ct_coord_claims ({COLUMNS}) VALUES (:lock_id, :project_key, :session_id, :resource, \
               :description, :ttl_us, :claimed_us, :active_us, :agreed_us, :state, :reason)"
        ))?
        .execute(named_params! {
            ":lock_id": self.lock_id,
            ":project_key": self.project_key,
            ":session_id": self.session_id,
            ":resource": self.resource,
            ":description": self.description,
            ":ttl_us": self.ttl_us.cast_signed(),
            ":claimed_us": self.claimed_us.cast_signed(),
            ":active_us": self.active_us.cast_signed(),
            ":agreed_us": self.agreed_us.cast_signed(),
            ":state": self.state.name(),
            ":reason": self.reason,
        })?;
        Ok(())
    }

    pub(super) fn remove(db: &Connection, lock_id: &str) -> Result<(), StoreError> {
        db.prepare_cached("DELETE FROM ct_coord_claims WHERE lock_id = ?1")?.execute([lock_id])?;
        Ok(())
    }

    /// When it ends without further activity; None: never.
    pub(super) fn ends_us(&self) -> Option<u64> {
        (self.ttl_us > 0).then(|| self.active_us.saturating_add(self.ttl_us))
    }

    /// Whether its session still means to have the lock.
    pub(super) fn is_alive(&self, now_us: u64) -> bool {
        self.state != State::Lost && self.ends_us().is_none_or(|end| end > now_us)
    }

    /// Whether its session was active for so long since that central should hear of it: often enough that the lock does
    /// not run out between two prompts, seldom enough that no event of a hook costs an exchange.
    pub(super) fn is_due(&self) -> bool {
        self.ttl_us > 0 && self.active_us.saturating_sub(self.agreed_us) >= self.ttl_us / 4
    }

    /// What central is asked for.
    pub(super) fn claim(&self) -> Claim {
        Claim {
            id: self.lock_id.clone(),
            project_key: self.project_key.clone(),
            session_id: self.session_id.clone(),
            resource: self.resource.clone(),
            description: self.description.clone(),
            ttl_us: (self.ttl_us > 0).then_some(self.ttl_us),
            renewal: self.state == State::Held,
        }
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let number = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
        Ok(Self {
            lock_id: row.get(0)?,
            project_key: row.get(1)?,
            session_id: row.get(2)?,
            resource: row.get(3)?,
            description: row.get(4)?,
            ttl_us: number(5)?,
            claimed_us: number(6)?,
            active_us: number(7)?,
            agreed_us: number(8)?,
            state: State::of(&row.get::<_, String>(9)?),
            reason: row.get(10)?,
        })
    }
}

/// How this machine's claims stand, for `status`.
pub(crate) fn standing(db: &Connection) -> Result<LocksReport, StoreError> {
    let all = Record::all(db)?;
    let of = |state: State| all.iter().filter(|record| record.state == state).count() as u64;
    Ok(LocksReport { provisional: of(State::Provisional), lost: of(State::Lost) })
}
