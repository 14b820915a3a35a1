//! The text of a memory, made from what was said and done in a turn or a session. Pure.

use recall::excerpt::title;
use recall::labels::{Matter, labels};
use recall::stance;

use super::fit::{self, WHOLE_BYTES};
use super::ledger::{Parts, State};

/// Characters of a title.
const TITLE_CHARS: usize = 160;
/// Prompt and answer are marked Q and A: words would be found by every search for them.
///
/// Characters of prompt, answer and helpers' reports that recall works with; the whole is kept beside them.
const PROMPT_CHARS: usize = 3_000;
const ANSWER_CHARS: usize = 6_000;
const HELPER_CHARS: usize = 1_500;
/// The tag of what did not work.
const DEAD_END: &str = "dead-end";
/// What a turn loses that was taken back, in hundredths.
const TAKEN_BACK: i64 = 150;
/// Files and failures that are named.
const FILES: usize = 10;
const FAILURES: usize = 3;
const FAILURE_CHARS: usize = 200;

/// What was done in a turn.
#[derive(Debug, Clone, Default)]
pub(super) struct Done {
    /// Paths of files that were written.
    pub(super) files: Vec<String>,
    /// What failed and was not put right: what was tried, and what came of it.
    pub(super) failures: Vec<(String, String)>,
    /// Commands that were run.
    pub(super) commands: Vec<String>,
}

/// A memory, as its columns take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) title: String,
    pub(super) summary: String,
    /// The whole, when the summary had to leave something out.
    pub(super) whole: Option<String>,
    /// Importance in hundredths, 0 to 1000.
    pub(super) importance: i64,
    /// Tags that it gets by itself.
    pub(super) labels: Vec<String>,
}

/// The memory of one turn.
pub(super) fn turn(parts: &Parts, state: State, done: &Done) -> Memory {
    let answer = parts.answers.join("\n\n");
    let mut summary = String::new();
    push(&mut summary, "Q: ", &fit::ends(&parts.prompt, PROMPT_CHARS));
    let shown = fit::ends(&answer, ANSWER_CHARS);
    push(&mut summary, "A: ", &shown);
    for (agent, report) in &parts.helpers {
        push(&mut summary, &format!("{agent}: "), &fit::ends(report, HELPER_CHARS));
    }
    push(&mut summary, "Changed: ", &list(&done.files, FILES));
    for (what, message) in done.failures.iter().take(FAILURES) {
        push(&mut summary, "Failed: ", &failure(what, message));
    }
    let dead_end = stance::dead_end(&shown);
    push(&mut summary, "Dead end: ", dead_end.as_deref().unwrap_or_default());
    if parts.taken_back {
        push(&mut summary, "", "(a dead end: the next prompt says that it did not work, or takes it back)");
    }
    if state == State::Interrupted {
        push(&mut summary, "", "(interrupted before it was answered)");
    }
    let said = parts.prompt.chars().count() + answer.chars().count();
    let shortened = parts.prompt.chars().count() > PROMPT_CHARS
        || answer.chars().count() > ANSWER_CHARS
        || parts.helpers.iter().any(|(_, report)| report.chars().count() > HELPER_CHARS);
    let matter = Matter { text: &summary, files: &done.files, commands: &done.commands };
    let mut labels = labels(matter);
    if dead_end.is_some() || parts.taken_back {
        labels.push(DEAD_END.to_owned());
    }
    let heading = title(if parts.prompt.is_empty() { &answer } else { &parts.prompt }, TITLE_CHARS);
    Memory {
        title: if heading.is_empty() { "Turn without words".to_owned() } else { heading },
        summary,
        whole: shortened.then(|| whole(parts, &answer)),
        importance: importance(said, done) - if parts.taken_back { TAKEN_BACK } else { 0 },
        labels,
    }
}

/// A session, told by its turns.
#[derive(Debug, Clone, Default)]
pub(super) struct SessionStory {
    /// First lines of the prompts, in order, each with how far it came.
    pub(super) prompts: Vec<(String, State)>,
    pub(super) done: Done,
    pub(super) commands: u64,
    /// The last answer's beginning.
    pub(super) outcome: String,
}

/// Prompts that a session summary lists, from its start and its end.
const LISTED_PROMPTS: usize = 12;
const OUTCOME_CHARS: usize = 700;

/// The memory of a whole session.
pub(super) fn session(story: &SessionStory) -> Memory {
    let goal = story.prompts.first().map(|(prompt, _)| prompt.as_str()).unwrap_or_default();
    let mut summary = String::new();
    push(&mut summary, "Goal: ", goal);
    if story.prompts.len() > 1 {
        let lines: Vec<String> =
            listed(&story.prompts).map(|(prompt, state)| format!("- {prompt}{}", mark(*state))).collect();
        push(&mut summary, "Asked:\n", &lines.join("\n"));
    }
    push(&mut summary, "Changed: ", &list(&story.done.files, FILES));
    if story.commands > 0 {
        push(&mut summary, "Commands run: ", &story.commands.to_string());
    }
    for (what, message) in story.done.failures.iter().take(FAILURES) {
        push(&mut summary, "Not put right: ", &failure(what, message));
    }
    push(&mut summary, "Last answer: ", &fit::ends(&story.outcome, OUTCOME_CHARS));
    for open in open_ends(story) {
        push(&mut summary, "Open: ", &open);
    }
    let heading = title(goal, TITLE_CHARS);
    Memory {
        title: if heading.is_empty() { "Session without a prompt".to_owned() } else { heading },
        summary,
        whole: None,
        importance: 600,
        labels: labels(Matter { text: goal, files: &story.done.files, commands: &story.done.commands }),
    }
}

