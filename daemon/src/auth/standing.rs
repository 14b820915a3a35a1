//! Who may log in, as this machine knows it: the users of the replica, and what central said of a user since, which the
//! replica hears of with a later round. Both are on disk, so that a restart forgets neither.
//!
//! Who is in neither has no rights: deleted on another machine, or never there.

use std::collections::HashMap;

use rusqlite::{Row, params};
use sync::StoreError;
use sync::central::UserRow;
use sync::local::{ReadTx, WriteTx};

use super::clients_of;
use super::jwt::ACCESS_SECONDS;

/// For so long a user holds whom central knew and the replica does not: as long as the token that a login gave. By then a
/// round has brought the row, or the user is gone.
const UNHEARD_US: u64 = ACCESS_SECONDS * 1_000_000;

/// What a user may do here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) role: String,
    /// The version of tokens that counts; None for one who may not log in.
    pub(crate) counts: Option<i64>,
    /// The clients that it is limited to, if it is.
    pub(crate) clients: Option<Vec<String>>,
}

struct Known {
    id: String,
    email: String,
    version: i64,
    standing: Standing,
}

fn known(row: &Row<'_>) -> rusqlite::Result<Known> {
    let (is_active, version): (bool, i64) = (row.get(3)?, row.get(4)?);
    let clients = row.get::<_, Option<String>>(5)?.as_deref().map(clients_of);
    let standing = Standing { role: row.get(2)?, counts: is_active.then_some(version), clients };
    Ok(Known { id: row.get(0)?, email: row.get(1)?, version, standing })
}

/// All users, by e-mail address.
pub(crate) fn all(tx: &ReadTx<'_>, now_us: u64) -> Result<HashMap<String, Standing>, StoreError> {
    let (mut standings, mut here) = (HashMap::new(), HashMap::new());
    let sql = "SELECT id, email, role, is_active, token_version, client_ids FROM users";
    for user in tx.connection().prepare_cached(sql)?.query_map([], known)? {
        let Known { id, email, version, standing } = user?;
        here.insert(id, version);
        standings.insert(email, standing);
    }
    let replicated: Vec<String> = standings.keys().cloned().collect();
    let sql =
        "SELECT id, email, role, is_active, token_version, client_ids, noted_us FROM ct_auth_noted ORDER BY noted_us";
    let mut statement = tx.connection().prepare_cached(sql)?;
    for noted in statement.query_map([], |row| Ok((known(row)?, row.get::<_, i64>(6)?)))? {
        let (Known { id, email, version, standing }, noted_us) = noted?;
        let holds = match here.get(&id) {
            Some(replica) => version > *replica,
            None => !replicated.contains(&email) && noted_us.cast_unsigned() + UNHEARD_US > now_us,
        };
        if holds {
            standings.insert(email, standing);
        }
    }
    Ok(standings)
}

