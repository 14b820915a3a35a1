//! What a benchmark set out to reach, and whether it did.

use serde_json::{Value, json};

/// The goals of one run, in the order in which they were measured.
#[derive(Debug, Default)]
pub struct Goals(Vec<Goal>);

#[derive(Debug)]
struct Goal {
    what: String,
    met: bool,
    found: String,
}

impl Goals {
    /// Notes what was found, and says it at once to whoever waits.
    pub fn note(&mut self, what: impl Into<String>, met: bool, found: String) {
        let what = what.into();
        eprintln!("goal {what}: {found}, {}", if met { "met" } else { "MISSED" });
        self.0.push(Goal { what, met, found });
    }

    /// As a table for a document.
    #[must_use]
    pub fn table(&self) -> String {
        let lines = self.0.iter().map(|Goal { what, met, found }| {
            format!("| {what} | {found} | {} |\n", if *met { "met" } else { "**missed**" })
        });
        "| goal | found | |\n|---|--:|---|\n".to_owned() + &lines.collect::<String>()
    }

    /// As JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        self.0.iter().map(|Goal { what, met, found }| json!({ "what": what, "met": met, "found": found })).collect()
    }
}
