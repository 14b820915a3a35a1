//! A sealed value: version (1) | key id (4) | nonce (12) | ciphertext | tag (16).

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Key, Tag};
use zeroize::Zeroizing;

use crate::{KeyId, Nonce, Plain};

/// AES-256-GCM, associated data as [`Place::associated`] makes it.
const VERSION: u8 = 1;
const NONCE_AT: usize = 5;
const TEXT_AT: usize = 17;
const TAG_BYTES: usize = 16;

/// Why a value cannot be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// It was sealed with a key that is not here.
    #[error("it is sealed with the key {0}, which this machine does not have")]
    UnknownKey(KeyId),
    /// It was altered, belongs to another place, or the key of that name is another.
    #[error("it was altered, or belongs to another row, column or table")]
    Tampered,
    /// It has not the form of a sealed value or wrapped key.
    #[error("it has not the form of a sealed value")]
    Malformed,
    /// It was sealed by a newer version.
    #[error("it was sealed in the form {0}, which this version does not know")]
    Version(u8),
    /// The passphrase does not open the wrapped key.
    #[error("the passphrase is wrong, or the wrapped key was altered")]
    Passphrase,
    /// A wrapped key asks for more work than any that was made here.
    #[error("the wrapped key asks for too much memory or time")]
    Excessive,
    /// Two keys of one name.
    #[error("another key has the name {0}")]
    SameName(KeyId),
}

/// Where a value is kept: a sealed value opens in its own place only.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    table: &'a str,
    column: &'a str,
    row_id: &'a str,
}

impl<'a> Place<'a> {
    /// Neither name may hold a NUL, which parts them; names of the catalogue never do.
    pub fn new(table: &'a str, column: &'a str, row_id: &'a str) -> Result<Place<'a>, VaultError> {
        let is_clear = |name: &str| !name.is_empty() && !name.contains('\0');
        if is_clear(table) && is_clear(column) {
            Ok(Place { table, column, row_id })
        } else {
            Err(VaultError::Malformed)
        }
    }

    /// `table NUL column NUL row id`: two places never give the same, since only the last part may hold a NUL.
    fn associated(&self) -> Vec<u8> {
        [self.table.as_bytes(), self.column.as_bytes(), self.row_id.as_bytes()].join(&0)
    }
}

/// The name of the key that sealed a value.
pub(crate) fn key_of(sealed: &[u8]) -> Result<KeyId, VaultError> {
    match sealed {
        [VERSION, a, b, c, d, rest @ ..] if rest.len() >= TEXT_AT - NONCE_AT + TAG_BYTES => Ok(KeyId([*a, *b, *c, *d])),
        [version, ..] if *version > VERSION => Err(VaultError::Version(*version)),
        _ => Err(VaultError::Malformed),
    }
}

pub(crate) fn seal(
    key: &[u8; 32],
    id: KeyId,
    place: &Place<'_>,
    plain: &[u8],
    nonce: Nonce,
) -> Result<Vec<u8>, VaultError> {
    let mut sealed = Vec::with_capacity(TEXT_AT + plain.len() + TAG_BYTES);
    sealed.push(VERSION);
    sealed.extend(id.0);
    sealed.extend(nonce);
    sealed.extend(plain);
    let tag = encrypt(key, &nonce, &place.associated(), &mut sealed[TEXT_AT..])?;
    sealed.extend(tag);
    Ok(sealed)
}

pub(crate) fn open(key: &[u8; 32], place: &Place<'_>, sealed: &[u8]) -> Result<Plain, VaultError> {
    key_of(sealed)?;
    let (text, tag) = sealed[TEXT_AT..].split_at(sealed.len() - TEXT_AT - TAG_BYTES);
    let mut nonce = Nonce::default();
    nonce.copy_from_slice(&sealed[NONCE_AT..TEXT_AT]);
    decrypt(key, &nonce, &place.associated(), text, tag).ok_or(VaultError::Tampered)
}

/// Encrypts in place; the tag. It fails only beyond 64 GiB.
pub(crate) fn encrypt(
    key: &[u8; 32],
    nonce: &Nonce,
    associated: &[u8],
    text: &mut [u8],
) -> Result<[u8; TAG_BYTES], VaultError> {
    let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key));
    let tag = cipher.encrypt_inout_detached(&(*nonce).into(), associated, text.into());
    tag.map(Into::into).map_err(|_| VaultError::Malformed)
}

/// None when anything was altered.
pub(crate) fn decrypt(key: &[u8; 32], nonce: &Nonce, associated: &[u8], text: &[u8], tag: &[u8]) -> Option<Plain> {
    let tag = Tag::try_from(tag).ok()?;
    let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key));
    let mut plain = Zeroizing::new(text.to_vec());
    cipher.decrypt_inout_detached(&(*nonce).into(), associated, plain.as_mut_slice().into(), &tag).ok()?;
    Some(plain)
}
