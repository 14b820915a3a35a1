//! Ids that were given up for others: what still names one of them means the row that stands in its place.
//!
//! A row that was folded into another of the same natural key ([`super::collision`]) is named by whoever kept its id: a
//! conversation that began before, a child that was written here and waits in a page. Its id is known on this machine
//! alone, as it never reached central, or was deleted there.

use merge::{Key, Row};
use migrations::{Entity, entity};
use rusqlite::{Connection, OptionalExtension, params};

use super::tx::WriteTx;
use super::{StoreError, rows};

/// Rows that one after another were folded into the next: more than that is a circle.
const LONGEST_CHAIN: usize = 100;

/// From now on this id means the row of that key.
pub(super) fn set(tx: &WriteTx<'_>, of: &'static Entity, alias: &Key, target: &Key) -> Result<(), StoreError> {
    let db = tx.connection();
    forget(db, of, target)?;
    db.prepare_cached(
        "INSERT INTO ct_sync_aliases (tbl, alias, target, since_us) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (tbl, alias) DO UPDATE SET target = excluded.target",
    )?
    .execute(params![of.name, alias.as_str(), target.as_str(), tx.now_us()])?;
    Ok(())
}

/// The id stands for itself again.
pub(super) fn forget(db: &Connection, of: &'static Entity, alias: &Key) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM ct_sync_aliases WHERE tbl = ?1 AND alias = ?2")?
        .execute([of.name, alias.as_str()])?;
    Ok(())
}

/// The row that stands in the place of one that is not here; None when there is none.
pub(super) fn stand_in(db: &Connection, of: &'static Entity, gone: &Key) -> Result<Option<Key>, StoreError> {
    let mut statement = db.prepare_cached("SELECT target FROM ct_sync_aliases WHERE tbl = ?1 AND alias = ?2")?;
    let mut key = gone.clone();
    for _ in 0..LONGEST_CHAIN {
        let next = statement.query_row([of.name, key.as_str()], |row| row.get::<_, String>(0)).optional()?;
        let Some(next) = next else { return Ok(None) };
        key = Key::new(next);
        if rows::exists(db, of, &key)? {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// A reference to a row that is not here.
#[derive(Debug)]
pub(super) struct Dangling {
    pub(super) column: &'static str,
    pub(super) parent: &'static Entity,
    pub(super) key: Key,
}

/// Lets references to rows that are not here point at those that stand in their place, unless the row vouches for them.
/// Returns the references that there is nothing for.
pub(super) fn follow(db: &Connection, row: &mut Row) -> Result<Vec<Dangling>, StoreError> {
    let vouches = row.entity().sync.is_chained;
    let mut dangling = Vec::new();
    for reference in row.entity().foreign_keys {
        let (Some(parent), Some(key)) = (entity(reference.references), row.text(reference.column).map(Key::new)) else {
            continue;
        };
        if rows::exists(db, parent, &key)? {
            continue;
        }
        match if vouches { None } else { stand_in(db, parent, &key)? } {
            Some(target) => {
                row.set(reference.column, target.as_str());
            }
            None => dangling.push(Dangling { column: reference.column, parent, key }),
        }
    }
    Ok(dangling)
}
