//! What recall finds for its tokens: the share of the evidence in the text that is injected, on three sets, through the
//! shipped programs, beside simple methods, and with each signal taken away.
//!
//! `cargo xtask bench recall [--json] [--data FOLDER] [--model FOLDER|own]`. With a sentence model's folder (`claudetools model pull`
//! makes one), recall goes by meaning too. Tokens are counted as characters divided by four. Simple methods
//! show each memory with its date and speaker; the program shows it as its hook does.

mod data;
mod product;
mod simple;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use world::{Error, Result};

use data::{Asked, Budget, Set};
use product::Product;

#[path = "../hook/host.rs"]
mod host;

const USAGE: &str = "cargo xtask bench recall [--json] [--data FOLDER] [--model FOLDER|own]";
const BUDGETS: [Budget; 5] =
    [Budget::Tokens(500), Budget::Tokens(1_000), Budget::Tokens(2_000), Budget::Percent(5), Budget::Percent(10)];
/// The signals beside the text.
const SIGNALS: [&str; 7] = ["neighbour", "session", "age", "importance", "usage", "spread", "brevity"];
/// The one that there is with a model only.
const MEANING: &str = "embedding";

/// A line of the table: a method on a set.
struct Line {
    set: &'static str,
    method: String,
    /// Share of the evidence, by budget.
    found: [f64; BUDGETS.len()],
}

fn main() -> Result<()> {
    let mut is_json = false;
    let mut folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/recall/data");
    let mut model = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => is_json = true,
            "--data" => folder = arguments.next().ok_or_else(|| Error::new(format!("usage: {USAGE}")))?.into(),
            "--model" => {
                let path = arguments.next().ok_or_else(|| Error::new(format!("usage: {USAGE}")))?;
                model = Some(match path.as_str() {
                    "own" => PathBuf::from(path),
                    _ => std::path::absolute(&path).map_err(Error::doing(format!("find {path}")))?,
                });
            }
            "--bench" => {} // what `cargo bench` says to every benchmark
            other => return Err(Error::new(format!("understand {other}; usage: {USAGE}"))),
        }
    }
    let mut lines = Vec::new();
    for set in data::load(&folder)? {
        measure(&set, model.as_deref(), &mut lines)?;
    }
    if is_json {
        print_json(&lines);
    } else {
        print_table(&lines);
    }
    Ok(())
}

fn measure(set: &Set, model: Option<&Path>, lines: &mut Vec<Line>) -> Result<()> {
    let asked: Vec<Asked<'_>> = set.questions.iter().map(|question| Asked::new(set, question)).collect();
    // What each method shows for each question and budget.
    let mut take = |name: &str, show: &mut dyn FnMut(&Asked<'_>) -> Result<[String; BUDGETS.len()]>| -> Result<()> {
        let mut found = [0.0; BUDGETS.len()];
        for one in &asked {
            for ((sum, budget), text) in found.iter_mut().zip(BUDGETS).zip(show(one)?) {
                *sum += one.found(&text, budget);
            }
        }
        lines.push(line(set, name, found));
        Ok(())
    };
    let packed = |asked: &Asked<'_>, ranked: &[&str]| BUDGETS.map(|budget| asked.pack(ranked, budget));
    take("the newest", &mut |asked| Ok(packed(asked, &simple::newest(asked))))?;
    take("FTS5, words joined by OR", &mut |asked| Ok(packed(asked, &simple::fts5(asked)?)))?;
    take("BM25", &mut |asked| Ok(packed(asked, &simple::bm25(asked))))?;
    let product = Product::with(set, model)?;
    let mut ours = |name: &str, without: &[&str]| {
        take(name, &mut |asked| {
            let mut shown = BUDGETS.map(|_| String::new());
            for (text, budget) in shown.iter_mut().zip(BUDGETS) {
                *text = product.inject(asked, budget, without)?;
            }
            Ok(shown)
        })
    };
    ours(if model.is_some() { "**claudetools with a model**" } else { "**claudetools**" }, &[])?;
    // What the other signals are worth, the run without a model says; with one, questions take longer.
    let signals = if model.is_some() { &[MEANING][..] } else { &SIGNALS };
    for signal in signals {
        ours(&format!("without {signal}"), &[signal])?;
    }
    if model.is_none() {
        ours("the text alone", &SIGNALS)?;
    }
    eprintln!("{}: the daemon uses {} MiB", set.name, product.memory()? / 1024);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn line(set: &Set, method: &str, sums: [f64; BUDGETS.len()]) -> Line {
    eprintln!("{}: {method}", set.name);
    Line { set: set.name, method: method.to_owned(), found: sums.map(|sum| sum / set.questions.len() as f64) }
}

fn print_table(lines: &[Line]) {
    println!("{}; load {}\n", host::facts(), host::load());
    let budgets: Vec<String> = BUDGETS.iter().map(ToString::to_string).collect();
    println!("| % of the evidence in so many tokens | set | {} |", budgets.join(" | "));
    println!("|---|---|{}", "--:|".repeat(BUDGETS.len()));
    for line in lines {
        let found: Vec<String> = line.found.iter().map(|found| format!("{:.1}", 100.0 * found)).collect();
        println!("| {} | {} | {} |", line.method, line.set, found.join(" | "));
    }
}

fn print_json(lines: &[Line]) {
    let lines: Vec<Value> = lines
        .iter()
        .map(|line| {
            let found: serde_json::Map<String, Value> =
                BUDGETS.iter().zip(line.found).map(|(budget, found)| (budget.to_string(), found.into())).collect();
            json!({ "set": line.set, "method": line.method.replace('*', ""), "found": found })
        })
        .collect();
    println!("{}", json!({ "facts": host::facts(), "load": host::load(), "lines": lines }));
}
