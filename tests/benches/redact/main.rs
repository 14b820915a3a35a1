//! What redaction finds, and what it takes for a secret that is none.
//!
//! `cargo xtask bench redact [--json] [--corpus FOLDER]`. Secrets of many kinds are planted and counted when they stay. The
//! corpus is ordinary code, by default the sources of the crates that Cargo has unpacked here: whatever is replaced there
//! is taken for a mistake, though among test data some of it is a secret indeed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use world::planted::{KINDS, made};
use world::random::Random;
use world::{Error, Result};

#[expect(dead_code, reason = "what other benchmarks ask of the machine")]
#[path = "../hook/host.rs"]
mod host;

const USAGE: &str = "cargo xtask bench redact [--json] [--corpus FOLDER]";
/// Secrets of each kind.
const OF_EACH: usize = 200;
/// Files that people write.
const WRITTEN: [&str; 12] = ["rs", "toml", "md", "py", "js", "ts", "c", "h", "sh", "go", "json", "yml"];
/// Larger files are data.
const LARGEST: u64 = 2_000_000;

fn main() -> Result<()> {
    let (mut is_json, mut corpus) = (false, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => is_json = true,
            "--corpus" => {
                corpus = Some(PathBuf::from(arguments.next().ok_or_else(|| Error::new(format!("usage: {USAGE}")))?));
            }
            "--bench" => {} // what `cargo bench` says to every benchmark
            other => return Err(Error::new(format!("understand {other}; usage: {USAGE}"))),
        }
    }
    let corpus = corpus.map_or_else(crates, Ok)?;
    let left = planted();
    let mut code = Code::default();
    code.read(&corpus)?;
    if is_json {
        print_json(&left, &code);
    } else {
        print_table(&left, &code);
    }
    Ok(())
}

/// The sources that Cargo has unpacked.
fn crates() -> Result<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let sources = home.map(|home| home.join("registry/src")).filter(|sources| sources.is_dir());
    sources.ok_or_else(|| Error::new(format!("find the sources of crates; name a folder: {USAGE}")))
}

/// The kinds of which some stayed, and how many.
fn planted() -> BTreeMap<&'static str, usize> {
    let (mut random, mut left) = (Random::new(1), BTreeMap::new());
    for kind in KINDS {
        for _ in 0..OF_EACH {
            let (text, needle) = made(kind, &mut random);
            if recall::redact::redact(&format!("what we use there:\n{text}\nand no more")).text.contains(&needle) {
                *left.entry(*kind).or_default() += 1;
            }
        }
    }
    left
}

/// What was found in code.
#[derive(Default)]
struct Code {
    files: usize,
    lines: usize,
    bytes: usize,
    found: usize,
    kinds: BTreeMap<String, usize>,
    took: Duration,
}

impl Code {
    fn read(&mut self, folder: &Path) -> Result<()> {
        let reading = || Error::doing(format!("read {}", folder.display()));
        for entry in std::fs::read_dir(folder).map_err(reading())? {
            let path = entry.map_err(reading())?.path();
            let is_written = path.extension().is_some_and(|extension| WRITTEN.iter().any(|one| extension == *one));
            if path.is_dir() {
                self.read(&path)?;
            } else if is_written
                && path.metadata().is_ok_and(|meta| meta.len() <= LARGEST)
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                self.look(&text);
            }
        }
        Ok(())
    }

    fn look(&mut self, text: &str) {
        let began = Instant::now();
        let clean = recall::redact::redact(text);
        let found = usize::try_from(clean.kinds.total()).unwrap_or(usize::MAX);
        self.took += began.elapsed();
        self.files += 1;
        self.lines += text.lines().count();
        self.bytes += text.len();
        self.found += found;
        if found > 0 {
            for kind in clean.text.split("[redacted:").skip(1).filter_map(|rest| Some(rest.split_once(']')?.0)) {
                *self.kinds.entry(kind.to_owned()).or_default() += 1;
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of lines")]
    fn of_a_thousand_lines(&self) -> f64 {
        self.found as f64 * 1_000.0 / self.lines.max(1) as f64
    }

    #[expect(clippy::cast_precision_loss, reason = "bytes of text")]
    fn mb_per_second(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.took.as_secs_f64()
    }
}

fn print_table(left: &BTreeMap<&str, usize>, code: &Code) {
    println!("{}; load {}\n", host::facts(), host::load());
    println!("| | |");
    println!("|---|--:|");
    println!("| secrets planted, {} kinds | {} |", KINDS.len(), KINDS.len() * OF_EACH);
    println!("| of them left in the text | {} |", left.values().sum::<usize>());
    println!("| lines of code in {} files | {} |", code.files, code.lines);
    println!("| taken for secrets there | {} |", code.found);
    println!("| the same in 1,000 lines | {:.2} |", code.of_a_thousand_lines());
    println!("| MB of text a second, one thread | {:.0} |", code.mb_per_second());
    for (kind, count) in left {
        println!("\nleft: {count} of {OF_EACH} of {kind}");
    }
    let kinds: Vec<String> = code.kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    println!("\nTaken for secrets in code: {}.", kinds.join(", "));
}

fn print_json(left: &BTreeMap<&str, usize>, code: &Code) {
    println!(
        "{}",
        json!({
            "facts": host::facts(), "load": host::load(), "kinds": KINDS.len(), "planted": KINDS.len() * OF_EACH,
            "left": left, "files": code.files, "lines": code.lines, "found": code.found, "found_kinds": code.kinds,
            "per_1000_lines": code.of_a_thousand_lines(), "mb_per_second": code.mb_per_second(),
        })
    );
}
