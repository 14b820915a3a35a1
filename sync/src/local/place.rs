//! Where a replica is: which host, which path. A copy of the file is found out by it as soon as it is opened.
//!
//! It is a hash, so that the file tells nothing of the host it came from. A file that was overwritten by an older copy of
//! itself stays in its place: that one is known by its batch numbers, at the first round.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::{StoreError, WriteTx, state};

/// The place of a file on a host.
pub(super) fn of(path: &Path, host: &str) -> Vec<u8> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut hash = Sha256::new();
    hash.update((host.len() as u64).to_le_bytes());
    hash.update(host);
    hash.update(path.as_os_str().as_encoded_bytes());
    hash.finalize().to_vec()
}

/// True when the file was last opened in another place; from now on it belongs to this one.
pub(super) fn is_another(tx: &mut WriteTx<'_>, place: &[u8]) -> Result<bool, StoreError> {
    let before = state::bytes(tx.connection(), state::PLACE)?;
    state::set(tx.connection(), state::PLACE, place)?;
    Ok(before.is_some_and(|before| before != place))
}
