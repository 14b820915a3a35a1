//! The vault of this machine: seals secrets before they reach the replica, and opens them for those who may see them.
//!
//! The keys are in a file of their own (`keys/vault.keys`), made with the replica; the replica knows their canaries, and
//! what central keeps of them ([`known`]). [`exchange`] is the way to other machines: a passphrase wraps the keys that
//! central keeps, and a machine joins with it. [`reseal`] brings what an earlier key sealed under the current one.
//!
//! An OS keyring instead of the file is left out: on Linux it needs a session bus, which a daemon at boot, in a container
//! or over SSH has not, and a secret that is there only sometimes would be lost sometimes.

pub(crate) mod carry;
pub(crate) mod exchange;
mod keyfile;
pub(crate) mod known;
pub(crate) mod report;
pub(crate) mod reseal;

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use hooks::home::Home;
use sync::{Store, StoreError};
use tokio::sync::watch;
use vault::{DataKey, KeyId, Keyring, Nonce, Place, Plain, VaultError};
use zeroize::Zeroizing;

use crate::phase::Trouble;
use crate::redaction;
use known::KnownKey;

/// Why a value is not sealed or opened.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum SecretError {
    /// This machine has no usable key.
    #[error("{}", .0.reason)]
    NoKey(Trouble),
    /// The value or its key.
    #[error("open a secret: {0}")]
    Value(#[from] VaultError),
    /// The system has no random bytes to give.
    #[error("get random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

/// The way to the key that other machines have.
const JOIN: &str = "get the vault's key with its passphrase: claudetools vault join";

impl SecretError {
    /// What its reader can do.
    pub(crate) fn hint(&self) -> &str {
        match self {
            SecretError::NoKey(trouble) => &trouble.hint,
            SecretError::Value(VaultError::UnknownKey(_)) => JOIN,
            SecretError::Value(VaultError::Version(_)) => "install the newer claudetools on this machine",
            SecretError::Value(_) => "enter that secret again; who changed the row is in its audit trail",
            SecretError::Random(_) => "try again; if it stays so, restart the machine",
        }
    }
}

/// The keys of this machine.
pub(crate) struct Vault {
    file: PathBuf,
    ring: RwLock<Result<Keyring, Trouble>>,
    /// One exchange with central at a time.
    turn: tokio::sync::Mutex<()>,
    /// Other keys are in use: there may be something to seal anew.
    changed: watch::Sender<()>,
}

impl Vault {
    /// Reads the keys of a home; makes the first one where there never was any. What is wrong with them does not keep the
    /// daemon from its other work: every use of the vault says it.
    pub(crate) fn open(home: &Home, store: &Store, changed: watch::Sender<()>) -> Vault {
        let file = file_of(home);
        let ring = load(&file, store);
        if let Err(Trouble { reason, hint }) = &ring {
            tracing::error!(reason, hint, "the vault cannot be used");
        }
        Vault { file, ring: RwLock::new(ring), turn: tokio::sync::Mutex::default(), changed }
    }

    /// The keys, as they are now.
    pub(crate) fn ring(&self) -> Result<Keyring, SecretError> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone().map_err(SecretError::NoKey)
    }

    /// Seals a value for its place, for storing in its column as it is. Every sealing of the same value differs: a value
    /// that stays the same is not to be sealed anew, see [`Vault::seal_over`].
    pub(crate) fn seal(&self, table: &str, column: &str, row_id: &str, plain: &[u8]) -> Result<Vec<u8>, SecretError> {
        let sealed = self.ring()?.seal(&Place::new(table, column, row_id)?, plain, nonce()?)?;
        // Before its row is written: nothing that is captured from now on may hold it.
        redaction::add(plain);
        Ok(sealed)
    }

    /// [`Vault::seal`], where the column holds something already: a value that says the same stays as it is, so that the
    /// reconciliation sees no change where there is none.
    pub(crate) fn seal_over(
        &self,
        table: &str,
        column: &str,
        row_id: &str,
        plain: &[u8],
        before: Option<&[u8]>,
    ) -> Result<Vec<u8>, SecretError> {
        let same = |sealed: &&[u8]| self.reveal(table, column, row_id, sealed).is_ok_and(|is| is.as_slice() == plain);
        match before.filter(same) {
            Some(sealed) => Ok(sealed.to_vec()),
            None => self.seal(table, column, row_id, plain),
        }
    }

    /// Opens a value that was sealed for this place. Who may see it, and the audit row, are the caller's to care for.
    pub(crate) fn reveal(&self, table: &str, column: &str, row_id: &str, sealed: &[u8]) -> Result<Plain, SecretError> {
        Ok(self.ring()?.open(&Place::new(table, column, row_id)?, sealed)?)
    }

    /// Puts other keys into use; they are on disk before they seal anything.
    fn replace(&self, ring: Keyring) -> Result<(), Trouble> {
        keyfile::write(&self.file, &ring).map_err(|error| of_file(&error))?;
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Ok(ring);
        self.changed.send_replace(());
        Ok(())
    }
}

