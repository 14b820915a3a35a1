//! How far this machine has seen each chain: `ct_audit_chains`. What was seen once and is gone was removed, also at the end
//! of a chain; what fitted once and does not any more was altered, whatever it says of its key.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use sync::local::ReadTx;
use sync::{Store, StoreError};
use vault::{Keyring, Link};

use super::Chain;
use super::rows::{self, Linked};
use super::walk::fits;

/// The end of a chain, as far as it was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) position: u64,
    /// What the next row follows.
    pub(crate) link: Link,
    pub(crate) machine: Option<String>,
}

/// The end of one chain.
pub(crate) fn of(db: &Connection, chain: &str) -> Result<Head, StoreError> {
    let found = db
        .prepare_cached("SELECT position, link, machine FROM ct_audit_chains WHERE chain = ?1")?
        .query_row([chain], |row| Ok(Head { position: row.get(0)?, link: row.get(1)?, machine: row.get(2)? }))
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// The ends of all chains.
pub(super) fn all(db: &Connection) -> Result<BTreeMap<String, Head>, StoreError> {
    let mut statement = db.prepare_cached("SELECT chain, position, link, machine FROM ct_audit_chains")?;
    let found = statement.query_map([], |row| {
        Ok((row.get(0)?, Head { position: row.get(1)?, link: row.get(2)?, machine: row.get(3)? }))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Notes the end of a chain.
pub(crate) fn note(db: &Connection, chain: &str, head: &Head) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO ct_audit_chains (chain, position, link, machine) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (chain) DO UPDATE \
           SET position = excluded.position, link = excluded.link, machine = coalesce(excluded.machine, machine)",
    )?
    .execute(params![chain, head.position, head.link, head.machine])?;
    Ok(())
}

/// What was looked at: nothing new has come while it stays the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    rows: u64,
    last: Option<String>,
    keys: usize,
}

/// [`follow`], unless nothing has come since the mark was made. Returns the mark of now.
pub(crate) async fn step(store: &Store, keys: Keyring, before: Option<Mark>) -> Result<Mark, StoreError> {
    let held = keys.keys().count();
    let looked = store.read_async(move |tx| {
        let sql = "SELECT count(*), max(id) FROM credential_audit_log";
        let read = |row: &rusqlite::Row<'_>| Ok(Mark { rows: row.get(0)?, last: row.get(1)?, keys: held });
        Ok(tx.connection().query_row(sql, [], read)?)
    });
    let mark = looked.await?;
    if before.as_ref() != Some(&mark) {
        follow(store, keys).await?;
    }
    Ok(mark)
}

/// Notes what has come of the chains of other machines, as far as it is whole. What does not fit is left to
/// [`super::verify`]. Long chains are followed on a snapshot: nobody's write waits for it.
pub(crate) async fn follow(store: &Store, keys: Keyring) -> Result<(), StoreError> {
    let heads = store.read_async(move |tx| advanced(tx, &keys)).await?;
    if heads.is_empty() {
        return Ok(());
    }
    let noted = store.write_async(move |tx| {
        for (chain, head) in &heads {
            if of(tx.connection(), chain)?.position < head.position {
                note(tx.connection(), chain, head)?;
            }
        }
        Ok(())
    });
    noted.await
}

/// The chains of other machines of which more can be seen than before.
fn advanced(tx: &ReadTx<'_>, keys: &Keyring) -> Result<Vec<(String, Head)>, StoreError> {
    let db = tx.connection();
    let own: String =
        db.query_row("SELECT value FROM ct_sync_state WHERE name = 'replica_id'", [], |row| row.get(0))?;
    let mut chains = BTreeMap::<String, Chain>::new();
    for row in rows::unseen(db, &own)? {
        let Some(place) = rows::place_of(&row) else { continue };
        let linked = Linked { row, key: place.key };
        chains.entry(place.chain).or_default().entry(place.position).or_default().push(linked);
    }
    let mut advanced = Vec::new();
    for (chain, rows) in chains {
        let before = of(db, &chain)?;
        let head = followed(&chain, &rows, before.clone(), keys);
        if head != before {
            advanced.push((chain, head));
        }
    }
    Ok(advanced)
}

/// The end of a chain after the rows that follow it.
fn followed(chain: &str, rows: &Chain, mut head: Head, keys: &Keyring) -> Head {
    while let Some([only]) = rows.get(&(head.position + 1)).map(Vec::as_slice) {
        let Some(link) = rows::link_of(&only.row) else { break };
        if fits(only, chain, Some(&head.link), keys) != Some(true) {
            break;
        }
        head = Head { position: head.position + 1, link, machine: only.row.text("machine").map(str::to_owned) };
    }
    head
}
