//! The vault: keys, and values sealed with them. No I/O; randomness is passed in.
//!
//! A [`DataKey`] seals values with AES-256-GCM ([`Keyring::seal`]), bound to the [`Place`] where they are kept, so that a
//! sealed value which is moved to another row, column or table does not open there. Several keys live beside each other:
//! what is written is sealed with the current one, what was sealed before opens with its own ([`Keyring`]). A key travels
//! to another machine only [wrapped](WrappedKey) by a passphrase, or [handed on](Keyring::hand_on) under a key which that
//! machine already has. A [canary](DataKey::canary) tells a wrong key from a damaged value.
//!
//! [`Fingerprints`] find secrets in texts without keeping them.
//!
//! Architecture invariants: no type that holds a secret has `Debug`, `Display` or `Serialize`; each wipes its memory when
//! it is dropped; no error says anything of a plain value.

mod chain;
mod envelope;
mod fingerprints;
mod key;
mod ring;
mod wrap;

#[cfg(test)]
mod tests;

pub use chain::{ChainKey, Link};
pub use envelope::{Place, VaultError};
pub use fingerprints::Fingerprints;
pub use key::{DataKey, KeyId, Nonce};
pub use ring::Keyring;
pub use wrap::{Passphrase, Salt, WrappedKey};

/// A plain value, wiped when it is dropped.
pub type Plain = zeroize::Zeroizing<Vec<u8>>;