/// The file of a home's keys.
pub(crate) fn file_of(home: &Home) -> PathBuf {
    home.keys().join("vault.keys")
}

/// The keys of a home and whether they are what the replica knows of, for who only looks (`doctor`).
pub(crate) fn look(home: &Home, known: &[KnownKey]) -> Result<Keyring, Trouble> {
    let ring = keyfile::read(&file_of(home)).map_err(|error| of_file(&error))?;
    let ring = ring.ok_or_else(|| missing(home))?;
    check(&ring, known)?;
    Ok(ring)
}

fn missing(home: &Home) -> Trouble {
    Trouble {
        reason: format!("the vault's key is not on this machine: {} does not exist", file_of(home).display()),
        hint: format!("{JOIN}   (or put that file back from a backup)"),
    }
}

fn load(file: &std::path::Path, store: &Store) -> Result<Keyring, Trouble> {
    let of_store = |error: StoreError| Trouble::of_store(&error);
    let known = store.read(|tx| known::keys(tx.connection())).map_err(of_store)?;
    let ring = match keyfile::read(file).map_err(|error| of_file(&error))? {
        Some(ring) => ring,
        // Once a key was known, another one in its place would only hide that the first is lost.
        None if known.is_empty() => {
            let ring = Keyring::new(new_key().map_err(|error| trouble(&error))?);
            keyfile::write(file, &ring).map_err(|error| of_file(&error))?;
            ring
        }
        None => {
            let reason = format!("the vault's key is not on this machine: {} does not exist", file.display());
            return Err(Trouble { reason, hint: format!("{JOIN}   (or put that file back from a backup)") });
        }
    };
    check(&ring, &known)?;
    let canaries = canaries(&ring).map_err(|error| trouble(&error))?;
    let current = ring.current().to_string();
    let noted = store.write(move |tx| {
        for (id, canary) in canaries {
            known::enter(tx.connection(), &id, &canary, tx.now_us())?;
        }
        known::make_current(tx.connection(), &current)
    });
    noted.map_err(of_store)?;
    Ok(ring)
}

fn canaries(ring: &Keyring) -> Result<Vec<(String, Vec<u8>)>, SecretError> {
    ring.keys().map(|key| Ok((key.id().to_string(), key.canary(nonce()?)?))).collect()
}

/// Every key must be the one whose canary is on record.
fn check(ring: &Keyring, known: &[KnownKey]) -> Result<(), Trouble> {
    let held = known.iter().filter_map(|known| Some((known, ring.get(known.id.parse().ok()?).ok()?)));
    match held.filter(|(known, key)| !key.is_of(&known.canary)).map(|(known, _)| &known.id).next() {
        None => Ok(()),
        Some(id) => Err(Trouble {
            reason: format!("the vault's key {id} on this machine is a wrong one: it does not open its canary"),
            hint: "put keys/vault.keys back from a backup, or move it away and run: claudetools vault join".to_owned(),
        }),
    }
}

