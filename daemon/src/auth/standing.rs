//! Who may log in, as this machine knows it: the users of the replica, and what central said of a user since, which the
//! replica hears of with a later round. Both are on disk, so that a restart forgets neither.
//!
//! Who is in neither has no rights: deleted on another machine, or never there.

use std::collections::HashMap;

use rusqlite::{Row, params};
use sync::StoreError;
use sync::central::UserRow;
use sync::local::{ReadTx, WriteTx};

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
}

struct Known {
    id: String,
    email: String,
    version: i64,
    standing: Standing,
}

fn known(row: &Row<'_>) -> rusqlite::Result<Known> {
    let (is_active, version): (bool, i64) = (row.get(3)?, row.get(4)?);
    let standing = Standing { role: row.get(2)?, counts: is_active.then_some(version) };
    Ok(Known { id: row.get(0)?, email: row.get(1)?, version, standing })
}

/// All users, by e-mail address.
pub(crate) fn all(tx: &ReadTx<'_>, now_us: u64) -> Result<HashMap<String, Standing>, StoreError> {
    let (mut standings, mut here) = (HashMap::new(), HashMap::new());
    let sql = "SELECT id, email, role, is_active, token_version FROM users";
    for user in tx.connection().prepare_cached(sql)?.query_map([], known)? {
        let Known { id, email, version, standing } = user?;
        here.insert(id, version);
        standings.insert(email, standing);
    }
    let replicated: Vec<String> = standings.keys().cloned().collect();
    let sql = "SELECT id, email, role, is_active, token_version, noted_us FROM ct_auth_noted ORDER BY noted_us";
    let mut statement = tx.connection().prepare_cached(sql)?;
    for noted in statement.query_map([], |row| Ok((known(row)?, row.get::<_, i64>(5)?)))? {
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
    let sql = "INSERT INTO ct_auth_noted (id, email, role, is_active, token_version, noted_us)
               SELECT ?1, ?2, ?3, ?4, ?5, ?6
                WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = ?1 AND u.token_version >= ?5)
               ON CONFLICT (id) DO UPDATE SET email = excluded.email, role = excluded.role,
                 is_active = excluded.is_active, token_version = excluded.token_version, noted_us = excluded.noted_us";
    let values = params![user.id, user.email, user.role, user.is_active, user.token_version, now_us.cast_signed()];
    tx.connection().prepare_cached(sql)?.execute(values)?;
    Ok(())
}
