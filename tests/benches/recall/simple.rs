//! What simple methods reach: BM25 as textbooks have it, FTS5 with all words joined by OR, the newest.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;
use world::{Error, Result};

use super::data::{Asked, Item};

const K1: f64 = 1.2;
const B: f64 = 0.75;

/// The words of a text, lower-cased, without stemming and with stop words.
fn words(text: &str) -> Vec<String> {
    let split = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    split.map(str::to_lowercase).collect()
}

/// BM25 (Robertson and Zaragoza, 2009) over what the question sees.
pub(crate) fn bm25<'a>(asked: &Asked<'a>) -> Vec<&'a str> {
    let texts: Vec<Vec<String>> = asked.visible.iter().map(|item| words(&item.text)).collect();
    let all = float(texts.len());
    let average = float(texts.iter().map(Vec::len).sum()) / all.max(1.0);
    let query: HashSet<String> = words(&asked.question.text).into_iter().collect();
    let mut holding: HashMap<&str, usize> = HashMap::new();
    for text in &texts {
        for word in text.iter().collect::<HashSet<_>>() {
            *holding.entry(word).or_default() += 1;
        }
    }
    let score = |text: &[String]| -> f64 {
        let norm = K1 * (1.0 - B + B * float(text.len()) / average);
        query
            .iter()
            .map(|word| {
                let count = float(text.iter().filter(|other| *other == word).count());
                let holding = float(holding.get(word.as_str()).copied().unwrap_or(0));
                (1.0 + (all - holding + 0.5) / (holding + 0.5)).ln() * count * (K1 + 1.0) / (count + norm)
            })
            .sum()
    };
    let mut ranked: Vec<(f64, &Item)> = texts.iter().map(|text| score(text)).zip(asked.visible).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked.into_iter().filter(|(score, _)| *score > 0.0).map(|(_, item)| item.id.as_str()).collect()
}

/// The newest first.
pub(crate) fn newest<'a>(asked: &Asked<'a>) -> Vec<&'a str> {
    asked.visible.iter().rev().map(|item| item.id.as_str()).collect()
}

/// FTS5 with Porter's stemmer, `ORDER BY rank`.
pub(crate) fn fts5<'a>(asked: &Asked<'a>) -> Result<Vec<&'a str>> {
    let run = || -> rusqlite::Result<Vec<i64>> {
        let db = Connection::open_in_memory()?;
        db.execute_batch("CREATE VIRTUAL TABLE memory USING fts5 (text, tokenize = 'porter unicode61'); BEGIN")?;
        let mut insert = db.prepare("INSERT INTO memory (rowid, text) VALUES (?1, ?2)")?;
        for (number, item) in (0_i64..).zip(asked.visible) {
            insert.execute((number, &item.text))?;
        }
        let query: Vec<String> = words(&asked.question.text).into_iter().map(|word| format!("\"{word}\"")).collect();
        let mut select = db.prepare("SELECT rowid FROM memory WHERE memory MATCH ?1 ORDER BY rank")?;
        select.query_map([query.join(" OR ")], |row| row.get(0))?.collect()
    };
    let found = run().map_err(Error::doing("search with FTS5"))?;
    Ok(found.into_iter().filter_map(|at| Some(asked.visible.get(usize::try_from(at).ok()?)?.id.as_str())).collect())
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn float(count: usize) -> f64 {
    count as f64
}