fn of_file(error: &keyfile::KeyFileError) -> Trouble {
    Trouble { reason: format!("the vault's keys cannot be used: {error}"), hint: error.hint().to_owned() }
}

fn trouble(error: &SecretError) -> Trouble {
    Trouble { reason: error.to_string(), hint: error.hint().to_owned() }
}

fn new_key() -> Result<DataKey, SecretError> {
    let (mut id, mut bytes) = ([0; 4], Zeroizing::new([0; 32]));
    getrandom::fill(&mut id)?;
    getrandom::fill(&mut *bytes)?;
    Ok(DataKey::new(KeyId(id), bytes))
}

fn nonce() -> Result<Nonce, SecretError> {
    let mut nonce = Nonce::default();
    getrandom::fill(&mut nonce)?;
    Ok(nonce)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sync::SystemClock;

    use super::*;

    struct Machine {
        home: Home,
        store: Store,
        _folder: tempfile::TempDir,
    }

    impl Machine {
        fn vault(&self) -> Vault {
            Vault::open(&self.home, &self.store, watch::Sender::default())
        }
    }

    fn machine() -> Machine {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
        Machine { home: Home::at(folder.path()), store, _folder: folder }
    }

    fn no_key(vault: &Vault) -> String {
        match vault.seal("credentials", "password_encrypted", "r", b"x") {
            Err(SecretError::NoKey(trouble)) => format!("{} ({})", trouble.reason, trouble.hint),
            other => panic!("{:?}", other.err()),
        }
    }

    #[test]
    fn the_first_key_is_made_and_found_again() {
        let machine = machine();
        let sealed = machine.vault().seal("credentials", "password_encrypted", "r", b"secret").unwrap();
        let again = machine.vault();
        assert_eq!(again.reveal("credentials", "password_encrypted", "r", &sealed).unwrap().as_slice(), b"secret");
        assert!(again.reveal("credentials", "password_encrypted", "other", &sealed).is_err());
        let known = machine.store.read(|tx| known::keys(tx.connection())).unwrap();
        assert!(known.len() == 1 && known[0].is_current && known[0].made_here, "{known:?}");
    }

    #[test]
    fn a_key_that_is_gone_is_not_replaced_by_another() {
        let machine = machine();
        machine.vault();
        std::fs::remove_file(file_of(&machine.home)).unwrap();
        let said = no_key(&machine.vault());
        assert!(said.contains("not on this machine") && said.contains("claudetools vault join"), "{said}");
        assert!(!file_of(&machine.home).exists());
    }

    #[test]
    fn the_canary_tells_a_wrong_key() {
        let machine = machine();
        machine.vault();
        let path = file_of(&machine.home);
        let text = std::fs::read_to_string(&path).unwrap();
        let last = text.trim_end().chars().last().unwrap();
        let other = if last == '0' { '1' } else { '0' };
        let wrong = format!("{}{other}\n", &text.trim_end()[..text.trim_end().len() - 1]);
        crate::files::write_private(&path, wrong.as_bytes()).unwrap();
        let said = no_key(&machine.vault());
        assert!(said.contains("is a wrong one: it does not open its canary"), "{said}");
    }

    #[test]
    fn a_value_that_stays_the_same_is_not_sealed_anew() {
        let machine = machine();
        let vault = machine.vault();
        let over = |plain: &[u8], before: Option<&[u8]>| {
            vault.seal_over("credentials", "password_encrypted", "r", plain, before).unwrap()
        };
        let first = over(b"a", None);
        assert_eq!(over(b"a", Some(&first)), first);
        assert_ne!(over(b"b", Some(&first)), first);
        assert_ne!(over(b"a", Some(b"rubbish")), first);
    }
}
