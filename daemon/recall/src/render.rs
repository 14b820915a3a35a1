//! What the model reads: a marker line, then dated notes with one line of provenance each.
//!
//! Every line after the marker is a heading, starts with a dash or is indented, so that [`crate::noise`] can tell where
//! the block ends and it never becomes a memory itself. What is not the memory's own text is kept short: it is paid for
//! with each of them.

use crate::budget::{CHARS_PER_TOKEN, tokens};

/// Starts every text that we inject.
pub const MARKER: &str = "ClaudeTools memory";

/// What follows the marker: what this is, and how far to trust it.
const INTRODUCTION: &str = "(from earlier sessions; verify what you rely on)";

/// What the marker's line costs, with the end of the line.
pub fn marker_tokens() -> usize {
    tokens(MARKER) + tokens(INTRODUCTION) + 1
}

/// One memory, ready to show.
#[derive(Debug, Clone)]
pub struct Note {
    /// The day it was made, or its time: as much of it as is worth reading.
    pub date: String,
    /// What it is: "session", "decision" …; empty for what most are, a turn of a conversation.
    pub kind: String,
    /// Where it comes from: machine, branch, project; only what tells it apart.
    pub source: Vec<String>,
    /// Its title; left out when the text begins with it.
    pub title: String,
    /// Its text.
    pub text: String,
}

/// Notes under a heading of their own.
#[derive(Debug, Clone)]
pub struct Section {
    /// Empty for none.
    pub heading: String,
    /// In the order to show.
    pub notes: Vec<Note>,
}

/// The whole block; empty when there is no note.
pub fn block(sections: &[Section]) -> String {
    if sections.iter().all(|section| section.notes.is_empty()) {
        return String::new();
    }
    let mut text = format!("{MARKER} {INTRODUCTION}");
    for section in sections.iter().filter(|section| !section.notes.is_empty()) {
        if !section.heading.is_empty() {
            text.push_str("\n## ");
            text.push_str(&section.heading);
        }
        for note in &section.notes {
            text.push('\n');
            text.push_str(&render(note));
        }
    }
    text
}

/// Tokens that a text costs at least when a note shows all of it: empty lines and ends of lines are not shown.
pub fn least_tokens(text: &str) -> usize {
    let chars: usize = lines_of(text).map(|line| line.chars().count()).sum();
    chars / CHARS_PER_TOKEN
}

fn lines_of(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim_end).filter(|line| !line.is_empty())
}

/// One note: its provenance, then its title or its text on the same line, what follows indented.
pub fn render(note: &Note) -> String {
    let mut provenance = vec![note.date.as_str(), note.kind.as_str()];
    provenance.extend(note.source.iter().map(String::as_str));
    provenance.retain(|part| !part.is_empty());
    let mut text = format!("- [{}]", provenance.join(" · "));
    let is_titled = !note.title.is_empty() && !begins_with_title(&note.text, &note.title);
    let title = is_titled.then(|| note.title.replace('\n', " "));
    for (at, line) in title.as_deref().into_iter().chain(lines_of(&note.text)).enumerate() {
        text.push_str(if at == 0 { " " } else { "\n " });
        text.push_str(line);
    }
    text
}

/// A turn's text opens with "Q: " and its prompt, whose first line is the title; a session's with "Goal: ".
fn begins_with_title(text: &str, title: &str) -> bool {
    let start =
        text.trim_start_matches("Q: ").trim_start_matches("Goal: ").trim_start_matches(['#', '-', '*', '>', ' ', '\n']);
    start.starts_with(title.trim_end_matches('…'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn note(title: &str, text: &str) -> Note {
        Note {
            date: "2026-11-20".into(),
            kind: "session".into(),
            source: vec!["laptop".into(), String::new()],
            title: title.into(),
            text: text.into(),
        }
    }

    #[test]
    fn nothing_to_say_is_nothing() {
        assert_eq!(block(&[Section { heading: "Last session".into(), notes: Vec::new() }]), "");
    }

    #[test]
    fn notes_are_dated_and_sourced() {
        let text = block(&[Section { heading: "Notes".into(), notes: vec![note("Ports", "Q: which?\n\n5544")] }]);
        assert!(text.starts_with(MARKER));
        assert!(text.ends_with("\n## Notes\n- [2026-11-20 · session · laptop] Ports\n Q: which?\n 5544"), "{text}");
    }

    #[test]
    fn a_title_is_not_repeated() {
        assert_eq!(render(&note("which port", "Q: which port is it?\nA: 5544")).matches("which port").count(), 1);
        assert_eq!(render(&note("a long…", "a long story")).matches("a long").count(), 1);
    }

    proptest! {
        #[test]
        fn a_note_costs_no_less_than_its_text(text in "[a-zé \n\t]{0,200}", title in "[a-z ]{0,20}") {
            let whole = text.trim();
            prop_assert!(least_tokens(&text) <= tokens(&render(&note(&title, whole))));
        }
    }
}