/// What was asked and not answered at the end.
pub(super) fn open_ends(story: &SessionStory) -> Vec<String> {
    match story.prompts.last() {
        Some((prompt, State::Open | State::Interrupted | State::Failed)) => vec![prompt.clone()],
        _ => Vec::new(),
    }
}

/// One line about a session, for the project's state.
pub(super) fn session_line(day: &str, story: &SessionStory) -> String {
    let goal = story.prompts.first().map(|(prompt, _)| prompt.as_str()).unwrap_or_default();
    let prompts = match story.prompts.len() {
        1 => "1 prompt".to_owned(),
        count => format!("{count} prompts"),
    };
    let files = match story.done.files.len() {
        0 => String::new(),
        1 => ", 1 file changed".to_owned(),
        count => format!(", {count} files changed"),
    };
    format!("{day}: {} ({prompts}{files})", fit::chars(goal, 120))
}

fn listed(prompts: &[(String, State)]) -> impl Iterator<Item = &(String, State)> {
    let skipped = prompts.len().saturating_sub(LISTED_PROMPTS);
    let head = if skipped > 0 { LISTED_PROMPTS / 2 } else { prompts.len() };
    prompts[..head].iter().chain(&prompts[head + skipped..])
}

fn mark(state: State) -> &'static str {
    match state {
        State::Answered => "",
        State::Open => " (not answered)",
        State::Failed => " (failed)",
        State::Interrupted => " (interrupted)",
    }
}

fn push(text: &mut String, label: &str, part: &str) {
    let part = part.trim();
    if part.is_empty() {
        return;
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(label);
    text.push_str(part);
}

fn list(names: &[String], limit: usize) -> String {
    let text = names.iter().take(limit).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > limit { format!("{text} and {} more", names.len() - limit) } else { text }
}

fn failure(what: &str, message: &str) -> String {
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).take(3).collect();
    format!(
        "{}: {}",
        fit::chars(&title(what, FAILURE_CHARS), FAILURE_CHARS),
        fit::chars(&lines.join(" / "), FAILURE_CHARS)
    )
}

fn whole(parts: &Parts, answer: &str) -> String {
    let mut text = String::new();
    push(&mut text, "Q: ", &parts.prompt);
    push(&mut text, "A: ", answer);
    for (agent, report) in &parts.helpers {
        push(&mut text, &format!("{agent}: "), report);
    }
    fit::bytes(&text, WHOLE_BYTES)
}

/// 5.00 is ordinary. Work that left traces weighs more, small talk less.
fn importance(said_chars: usize, done: &Done) -> i64 {
    let mut importance = 500;
    if !done.files.is_empty() {
        importance += 100;
    }
    if !done.failures.is_empty() {
        importance += 50;
    }
    if said_chars < 80 && importance == 500 {
        importance = 300;
    }
    importance
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(prompt: &str, answer: &str) -> Parts {
        Parts { prompt: prompt.into(), answers: vec![answer.into()], ..Parts::default() }
    }

    #[test]
    fn a_turn_tells_what_was_said_and_done() {
        let done = Done {
            files: vec!["src/a.rs".into()],
            failures: vec![("cargo test".into(), "Exit code 101\nassertion failed".into())],
            ..Done::default()
        };
        let memory = turn(&parts("# Fix the login\nplease", "Done."), State::Answered, &done);
        assert_eq!(memory.title, "Fix the login");
        assert_eq!(
            memory.summary,
            "Q: # Fix the login\nplease\nA: Done.\nChanged: src/a.rs\n\
             Failed: cargo test: Exit code 101 / assertion failed"
        );
        assert_eq!((memory.whole, memory.importance), (None, 650));
        assert_eq!(memory.labels, ["a.rs", "rust"]);
    }

    #[test]
    fn a_huge_prompt_is_shortened_and_kept_whole() {
        let prompt = format!("Look at this: {}", "x ".repeat(900_000));
        let memory = turn(&parts(&prompt, "ok"), State::Answered, &Done::default());
        assert!(memory.summary.chars().count() < 3_200);
        let whole = memory.whole.unwrap();
        assert!(whole.starts_with("Q: Look at this") && whole.ends_with("A: ok"));
        assert!(whole.len() <= WHOLE_BYTES);
    }

    #[test]
    fn a_session_tells_its_goal_and_its_open_end() {
        let story = SessionStory {
            prompts: vec![("Fix the login".into(), State::Answered), ("Now the logout".into(), State::Interrupted)],
            outcome: "The login works.".into(),
            ..SessionStory::default()
        };
        let memory = session(&story);
        assert_eq!(
            memory.summary,
            "Goal: Fix the login\nAsked:\n- Fix the login\n- Now the logout (interrupted)\nLast answer: The login works.\n\
             Open: Now the logout"
        );
        assert_eq!(session_line("2026-11-20", &story), "2026-11-20: Fix the login (2 prompts)");
    }

    #[test]
    fn a_long_session_lists_its_ends() {
        let prompts: Vec<(String, State)> = (0..50).map(|n| (format!("p{n}"), State::Answered)).collect();
        let kept: Vec<&str> = listed(&prompts).map(|(prompt, _)| prompt.as_str()).collect();
        assert_eq!(kept.len(), LISTED_PROMPTS);
        assert_eq!((kept[0], kept[5], kept[6], kept[11]), ("p0", "p5", "p44", "p49"));
    }
}
