//! The fault tests, and the summary of what they measured.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use world::scratch::Scratch;
use world::{Error, Result, binaries};

use crate::command::{Environment, build_for_tests, cargo};
use crate::prepare;

/// The file that each test appends its summary to.
const REPORT: &str = "CLAUDETOOLS_FAULTS_REPORT";
/// The tests that measure.
const TESTS: [&str; 3] = ["breakdown::", "reconcile::", "writers::"];
const COUNTS: [(&str, &str); 5] = [
    ("acknowledged", "writes acknowledged"),
    ("lost", "lost"),
    ("diverged", "diverged"),
    ("conflicts", "conflicts recorded"),
    ("quarantined", "quarantined"),
];

/// `faults [--all] [--json]`
pub(crate) fn faults(arguments: &[String]) -> Result<()> {
    let (mut all, mut as_json) = (false, false);
    for argument in arguments {
        match argument.as_str() {
            "--all" => all = true,
            "--json" => as_json = true,
            other => return Err(Error::new(format!("faults: {other} is none of --all, --json"))),
        }
    }
    let mut environment = prepare::for_tests()?;
    if all {
        environment.push(("CLAUDETOOLS_FAULTS_ALL", "1".to_owned()));
    }
    measure(&TESTS, environment, as_json)
}

/// `soak [--machines N] [--minutes N] [--json]`
pub(crate) fn soak(arguments: &[String]) -> Result<()> {
    let ([machines, minutes], as_json) = numbers("soak", [("--machines", 20), ("--minutes", 5)], arguments)?;
    let variables = [("CLAUDETOOLS_SOAK_MACHINES", machines), ("CLAUDETOOLS_SOAK_SECONDS", minutes * 60)];
    measure_released("soak::", variables, as_json)
}

/// `talk [--prompts N] [--sessions N] [--json]`
pub(crate) fn talk(arguments: &[String]) -> Result<()> {
    let ([prompts, sessions], as_json) = numbers("talk", [("--prompts", 200), ("--sessions", 10)], arguments)?;
    let variables = [("CLAUDETOOLS_TALK_PROMPTS", prompts), ("CLAUDETOOLS_TALK_SESSIONS", sessions)];
    measure_released("talk::", variables, as_json)
}

/// The numbers that a command takes, each with its default, and whether JSON is wanted.
fn numbers<const N: usize>(command: &str, known: [(&str, u64); N], arguments: &[String]) -> Result<([u64; N], bool)> {
    let (mut found, mut as_json) = (known.map(|(_, number)| number), false);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--json" {
            as_json = true;
        } else if let Some(at) = known.iter().position(|(name, _)| name == argument) {
            let text = rest.next().ok_or_else(|| Error::new(format!("{command}: {argument} needs a number")))?;
            found[at] = text.parse().map_err(Error::doing(format!("{command}: {argument} {text}")))?;
        } else {
            let names: Vec<String> = known.iter().map(|(name, _)| format!("{name} N")).collect();
            return Err(Error::new(format!("{command}: {argument} is none of {}, --json", names.join(", "))));
        }
    }
    Ok((found, as_json))
}

/// [`measure`] with the programs as they are released.
fn measure_released<const N: usize>(tests: &str, variables: [(&'static str, u64); N], as_json: bool) -> Result<()> {
    let mut environment = prepare::for_tests()?;
    cargo(&["build", "--release", "--workspace", "--bins"], &[])?;
    environment.push((binaries::FOLDER, released()?));
    environment.extend(variables.map(|(name, value)| (name, value.to_string())));
    measure(&[tests], environment, as_json)
}

/// Where cargo puts the programs that are built for release, beside those that this one is of.
fn released() -> Result<String> {
    let own = std::env::current_exe().map_err(Error::doing("find the running program"))?;
    let target = own.ancestors().nth(2).ok_or_else(|| Error::new("find the target directory"))?;
    Ok(target.join("release").display().to_string())
}

/// Runs the tests, prints what they measured, and fails when they did or when something was lost.
fn measure(tests: &[&str], mut environment: Environment, as_json: bool) -> Result<()> {
    let scratch = Scratch::new("faults")?;
    let report = scratch.path().join("report");
    environment.push((REPORT, report.display().to_string()));
    build_for_tests()?;
    let mut command = vec!["test", "--workspace", "--test", "all", "--"];
    command.extend(tests);
    let tested = cargo(&command, &environment);
    // A test that failed may have had nothing to report.
    if tested.is_err() && !report.exists() {
        return tested;
    }
    let lines = read(&report)?;
    let total = total(&lines);
    if as_json {
        println!("{}", json!({ "tests": lines, "total": total }));
    } else {
        print(&lines, &total);
    }
    tested?;
    match total["lost"].as_u64().unwrap_or(0) + total["diverged"].as_u64().unwrap_or(0) {
        0 => Ok(()),
        wrong => Err(Error::new(format!("lose nothing: {wrong} of what was acknowledged is lost, or tables differ"))),
    }
}

fn read(report: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(report).map_err(Error::doing("read what the tests measured"))?;
    text.lines().map(|line| serde_json::from_str(line).map_err(Error::doing("read what a test measured"))).collect()
}

fn total(lines: &[Value]) -> Value {
    let mut total = serde_json::Map::new();
    for (name, _) in COUNTS {
        let counts: Vec<u64> = lines.iter().filter_map(|line| line[name].as_u64()).collect();
        // What no test has counted is not nothing.
        if !counts.is_empty() {
            total.insert(name.to_owned(), counts.iter().sum::<u64>().into());
        }
    }
    if !lines.iter().any(|line| line["faults"].is_object()) {
        return Value::Object(total);
    }
    let mut faults: BTreeMap<&str, u64> = BTreeMap::new();
    for (kind, count) in lines.iter().filter_map(|line| line["faults"].as_object()).flatten() {
        *faults.entry(kind).or_default() += count.as_u64().unwrap_or(0);
    }
    total.insert("faults".to_owned(), json!(faults));
    Value::Object(total)
}

fn print(lines: &[Value], total: &Value) {
    println!();
    for line in lines {
        println!("{}", line["test"].as_str().unwrap_or_default());
        for (name, figure) in line["figures"].as_object().into_iter().flatten() {
            println!("  {name}: {}", figure.as_str().unwrap_or_default());
        }
    }
    if let Some(faults) = total["faults"].as_object() {
        println!("\nfaults injected");
        for (kind, count) in faults {
            println!("  {count:>8}  {kind}");
        }
    }
    println!("\nof all tests");
    // Tests that run together count the same.
    let counted = lines.iter().find_map(|line| line["counted"].as_str());
    for (name, title) in COUNTS {
        let Some(count) = total[name].as_u64() else { continue };
        let title = counted.filter(|_| name == "acknowledged").unwrap_or(title);
        println!("  {count:>8}  {title}");
    }
}
