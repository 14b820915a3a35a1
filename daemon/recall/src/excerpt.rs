//! The part of a memory that answers a query: the lines that hold its terms, in their order, within a token limit.

use crate::beginnings::Beginnings;
use crate::budget::{chars, tokens};
use crate::score::Weighted;
use crate::terms::stems_like;

/// Lines longer than this are cut at the ends of sentences.
const LONG_LINE_CHARS: usize = 200;
/// Share of a part's worth that counts for the parts beside it.
const NEIGHBOUR_SHARE: f64 = 0.3;
/// Between parts that do not follow each other.
const GAP: &str = "…";

/// Cuts the memories of one answer to the parts that tell something for its query.
#[derive(Debug)]
pub struct Excerpts<'a> {
    query: &'a [Weighted],
    beginnings: &'a Beginnings,
}

impl<'a> Excerpts<'a> {
    /// For a query, and how its words begin; without terms in it, beginnings of texts are kept.
    pub fn new(query: &'a [Weighted], beginnings: &'a Beginnings) -> Self {
        Self { query, beginnings }
    }

    /// The whole text when it fits, else its telling parts and what stands beside them. Without a match the beginning is
    /// kept.
    pub fn of(&self, text: &str, limit_tokens: usize) -> String {
        let text = text.trim();
        if tokens(text) <= limit_tokens {
            return text.to_owned();
        }
        let parts = parts(text);
        let worth: Vec<f64> = parts.iter().map(|part| self.worth(part)).collect();
        let tells = worth.iter().any(|&worth| worth > 0.0);
        let mut order: Vec<(usize, f64)> = (0..parts.len())
            .map(|at| (at, with_neighbours(&worth, at)))
            .filter(|&(_, worth)| worth > 0.0 || !tells)
            .collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));

        let mut left = chars(limit_tokens);
        let mut kept = Vec::new();
        for (at, _) in order {
            let cost = parts[at].chars().count() + GAP.len() + 1;
            if cost <= left {
                left -= cost;
                kept.push(at);
            }
        }
        if kept.is_empty() {
            return cut(text, chars(limit_tokens).saturating_sub(1));
        }
        kept.sort_unstable();
        join(&parts, &kept)
    }

    /// Distinct terms found by their weight, a little less for long parts; the opening breaks ties by its place.
    #[expect(clippy::cast_precision_loss, reason = "words of one line")]
    fn worth(&self, part: &str) -> f64 {
        let words = stems_like(part, self.beginnings);
        let found: f64 = self.query.iter().filter(|w| w.term.occurrences(&words) > 0).map(|w| w.weight).sum();
        found / (1.0 + words.len() as f64 / 100.0)
    }
}

/// The first characters of a text, with a mark when there were more.
pub fn cut(text: &str, limit_chars: usize) -> String {
    match text.char_indices().nth(limit_chars) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}{GAP}", text[..end].trim_end()),
    }
}

/// The first line that says something, cut to a title's length.
pub fn title(text: &str, limit_chars: usize) -> String {
    let line = text.lines().map(str::trim).find(|line| line.chars().any(char::is_alphanumeric)).unwrap_or("");
    let line = line.trim_start_matches(['#', '-', '*', '>', ' ']);
    cut(line, limit_chars.saturating_sub(1))
}

/// A part beside a telling one explains it.
fn with_neighbours(worth: &[f64], at: usize) -> f64 {
    let before = at.checked_sub(1).map_or(0.0, |before| worth[before]);
    let after = worth.get(at + 1).copied().unwrap_or(0.0);
    worth[at] + NEIGHBOUR_SHARE * before.max(after)
}

fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for line in text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()) {
        if line.chars().count() <= LONG_LINE_CHARS {
            parts.push(line);
        } else {
            parts.extend(line.split_inclusive(". ").map(str::trim_end));
        }
    }
    parts
}

fn join(parts: &[&str], kept: &[usize]) -> String {
    let mut text = String::new();
    let mut next = 0;
    for &at in kept {
        if at > next {
            text.push_str(if text.is_empty() { "" } else { "\n" });
            text.push_str(GAP);
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(parts[at]);
        next = at + 1;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::query;

    fn weighted(text: &str) -> Vec<Weighted> {
        query(text).into_iter().map(|term| Weighted { term, weight: 1.0 }).collect()
    }

    fn excerpt(text: &str, query: &[Weighted], limit_tokens: usize) -> String {
        Excerpts::new(query, &Beginnings::of(query)).of(text, limit_tokens)
    }

    #[test]
    fn a_short_text_is_whole() {
        assert_eq!(excerpt(" a fact \n", &weighted("fact"), 10), "a fact");
    }

    #[test]
    fn the_telling_line_survives() {
        let noise = "nothing of interest in this line of the log\n".repeat(60);
        let text = format!("{noise}the staging port is 5544\n{noise}");
        let cut = excerpt(&text, &weighted("staging port"), 40);
        assert!(cut.contains("5544"), "{cut}");
        assert!(tokens(&cut) <= 41, "{}", tokens(&cut));
        assert_eq!(cut.lines().count(), 4, "a gap, the line and those beside it: {cut}");
    }

    #[test]
    fn one_endless_line_is_cut_at_its_start() {
        let cut = excerpt(&"x".repeat(5_000), &weighted("staging"), 20);
        assert!(cut.starts_with("xxx") && tokens(&cut) <= 20);
    }

    #[test]
    fn titles_skip_markup_and_empty_lines() {
        assert_eq!(title("\n\n## Fix the login\nmore", 80), "Fix the login");
        assert_eq!(title("äöü".repeat(40).as_str(), 10), "äöüäöüäöü…");
        assert_eq!(title("…", 10), "");
    }
}
