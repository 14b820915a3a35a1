//! The keys of one machine: one that seals, and those that open what was sealed before.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::envelope::{self, Place};
use crate::{DataKey, KeyId, Nonce, Plain, VaultError};

/// Several keys at once, of which one is current.
#[derive(Clone)]
pub struct Keyring {
    keys: BTreeMap<KeyId, DataKey>,
    current: KeyId,
}

impl Keyring {
    /// A ring of one key.
    pub fn new(key: DataKey) -> Keyring {
        let current = key.id();
        Keyring { keys: BTreeMap::from([(current, key)]), current }
    }

    /// Adds a key; false when it was there. Another one of the same name is refused.
    pub fn add(&mut self, key: DataKey) -> Result<bool, VaultError> {
        match self.keys.get(&key.id()) {
            Some(known) if known.expose() == key.expose() => Ok(false),
            Some(_) => Err(VaultError::SameName(key.id())),
            None => Ok(self.keys.insert(key.id(), key).is_none()),
        }
    }

    /// From now on this key seals.
    pub fn make_current(&mut self, id: KeyId) -> Result<(), VaultError> {
        self.current = self.get(id)?.id();
        Ok(())
    }

    /// The name of the key that seals.
    pub fn current(&self) -> KeyId {
        self.current
    }

    /// The key of that name.
    pub fn get(&self, id: KeyId) -> Result<&DataKey, VaultError> {
        self.keys.get(&id).ok_or(VaultError::UnknownKey(id))
    }

    /// All keys, by name.
    pub fn keys(&self) -> impl Iterator<Item = &DataKey> {
        self.keys.values()
    }

    /// Seals a value for its place with the current key.
    pub fn seal(&self, place: &Place<'_>, plain: &[u8], nonce: Nonce) -> Result<Vec<u8>, VaultError> {
        self.get(self.current)?.seal(place, plain, nonce)
    }

    /// Opens what was sealed for this place, with whichever key sealed it.
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Plain, VaultError> {
        self.get(envelope::key_of(sealed)?)?.open(place, sealed)
    }

    /// The name of the key that sealed a value.
    pub fn key_of(sealed: &[u8]) -> Result<KeyId, VaultError> {
        envelope::key_of(sealed)
    }

    /// Seals a key of this ring under another one, for a machine that has only that other.
    pub fn hand_on(&self, id: KeyId, under: KeyId, nonce: Nonce) -> Result<Vec<u8>, VaultError> {
        let name = id.to_string();
        self.get(under)?.seal(&handed_on(&name)?, self.get(id)?.expose(), nonce)
    }

    /// The key of that name, out of what [`Keyring::hand_on`] made.
    pub fn take_over(&self, id: KeyId, handed: &[u8]) -> Result<DataKey, VaultError> {
        let name = id.to_string();
        let plain = self.open(&handed_on(&name)?, handed)?;
        let bytes = plain.as_slice().try_into().map(Zeroizing::new).map_err(|_| VaultError::Malformed)?;
        Ok(DataKey::new(id, bytes))
    }
}

fn handed_on(id: &str) -> Result<Place<'_>, VaultError> {
    Place::new("ct_sync_vault", "handed_on", id)
}
