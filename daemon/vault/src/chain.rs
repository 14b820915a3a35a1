//! A chain of authenticated records: each link vouches for its record and for the link before it (HMAC-SHA-256).

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::DataKey;

/// A link: 32 bytes.
pub type Link = [u8; 32];

/// The key of one chain, derived from a data key: who has only central cannot make a link.
pub struct ChainKey(Zeroizing<[u8; 32]>);

impl ChainKey {
    /// The key of the chain of that name.
    pub fn new(key: &DataKey, chain: &str) -> ChainKey {
        ChainKey(key.derive("claudetools audit chain", chain))
    }

    /// The link of a record after another link; the first record of a chain follows 32 zero bytes.
    pub fn link(&self, previous: &Link, record: &[u8]) -> Link {
        // HMAC fills a short key with zeros to the block of its hash: written out, there is no length that could be wrong.
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(&*self.0);
        let mut mac = Hmac::<Sha256>::new(&(*block).into());
        mac.update(previous);
        mac.update(record);
        mac.finalize().into_bytes().into()
    }
}
