//! Commands that fail: when two runs are the same command, when they are of one kind, which line of an output tells what
//! went wrong, and what of that line comes again with the same failure.

mod shell;

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use shell::{Joint, part_of, words};

/// Characters of a line that tells what went wrong.
const LINE_CHARS: usize = 200;
/// Programs whose exit code 1 is an answer, not a failure.
const ANSWERING: &[&str] = &["grep", "egrep", "fgrep", "rg", "ag", "diff", "cmp", "test", "[", "which", "pgrep"];
/// Programs that say nothing of what a line of commands is for.
const SILENT: &[&str] = &["cd", "echo", "printf", "true", "sleep", "export", "set", "exit", "pushd", "popd"];
/// Programs that only run another one, whose name follows.
const WRAPPERS: &[&str] = &["sudo", "env", "time", "nohup", "nice", "command", "exec", "timeout", "xvfb-run"];
/// Programs that run what their first argument names; without one, two runs have nothing in common.
const INTERPRETERS: &[&str] = &["python", "python3", "node", "ruby", "perl", "php", "bash", "sh", "zsh", "pwsh"];
/// Words after a program that only say that something is run: what is run follows.
const RUNNING: &[&str] = &["run", "exec", "x"];
/// Programs that act on the machine whatever folder they are started in.
const OF_THE_MACHINE: &[&str] = &[
    "apt",
    "apt-get",
    "dnf",
    "yum",
    "pacman",
    "brew",
    "choco",
    "winget",
    "snap",
    "systemctl",
    "service",
    "journalctl",
    "launchctl",
    "ssh",
    "scp",
    "rsync",
    "curl",
    "wget",
    "psql",
    "mysql",
    "mariadb",
    "redis-cli",
    "kubectl",
    "helm",
    "aws",
    "gcloud",
    "az",
    "docker",
    "podman",
    "ping",
    "mount",
];

/// The text by which runs of the same command are known: without a change of folder before it, however it is spaced, and
/// wherever its errors go.
pub fn same_command(text: &str) -> String {
    let mut rest = text.trim();
    while ["cd ", "pushd "].iter().any(|change| rest.starts_with(change)) {
        let (_, joint, after) = part_of(rest);
        if !matches!(joint, Joint::And | Joint::Then) || after.trim().is_empty() {
            break;
        }
        rest = after.trim();
    }
    rest.split_whitespace().filter(|word| *word != "2>&1").collect::<Vec<_>>().join(" ")
}

/// What a command is for: its program and the first argument that is no option, as in `cargo test` or `npm run build`. Of
/// several commands, the last that counts. None when that tells nothing.
pub fn kind(text: &str) -> Option<String> {
    // What stands in a here-document is no command.
    let commands = text.split("<<").next().unwrap_or_default();
    let (mut rest, mut counts, mut found) = (commands, true, None);
    while !rest.trim().is_empty() {
        let (part, joint, after) = part_of(rest);
        if let Some(kind) = kind_of(part).filter(|_| counts) {
            found = Some(kind);
        }
        counts = matches!(joint, Joint::And | Joint::Then);
        rest = after;
    }
    found
}

fn kind_of(part: &str) -> Option<String> {
    let mut words = words(part).into_iter().peekable();
    let program = loop {
        let word = words.next()?;
        let name = word.rsplit(['/', '\\']).next().unwrap_or_default().trim_end_matches(".exe").to_lowercase();
        let is_setting = word.split_once('=').is_some_and(|(name, _)| is_name(name));
        if is_setting || word.starts_with('-') || word.starts_with(|first: char| first.is_ascii_digit()) {
            continue;
        }
        if !WRAPPERS.contains(&name.as_str()) {
            break name;
        }
    };
    if program.is_empty() || SILENT.contains(&program.as_str()) {
        return None;
    }
    let mut kind = program.clone();
    let mut arguments =
        words.take_while(|word| !word.starts_with(['<', '>'])).filter(|word| !word.starts_with(['-', '+']));
    match arguments.next() {
        Some(first) => {
            kind = format!("{kind} {first}");
            if let Some(second) = arguments.next().filter(|_| RUNNING.contains(&first.as_str())) {
                kind = format!("{kind} {second}");
            }
        }
        None if INTERPRETERS.contains(&program.as_str()) => return None,
        None => {}
    }
    Some(kind)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn program_is_of(text: &str, programs: &[&str]) -> bool {
    kind(text).is_some_and(|kind| programs.contains(&kind.split(' ').next().unwrap_or_default()))
}

/// True for a run that did not work, rather than one that answers with its exit code.
pub fn is_failure(text: &str, exit_code: Option<i64>) -> bool {
    exit_code != Some(1) || !program_is_of(text, ANSWERING)
}

/// True for a command that does the same in whatever folder, and so in whatever project, it is run.
pub fn is_of_the_machine(text: &str) -> bool {
    program_is_of(text, OF_THE_MACHINE)
}

#[expect(clippy::expect_used, reason = "constant patterns, compiled by the tests")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a valid pattern")
}

/// How lines begin that tell what went wrong, and what such lines hold elsewhere.
static TELLING: LazyLock<[Regex; 2]> = LazyLock::new(|| {
    [
        pattern(
            r"(?i)^\W*(?:error|fatal|panic|e:|\S*(?:error|exception)\b\S*:|npm err!)|panicked at|^\S+: .*(?:not found|denied|no such)",
        ),
        pattern(r"(?i)error|fail|exception|not found|denied|no such|cannot|can't|unable|refused|timed out"),
    ]
});

