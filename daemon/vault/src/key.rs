//! Data keys: 256 random bits with a name.

use std::fmt;
use std::str::FromStr;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::envelope::{self, Place};
use crate::{Plain, VaultError};

/// The random part of a sealed value: never used twice with one key. 96 random bits are good for some billion values.
pub type Nonce = [u8; 12];

/// The name of a key: random, public, in every value that it sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for KeyId {
    type Err = VaultError;

    fn from_str(text: &str) -> Result<KeyId, VaultError> {
        let is_hex = text.len() == 8 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = u32::from_str_radix(text, 16).ok().filter(|_| is_hex);
        number.map(|number| KeyId(number.to_be_bytes())).ok_or(VaultError::Malformed)
    }
}

/// A key that seals values.
#[derive(Clone)]
pub struct DataKey {
    id: KeyId,
    bytes: Zeroizing<[u8; 32]>,
}

/// What a canary says when it is opened with the right key.
const CANARY: &[u8] = b"claudetools vault";

impl DataKey {
    /// A key of these bytes, which must be random.
    pub fn new(id: KeyId, bytes: Zeroizing<[u8; 32]>) -> DataKey {
        DataKey { id, bytes }
    }

    /// Its name.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The bytes themselves, for whoever stores or wraps them.
    pub fn expose(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// A known value under this key: it opens with no other.
    pub fn canary(&self, nonce: Nonce) -> Result<Vec<u8>, VaultError> {
        self.seal(&canary_place(&self.id.to_string())?, CANARY, nonce)
    }

    /// True when the canary was made with this key.
    pub fn is_of(&self, canary: &[u8]) -> bool {
        canary_place(&self.id.to_string())
            .and_then(|place| self.open(&place, canary))
            .is_ok_and(|plain| plain.as_slice() == CANARY)
    }

    /// A key for another purpose, derived from this one (HKDF-SHA-256): nothing of this key follows from it.
    pub fn derive(&self, purpose: &str, of: &str) -> Zeroizing<[u8; 32]> {
        let mut derived = Zeroizing::new([0; 32]);
        // 32 bytes are one block of SHA-256: it refuses only more than 255 of them.
        let expanded = Hkdf::<Sha256>::new(None, &*self.bytes)
            .expand_multi_info(&[purpose.as_bytes(), &[0], of.as_bytes()], &mut *derived);
        debug_assert!(expanded.is_ok(), "a block of HKDF output is always to be had");
        derived
    }

    pub(crate) fn seal(&self, place: &Place<'_>, plain: &[u8], nonce: Nonce) -> Result<Vec<u8>, VaultError> {
        envelope::seal(&self.bytes, self.id, place, plain, nonce)
    }

    pub(crate) fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Plain, VaultError> {
        envelope::open(&self.bytes, place, sealed)
    }
}

fn canary_place(id: &str) -> Result<Place<'_>, VaultError> {
    Place::new("ct_sync_vault", "canary", id)
}
