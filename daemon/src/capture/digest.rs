//! SHA-256 as hexadecimal text.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// 64 lower-case digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