/// The line of an output that tells what went wrong; None when it says nothing.
pub fn error_line(output: &str) -> Option<String> {
    let lines = || output.lines().map(str::trim).filter(|line| line.chars().any(char::is_alphanumeric));
    let found = TELLING.iter().find_map(|telling| lines().find(|line| telling.is_match(line)));
    let line = found.or_else(|| lines().next_back())?;
    Some(crate::excerpt::cut(line, LINE_CHARS))
}

/// What is another with each run, and what stands for it.
static CHANGING: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"[a-z][a-z0-9+.-]*://\S+", "<url>"),
        (r"(?-u:\b)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?-u:\b)", "<hex>"),
        (r"\d{4}-\d\d-\d\d(?:[t ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:z|[+-]\d\d:?\d\d)?)?", "<time>"),
        (r"(?-u:\b)\d{1,2}:\d\d:\d\d(?:[.,]\d+)?", "<time>"),
        (r#"(?:[a-z]:)?[\w.~-]*[/\\][^\s:'"`,;()\[\]]*"#, "<path>"),
        (r"(?-u:\b)0x[0-9a-f]+(?-u:\b)", "<hex>"),
        (r"(?-u:\b)[0-9a-f]{7,64}(?-u:\b)", "<hex>"),
        (r"\d+(?:\.\d+)*", "<n>"),
    ]
    .map(|(text, name)| (pattern(text), name))
    .into()
});

/// A line that tells what went wrong, without what is another each time: addresses, paths, times, numbers.
pub fn masked(line: &str) -> String {
    let mut text = Cow::Owned(line.to_lowercase());
    for (changing, name) in CHANGING.iter() {
        let replaced = changing.replace_all(&text, |found: &Captures<'_>| {
            // A word of the letters a to f is a word.
            let is_word = *name == "<hex>" && !found[0].bytes().any(|byte| byte.is_ascii_digit());
            if is_word { found[0].to_owned() } else { (*name).to_owned() }
        });
        text = Cow::Owned(replaced.into_owned());
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A regular expression that finds a masked line's failure again.
pub fn finding(masked: &str) -> String {
    let escaped = regex::escape(masked);
    let names = [("<n>", r"\d+(?:\.\d+)*"), ("<hex>", r"[0-9a-fx-]+"), ("<time>", r"[0-9t:z.,+ -]+")];
    let some = names.iter().fold(escaped, |text, (name, stands_for)| text.replace(name, stands_for));
    some.replace("<url>", r"\S+").replace("<path>", r"\S+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_command_however_it_is_written() {
        let same = same_command("cargo test --foo");
        for text in
            ["cd /x/y && cargo  test --foo", "cd \"a && b\"; cd c\ncargo test\n  --foo", "cargo test --foo 2>&1"]
        {
            assert_eq!(same_command(text), same, "{text}");
        }
        assert_ne!(same_command("cargo test --foo | tail -3"), same);
        assert_eq!(same_command("cd /x"), "cd /x");
        assert_eq!(same_command(""), "");
    }

    #[test]
    fn kinds_are_program_and_what_it_does() {
        for (text, expected) in [
            ("cargo test -p x", "cargo test"),
            ("cd a && RUST_LOG=debug cargo +nightly test | tail -3", "cargo test"),
            ("cargo fmt && cargo test; echo done", "cargo test"),
            ("sudo -n /usr/bin/apt-get install jq", "apt-get install"),
            ("timeout 60 npm run build -- --watch", "npm run build"),
            ("python3 -u tools/seed.py 3", "python3 tools/seed.py"),
            ("make", "make"),
            ("make || true", "make"),
        ] {
            assert_eq!(kind(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "cd x", "echo 'cargo test'", "python3 - <<'E'\nimport x\nE", "X=1"] {
            assert_eq!(kind(text), None, "{text}");
        }
    }

    #[test]
    fn an_exit_code_may_be_an_answer() {
        assert!(!is_failure("grep -r walrus .", Some(1)) && is_failure("grep -r walrus .", Some(2)));
        assert!(is_failure("make", Some(1)) && is_failure("cargo test | grep x", Some(1)));
        assert!(is_of_the_machine("sudo systemctl restart nginx") && !is_of_the_machine("make test"));
    }

    #[test]
    fn the_line_that_tells_is_found() {
        for (output, expected) in [
            (
                "Compiling x\nerror[E0308]: mismatched types\n --> a.rs\nerror: aborting",
                "error[E0308]: mismatched types",
            ),
            ("Traceback (most recent call last):\n  File \"x\"\nValueError: bad port", "ValueError: bad port"),
            ("line one\n3 tests failed\nbye", "3 tests failed"),
            ("sh: 1: jqq: not found", "sh: 1: jqq: not found"),
            ("just this\n--\n", "just this"),
        ] {
            assert_eq!(error_line(output).as_deref(), Some(expected));
        }
        assert_eq!(error_line(" \n---\n"), None);
    }

    #[test]
    fn what_changes_is_masked_and_found_again() {
        let one = "Error: /tmp/a1/x.rs:12:5 timed out after 30.5s at 2026-11-20T10:00:00Z (0xdeadbeef, port 8080)";
        let other = "Error: /home/u/y.rs:7:14 timed out after 2s at 2026-12-01 11:30:00 (0x1f, port 9)";
        assert_eq!(masked(one), masked(other));
        assert_eq!(masked("decade of commit 4898ae7c2f1b"), "decade of commit <hex>");
        assert_ne!(masked("mismatched types"), masked("unresolved import"));
        let found = Regex::new(&format!("(?i){}", finding(&masked(one)))).unwrap();
        assert!(found.is_match(one) && found.is_match(other) && !found.is_match("Error: refused"));
    }
}
