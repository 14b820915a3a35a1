//! Secrets out of a text, before anything is written: what the rules know ([`recall::redact`]), and the values that are
//! sealed in this machine's vault, of which only fingerprints are kept.
//!
//! One process has one vault. Before its replica is open nothing is known of it, and nothing is captured.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use recall::redact::{self, Kinds, Redacted};
use sync::Store;
use sync::StoreError;
use sync::local::ReadTx;
use vault::{Fingerprints, Keyring, Place};
use zeroize::Zeroizing;

use crate::vault::reseal::sealed_columns;

/// The kind of a value of the vault.
const VAULT: &str = "vault";

static KNOWN: RwLock<Option<Fingerprints>> = RwLock::new(None);

/// Replaces every secret.
pub(crate) fn redact(text: &str) -> Redacted<'_> {
    match &*KNOWN.read().unwrap_or_else(PoisonError::into_inner) {
        Some(known) => redact_with(known, text),
        None => redact::redact(text),
    }
}

fn redact_with<'t>(known: &Fingerprints, text: &'t str) -> Redacted<'t> {
    let found = known.find(text);
    if found.is_empty() {
        return redact::redact(text);
    }
    let (mut clean, mut from) = (String::with_capacity(text.len()), 0);
    for range in &found {
        clean.push_str(&text[from..range.start]);
        clean.push_str(&redact::placeholder(VAULT));
        from = range.end;
    }
    clean.push_str(&text[from..]);
    let rest = redact::redact(&clean);
    let mut kinds = Kinds::default();
    kinds.add(VAULT, found.len() as u64);
    kinds.join(&rest.kinds);
    Redacted { text: Cow::Owned(rest.into_text()), kinds }
}

/// From now on this value is one, once the vault is known.
pub(crate) fn add(value: &[u8]) {
    if let Some(known) = &mut *KNOWN.write().unwrap_or_else(PoisonError::into_inner) {
        known.add(value);
    }
}

/// The state of the vault that is known: when it is another, the values are read anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    keys: Vec<String>,
    rows: Vec<(u64, String)>,
}

/// Reads what this machine can open, unless that is what is known already. Nothing of it is kept but fingerprints, so it is
/// no access to a credential. A value that does not open here cannot be known here; the status tells of it.
pub(crate) fn learn(store: &Store, ring: &Keyring, known: &Stamp) -> Result<Stamp, StoreError> {
    let (stamp, fresh) = store.read(|tx| {
        let stamp = stamp(tx, ring)?;
        if stamp == *known {
            return Ok((stamp, None));
        }
        let mut fresh = emptied()?;
        read(tx, ring, &mut fresh)?;
        Ok((stamp, Some(fresh)))
    })?;
    if let Some(fresh) = fresh {
        *KNOWN.write().unwrap_or_else(PoisonError::into_inner) = Some(fresh);
    }
    Ok(stamp)
}

fn emptied() -> Result<Fingerprints, StoreError> {
    if let Some(known) = &*KNOWN.read().unwrap_or_else(PoisonError::into_inner) {
        return Ok(known.emptied());
    }
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *key).map_err(StoreError::other)?;
    Ok(Fingerprints::new(key))
}

fn stamp(tx: &ReadTx<'_>, ring: &Keyring) -> Result<Stamp, StoreError> {
    let keys = ring.keys().map(|key| key.id().to_string()).collect();
    let mut rows = Vec::new();
    for (entity, column) in sealed_columns() {
        let sql = format!("SELECT count({column}), coalesce(max(updated_at), '') FROM {}", entity.name);
        rows.push(tx.connection().prepare_cached(&sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?);
    }
    Ok(Stamp { keys, rows })
}

fn read(tx: &ReadTx<'_>, ring: &Keyring, fresh: &mut Fingerprints) -> Result<(), StoreError> {
    for (entity, column) in sealed_columns() {
        let sql = format!("SELECT id, {column} FROM {} WHERE {column} IS NOT NULL", entity.name);
        let mut statement = tx.connection().prepare_cached(&sql)?;
        let mut sealed = statement.query([])?;
        while let Some(row) = sealed.next()? {
            let (id, value): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let plain = Place::new(entity.name, column, &id).and_then(|place| ring.open(&place, &value));
            if let Ok(plain) = plain {
                fresh.add(&plain);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hooks::home::Home;
    use sync::SystemClock;

    use super::*;
    use crate::vault::Vault;

    fn kinds(redacted: &Redacted<'_>) -> Vec<(&'static str, u64)> {
        redacted.kinds.iter().collect()
    }

    #[test]
    fn values_of_the_vault_are_taken_out_beside_what_the_rules_know() {
        let mut known = Fingerprints::new(Zeroizing::new([7; 32]));
        // Nothing that a rule would know.
        known.add(b"blue marmalade");
        let text = "the word is blue marmalade, and password=hunter2hunter2; password=blue marmalade";
        let clean = redact_with(&known, text);
        let expected = "the word is [redacted:vault], and password=[redacted:assignment]; password=[redacted:vault]";
        assert_eq!(clean.text, expected);
        assert_eq!(kinds(&clean), [("assignment", 1), ("vault", 2)]);
        assert!(matches!(redact_with(&known, "nothing here").text, Cow::Borrowed(_)));
    }

    #[test]
    fn what_the_vault_holds_is_read_and_follows_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
        let vault = Vault::open(&Home::at(folder.path()), &store, tokio::sync::watch::Sender::default());
        let (ring, id) = (vault.ring().unwrap(), "00000000-0000-7000-8000-000000000001");
        let sealed = vault.seal("credentials", "password_encrypted", id, b"the cellar's key").unwrap();
        store
            .write(move |tx| {
                let sql = "INSERT INTO credentials (id, credential_type, service_name, password_encrypted)
                           VALUES (?1, 'password', 'cellar', ?2)";
                tx.connection().execute(sql, (id, sealed))?;
                Ok(())
            })
            .unwrap();
        let held = |ring: &Keyring| {
            let mut fresh = Fingerprints::new(Zeroizing::new([1; 32]));
            store.read(|tx| read(tx, ring, &mut fresh)).unwrap();
            redact_with(&fresh, "take the cellar's key").text.into_owned()
        };
        assert_eq!(held(&ring), "take [redacted:vault]");
        let before = store.read(|tx| stamp(tx, &ring)).unwrap();
        assert_eq!(before, store.read(|tx| stamp(tx, &ring)).unwrap());
        store.write(|tx| Ok(tx.connection().execute_batch("DELETE FROM credentials")?)).unwrap();
        assert_ne!(before, store.read(|tx| stamp(tx, &ring)).unwrap());
        assert_eq!(held(&ring), "take the cellar's key");
    }
}
