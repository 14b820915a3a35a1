//! The sets: memories with their time, questions with the memories that answer them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sync::parse_datetime;
use world::{Error, Result};

/// Characters that a token is taken for.
const CHARS_PER_TOKEN: usize = 4;

/// A memory of a set.
#[derive(Debug, Deserialize)]
pub(crate) struct Item {
    pub(crate) id: String,
    /// What belongs together: a project.
    pub(crate) space: String,
    pub(crate) session: String,
    pub(crate) timestamp: String,
    speaker: String,
    pub(crate) text: String,
}

impl Item {
    /// As a simple system would inject it.
    pub(crate) fn shown(&self) -> String {
        format!("[{}] {}: {}", &self.timestamp[..16], self.speaker, self.text)
    }

    /// When it was made, in the replica's form.
    pub(crate) fn made(&self) -> String {
        format!("{}.000000Z", &self.timestamp[..19])
    }
}

/// A question of a set.
#[derive(Debug, Deserialize)]
pub(crate) struct Question {
    pub(crate) space: String,
    pub(crate) text: String,
    date: String,
    evidence_ids: HashSet<String>,
    /// `turn`: the evidence are memories; `session`: any memory of a session is evidence of it.
    level: String,
}

impl Question {
    /// Only what was made before counts.
    pub(crate) fn before(&self) -> String {
        format!("{}.000000Z", &self.date[..19])
    }
}

/// A set.
pub(crate) struct Set {
    pub(crate) name: &'static str,
    /// True for conversations, whose turns have neighbours.
    pub(crate) is_talk: bool,
    /// By space, in the order of time.
    pub(crate) spaces: BTreeMap<String, Vec<Item>>,
    pub(crate) questions: Vec<Question>,
}

/// The names of the sets, and which are conversations.
const SETS: [(&str, bool); 3] = [("devlog", false), ("devmem", true), ("lme3", true)];

/// All sets of a folder.
pub(crate) fn load(folder: &Path) -> Result<Vec<Set>> {
    SETS.iter()
        .map(|&(name, is_talk)| {
            let items: Vec<Item> = lines(&folder.join(format!("{name}.corpus.jsonl.zst")))?;
            let questions = lines(&folder.join(format!("{name}.queries.jsonl.zst")))?;
            let mut spaces: BTreeMap<String, Vec<Item>> = BTreeMap::new();
            for item in items {
                parse_datetime(&item.made()).ok_or_else(|| Error::new(format!("read the time of {}", item.id)))?;
                spaces.entry(item.space.clone()).or_default().push(item);
            }
            for items in spaces.values_mut() {
                items.sort_by(|a, b| a.timestamp.cmp(&b.timestamp));
            }
            Ok(Set { name, is_talk, spaces, questions })
        })
        .collect()
}

fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let reading = format!("read {}", path.display());
    let file = std::fs::File::open(path).map_err(Error::doing(&reading))?;
    let text = zstd::decode_all(file).map_err(Error::doing(&reading))?;
    let text = String::from_utf8(text).map_err(Error::doing(&reading))?;
    text.lines().map(|line| serde_json::from_str(line).map_err(Error::doing(&reading))).collect()
}

/// Tokens of a text.
pub(crate) fn tokens(text: &str) -> usize {
    text.chars().count().div_ceil(CHARS_PER_TOKEN)
}

/// What one question sees and what answers it.
pub(crate) struct Asked<'a> {
    pub(crate) question: &'a Question,
    /// In the order of time.
    pub(crate) visible: &'a [Item],
    by_id: HashMap<&'a str, &'a Item>,
    total: usize,
}

/// How much a simple packing or an injected text may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Budget {
    Tokens(usize),
    /// Of all that the question sees.
    Percent(usize),
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Budget::Tokens(tokens) => write!(f, "{tokens}"),
            Budget::Percent(percent) => write!(f, "{percent} %"),
        }
    }
}

impl<'a> Asked<'a> {
    pub(crate) fn new(set: &'a Set, question: &'a Question) -> Asked<'a> {
        let all = set.spaces.get(&question.space).map_or(&[][..], Vec::as_slice);
        let visible = &all[..all.partition_point(|item| item.timestamp < question.date)];
        let by_id = visible.iter().map(|item| (item.id.as_str(), item)).collect();
        let total = visible.iter().map(|item| tokens(&item.shown())).sum();
        Asked { question, visible, by_id, total }
    }

    /// Tokens of a budget.
    pub(crate) fn tokens(&self, budget: Budget) -> usize {
        match budget {
            Budget::Tokens(tokens) => tokens,
            Budget::Percent(percent) => self.total * percent / 100,
        }
    }

    /// The best of a ranking that fit, each as a simple system would show it; what does not fit is passed over.
    pub(crate) fn pack(&self, ranked: &[&str], budget: Budget) -> String {
        let mut left = self.tokens(budget);
        let mut text = String::new();
        for item in ranked.iter().filter_map(|id| self.by_id.get(id)) {
            let shown = item.shown();
            let cost = tokens(&shown);
            if cost <= left {
                left -= cost;
                text.push_str(&shown);
                text.push('\n');
            } else if left < 8 {
                break;
            }
        }
        text
    }

    /// The share of the evidence that stands in a text, cut to the budget. A memory stands there when at least 60 % of its
    /// runs of five words do.
    pub(crate) fn found(&self, text: &str, budget: Budget) -> f64 {
        let limit = self.tokens(budget) * CHARS_PER_TOKEN;
        let cut = text.char_indices().nth(limit).map_or(text, |(end, _)| &text[..end]);
        let there = runs(cut);
        let stands = |item: &Item| {
            let runs = runs(&item.text);
            runs.intersection(&there).count() * 10 >= runs.len() * 6
        };
        let evidence = &self.question.evidence_ids;
        let found = evidence.iter().filter(|id| match self.question.level.as_str() {
            "turn" => self.by_id.get(id.as_str()).is_some_and(|item| stands(item)),
            _ => self.visible.iter().any(|item| &&item.session == id && stands(item)),
        });
        share(found.count(), evidence.len())
    }
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn share(part: usize, of: usize) -> f64 {
    part as f64 / of.max(1) as f64
}

fn runs(text: &str) -> HashSet<String> {
    let folded = text.to_lowercase();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words: Vec<&str> = folded.split(|c| !is_word(c)).filter(|word| !word.is_empty()).collect();
    if words.len() < 5 { HashSet::from([words.join(" ")]) } else { words.windows(5).map(|run| run.join(" ")).collect() }
}