/// Notes a user as central has it now.
pub(crate) fn note(tx: &WriteTx<'_>, user: &UserRow) -> Result<(), StoreError> {
    let now_us = tx.now_us();
    // What the replica has heard of since, and what is too old to count, says nothing more.
    let sql = "DELETE FROM ct_auth_noted WHERE
                 EXISTS (SELECT 1 FROM users u WHERE u.id = ct_auth_noted.id AND u.token_version >= ct_auth_noted.token_version)
                 OR (noted_us < ?1 AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = ct_auth_noted.id))";
    tx.connection().prepare_cached(sql)?.execute([now_us.saturating_sub(UNHEARD_US).cast_signed()])?;
    let sql = "INSERT INTO ct_auth_noted (id, email, role, is_active, token_version, client_ids, noted_us)
               SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
                WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = ?1 AND u.token_version >= ?5)
               ON CONFLICT (id) DO UPDATE SET email = excluded.email, role = excluded.role,
                 is_active = excluded.is_active, token_version = excluded.token_version, client_ids = excluded.client_ids,
                 noted_us = excluded.noted_us";
    let UserRow { id, email, role, is_active, token_version, client_ids, .. } = user;
    let values = params![id, email, role, is_active, token_version, client_ids, now_us.cast_signed()];
    tx.connection().prepare_cached(sql)?.execute(values)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use sync::{Clock, Store};

    use super::*;
    use crate::auth::session::{self, Traded};

    const START_US: u64 = 1_800_000_000_000_000;

    /// A clock that a test moves.
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn now_us(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    struct World {
        store: Store,
        clock: Arc<Hand>,
        _folder: tempfile::TempDir,
    }

    impl World {
        fn new() -> World {
            let folder = tempfile::tempdir().unwrap();
            let clock = Arc::new(Hand(AtomicU64::new(START_US)));
            let store = Store::open(&folder.path().join("replica.db"), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
            World { store, clock, _folder: folder }
        }

        /// What a round has brought.
        fn replica(&self, sql: &'static str) {
            self.store.write(move |tx| Ok(tx.connection().execute_batch(sql)?)).unwrap();
        }

        fn note(&self, id: &str, version: i64, is_active: bool) {
            let text = |text: &str| text.to_owned();
            let user = UserRow {
                id: text(id),
                email: text("a@b.c"),
                full_name: text("A"),
                password_hash: text("x"),
                role: text("tech"),
                is_active,
                token_version: version,
                client_ids: None,
            };
            self.store.write(move |tx| note(tx, &user)).unwrap();
        }

        /// The version that counts; None for one who may not log in, or is not known.
        fn counts(&self) -> Option<i64> {
            let now_us = self.clock.now_us();
            self.store.read(|tx| all(tx, now_us)).unwrap().remove("a@b.c").and_then(|standing| standing.counts)
        }

        fn later(&self, us: u64) {
            self.clock.0.fetch_add(us, Ordering::Relaxed);
        }
    }

    const ROW: &str =
        "INSERT INTO users (id, email, full_name, password_hash, token_version) VALUES ('u', 'a@b.c', 'A', '', 3)";

    #[test]
    fn the_higher_version_counts_and_the_replicas_word_for_the_same_one() {
        let world = World::new();
        world.replica(ROW);
        assert_eq!(world.counts(), Some(3));
        world.note("u", 4, true);
        world.later(10 * UNHEARD_US);
        assert_eq!(world.counts(), Some(4), "however long the round is in coming");
        world.replica("UPDATE users SET token_version = 4, is_active = 0");
        assert_eq!(world.counts(), None, "locked with SQL, which raises no version");
        world.replica("UPDATE users SET token_version = 5, is_active = 1");
        world.note("u", 6, false);
        assert_eq!(world.counts(), None);
        world.replica("DELETE FROM users");
        world.later(UNHEARD_US);
        assert_eq!(world.counts(), None);
    }

    #[test]
    fn whom_the_replica_does_not_have_holds_for_an_hour_and_one_made_anew_at_once() {
        let world = World::new();
        world.note("u", 0, true);
        world.later(UNHEARD_US - 1);
        assert_eq!(world.counts(), Some(0));
        world.later(1);
        assert_eq!(world.counts(), None);
        // Deleted here, and made anew elsewhere with the same address.
        world.replica(ROW);
        world.note("u", 4, false);
        world.replica("UPDATE users SET id = 'new', token_version = 0");
        assert_eq!(world.counts(), Some(0));
        // Deleted here, and made anew here.
        world.replica("DELETE FROM users");
        world.later(1);
        world.note("third", 7, true);
        assert_eq!(world.counts(), Some(7));
    }

    #[test]
    fn a_refresh_token_of_an_unheard_user_is_not_used_up_before_central_was_asked() {
        let world = World::new();
        let (_, token) = world.store.write(|tx| session::begin(tx, "a@b.c", "tech", 0)).unwrap();
        let trade = || {
            let token = token.expose().to_owned();
            world.store.write(move |tx| session::trade(tx, &token)).unwrap()
        };
        assert!(matches!(trade(), Traded::Unheard(email) if email == "a@b.c"));
        world.note("u", 0, true);
        assert!(matches!(trade(), Traded::Next(..)));
        assert!(matches!(trade(), Traded::Reused(_)));
    }
}
