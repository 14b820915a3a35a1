//! What the index keeps of a memory beside its terms: enough to rank it without reading its row.

use std::collections::HashMap;

/// No such neighbour.
pub const NO_LINK: u32 = u32::MAX;

/// A memory of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doc {
    /// Its number in the replica; the upper half is its scope.
    pub key: u64,
    /// Stands for its session; 0 for none.
    pub session: u32,
    /// Seconds since the Unix epoch.
    pub made: u32,
    /// The turns of the same session before and after it, as places in the same segment.
    pub before: u32,
    /// See `before`.
    pub after: u32,
    /// Stored importance in tenths, 0 to 100.
    pub importance: u8,
    /// True for a part of a conversation, whose neighbours tell something about it.
    pub is_turn: bool,
    /// Tokens of its text, as [`crate::budget::tokens`] counts them; the greatest number also stands for more.
    pub tokens: u16,
    /// Of them, what is left when the text is shown whole, see [`crate::render::least_tokens`].
    pub shown: u16,
}

impl Doc {
    /// Bytes of a memory in a segment.
    pub const BYTES: usize = 30;

    /// The scope that it belongs to.
    pub fn scope(&self) -> u32 {
        u32::try_from(self.key >> 32).unwrap_or(u32::MAX)
    }

    /// As it stands in a segment.
    pub fn to_bytes(self) -> [u8; Doc::BYTES] {
        let mut bytes = [0; Doc::BYTES];
        bytes[..8].copy_from_slice(&self.key.to_le_bytes());
        for (at, part) in [self.session, self.made, self.before, self.after].into_iter().enumerate() {
            bytes[8 + 4 * at..12 + 4 * at].copy_from_slice(&part.to_le_bytes());
        }
        bytes[24] = self.importance;
        bytes[25] = u8::from(self.is_turn);
        bytes[26..28].copy_from_slice(&self.tokens.to_le_bytes());
        bytes[28..].copy_from_slice(&self.shown.to_le_bytes());
        bytes
    }

    /// Out of a segment.
    pub fn from_bytes(bytes: &[u8; Doc::BYTES]) -> Doc {
        let part = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Doc {
            key: u64::from(part(0)) | u64::from(part(4)) << 32,
            session: part(8),
            made: part(12),
            before: part(16),
            after: part(20),
            importance: bytes[24],
            is_turn: bytes[25] == 1,
            tokens: u16::from_le_bytes([bytes[26], bytes[27]]),
            shown: u16::from_le_bytes([bytes[28], bytes[29]]),
        }
    }
}

/// The turns before and after each turn, as they come in the order of their keys, which is about that of time.
#[derive(Debug, Default)]
pub struct Links {
    links: Vec<(u32, u32)>,
    /// The last turn of each session.
    last: HashMap<u32, u32>,
}

impl Links {
    /// The next memory.
    pub fn add(&mut self, doc: &Doc) {
        let place = u32::try_from(self.links.len()).unwrap_or(NO_LINK);
        let mut before = NO_LINK;
        if doc.is_turn && doc.session != 0 {
            before = self.last.insert(doc.session, place).unwrap_or(NO_LINK);
            if let Some((_, after)) = self.links.get_mut(before as usize) {
                *after = place;
            }
        }
        self.links.push((before, NO_LINK));
    }

    /// The memory at a place, linked.
    pub fn link(&self, place: u32, doc: Doc) -> Doc {
        let (before, after) = self.links.get(place as usize).copied().unwrap_or((NO_LINK, NO_LINK));
        Doc { before, after, ..doc }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc(key: u64, session: u32, is_turn: bool) -> Doc {
        Doc { key, session, made: 0, before: 7, after: 7, importance: 50, is_turn, tokens: 9, shown: 8 }
    }

    #[test]
    fn bytes_hold_all_of_it() {
        let whole = Doc {
            key: 7 << 32 | 9,
            session: 3,
            made: 4,
            before: 5,
            after: NO_LINK,
            importance: 99,
            is_turn: true,
            tokens: 1_000,
            shown: 999,
        };
        assert_eq!(Doc::from_bytes(&whole.to_bytes()), whole);
        assert_eq!(whole.scope(), 7);
    }

    #[test]
    fn turns_of_a_session_know_each_other() {
        let docs =
            [doc(1, 1, true), doc(2, 2, true), doc(3, 1, false), doc(4, 1, true), doc(5, 0, true), doc(6, 1, true)];
        let mut links = Links::default();
        for doc in &docs {
            links.add(doc);
        }
        let around = |place: u32| {
            let doc = links.link(place, docs[place as usize]);
            (doc.before, doc.after)
        };
        assert_eq!((around(0), around(3), around(5)), ((NO_LINK, 3), (0, 5), (3, NO_LINK)));
        for alone in [1, 2, 4] {
            assert_eq!(around(alone), (NO_LINK, NO_LINK));
        }
    }
}
