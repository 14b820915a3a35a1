//! Text made fit for its column: no secrets, no U+0000, no longer than the column takes.

use recall::redact::Kinds;

use crate::redaction::redact;

/// Largest text column, in bytes.
const TEXT_BYTES: usize = 1 << 20;
/// Largest whole that is kept beside a shortened text, in bytes before compression. One row must stay far below what
/// central takes in one packet.
pub(super) const WHOLE_BYTES: usize = 2 << 20;
/// Largest output and diff, in bytes before compression, as the schema notes say.
pub(super) const OUTPUT_BYTES: usize = 256 << 10;

/// A text without secrets, and how many were taken out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Clean {
    pub(crate) text: String,
    pub(crate) redactions: u64,
    /// The same by kind.
    pub(crate) kinds: Kinds,
}

impl Clean {
    /// Replaces secrets, and U+0000, which neither database takes.
    pub(crate) fn new(text: &str) -> Self {
        let clean = redact(text);
        let kinds = clean.kinds.clone();
        let text = if clean.text.contains('\0') { clean.text.replace('\0', "\u{fffd}") } else { clean.into_text() };
        Self { text, redactions: kinds.total(), kinds }
    }
}

/// The first `limit` characters.
pub(super) fn chars(text: &str, limit: usize) -> String {
    recall::excerpt::cut(text, limit.saturating_sub(1))
}

/// At most `limit` bytes, cut between characters, with a note of how much is missing.
pub(super) fn bytes(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let note = format!("\n[… cut: {} of {} bytes]", limit, text.len());
    format!("{}{note}", &text[..floor(text, limit.saturating_sub(note.len()))])
}

/// A column of tags with more of them; those that it has stay, whoever gave them. NULL for none.
pub(super) fn with_tags(known: Option<&str>, more: &[String]) -> Option<String> {
    let mut tags: Vec<String> = known.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    for tag in more {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    (!tags.is_empty()).then(|| serde_json::json!(tags).to_string())
}

/// What a text column takes.
pub(super) fn column(text: &str) -> String {
    bytes(text, TEXT_BYTES)
}

/// Start and end of a text, when it is longer than `limit` characters: pasted matter is cut, not the question behind it.
pub(super) fn ends(text: &str, limit: usize) -> String {
    let length = text.chars().count();
    if length <= limit {
        return text.to_owned();
    }
    let (head, tail) = (limit * 2 / 3, limit / 3);
    let at = |chars: usize| text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
    format!(
        "{}\n[… {} characters …]\n{}",
        text[..at(head)].trim_end(),
        length - head - tail,
        text[at(length - tail)..].trim_start()
    )
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_fall_between_characters() {
        let text = "ä".repeat(1000);
        let cut = bytes(&text, 101);
        assert!(cut.len() <= 101 && cut.starts_with("ää") && cut.ends_with("of 2000 bytes]"), "{cut}");
        assert_eq!(bytes("short", 100), "short");
        assert_eq!(chars("äöü", 2), "ä…");
    }

    #[test]
    fn a_long_text_keeps_both_ends() {
        let text = format!("START {} END", "x".repeat(5_000));
        let cut = ends(&text, 300);
        assert!(cut.starts_with("START") && cut.ends_with("END") && cut.chars().count() < 340);
    }

    #[test]
    fn clean_text_has_no_secret_and_no_nul() {
        let clean = Clean::new("a\0b password=hunter2hunter2");
        assert_eq!(clean.text, "a\u{fffd}b password=[redacted:assignment]");
        assert_eq!(clean.redactions, 1);
    }
}
