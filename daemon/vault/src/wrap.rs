//! Data keys wrapped by a passphrase: version (1) | key id (4) | memory, passes, lanes (4 each) | salt (16) | nonce (12) |
//! ciphertext (32) | tag (16).

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use crate::{DataKey, KeyId, Nonce, VaultError, envelope};

/// The random part of what a passphrase is stretched with.
pub type Salt = [u8; 16];

/// A passphrase, wiped when it is dropped.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// The wrapped key lies where database administrators can read it and try passphrases at leisure: 12 characters at
    /// least. None when it is shorter.
    pub fn new(text: Zeroizing<String>) -> Option<Passphrase> {
        (text.chars().count() >= 12).then_some(Passphrase(text))
    }

    /// One that was accepted before, under whatever rule.
    pub fn existing(text: Zeroizing<String>) -> Passphrase {
        Passphrase(text)
    }
}

/// How a passphrase becomes a key. It is stored with the wrapped key, so that it can be raised without breaking old ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// The second choice of RFC 9106 (section 4), for where 2 GiB are too much: any workstation has 64 MiB for the second that
/// a join takes, and a guess costs an attacker as much.
const COST: Cost = Cost { memory_kib: 64 << 10, passes: 3, lanes: 4 };
/// More than a future version would ask for; a blob that asks for more is not ours and would only eat memory.
const MOST: Cost = Cost { memory_kib: 2 << 20, passes: 16, lanes: 16 };

const VERSION: u8 = 1;
/// Up to the nonce: what the tag vouches for beside the key.
const HEAD: usize = 33;
const LENGTH: usize = HEAD + 12 + 32 + 16;
const CONTEXT: &[u8] = b"claudetools wrapped key\0";

/// A data key that only a passphrase opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey(Vec<u8>);

impl WrappedKey {
    /// Wraps a key.
    pub fn new(key: &DataKey, passphrase: &Passphrase, salt: Salt, nonce: Nonce) -> Result<WrappedKey, VaultError> {
        let mut blob = Vec::with_capacity(LENGTH);
        blob.push(VERSION);
        blob.extend(key.id().0);
        blob.extend([COST.memory_kib, COST.passes, COST.lanes].iter().flat_map(|number| number.to_be_bytes()));
        blob.extend(salt);
        let stretched = stretch(passphrase, &salt, COST)?;
        let mut text = Zeroizing::new(*key.expose());
        let tag = envelope::encrypt(&stretched, &nonce, &associated(&blob), &mut *text)?;
        blob.extend(nonce);
        blob.extend(*text);
        blob.extend(tag);
        Ok(WrappedKey(blob))
    }

    /// Takes bytes that were stored.
    pub fn from_bytes(bytes: &[u8]) -> Result<WrappedKey, VaultError> {
        match bytes {
            [VERSION, ..] if bytes.len() == LENGTH => Ok(WrappedKey(bytes.to_vec())),
            [version, ..] if *version > VERSION => Err(VaultError::Version(*version)),
            _ => Err(VaultError::Malformed),
        }
    }

    /// The bytes, for storing.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name of the key in it.
    pub fn id(&self) -> KeyId {
        KeyId(self.part(1))
    }

    /// Opens it; takes a noticeable part of a second, on purpose.
    pub fn open(&self, passphrase: &Passphrase) -> Result<DataKey, VaultError> {
        let number = |at| u32::from_be_bytes(self.part(at));
        let cost = Cost { memory_kib: number(5), passes: number(9), lanes: number(13) };
        if cost.memory_kib > MOST.memory_kib || cost.passes > MOST.passes || cost.lanes > MOST.lanes {
            return Err(VaultError::Excessive);
        }
        let stretched = stretch(passphrase, &self.part(17), cost)?;
        let (text, tag) = self.0[HEAD + 12..].split_at(32);
        let plain = envelope::decrypt(&stretched, &self.part(HEAD), &associated(&self.0[..HEAD]), text, tag);
        let plain = plain.ok_or(VaultError::Passphrase)?;
        let bytes = plain.as_slice().try_into().map(Zeroizing::new).map_err(|_| VaultError::Malformed)?;
        Ok(DataKey::new(self.id(), bytes))
    }

    fn part<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut part = [0; N];
        part.copy_from_slice(&self.0[at..at + N]);
        part
    }
}

fn associated(head: &[u8]) -> Vec<u8> {
    [CONTEXT, head].concat()
}

fn stretch(passphrase: &Passphrase, salt: &Salt, cost: Cost) -> Result<Zeroizing<[u8; 32]>, VaultError> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(|_| VaultError::Malformed)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.0.as_bytes(), salt, &mut *key)
        .map_err(|_| VaultError::Malformed)?;
    Ok(key)
}
