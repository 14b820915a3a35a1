//! A project's state without the lines that tell of what is forgotten.

use merge::Row;
use serde_json::Value as Json;

use super::text::Needle;

/// What is to go from a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lines {
    /// What tells of a conversation or a turn with this title.
    Of(String),
    /// What holds this text.
    With(Needle),
}

/// Characters of a goal in a line of the state, as capture writes it.
const GOAL_CHARS: usize = 120;

impl Lines {
    fn concern(&self, line: &str) -> bool {
        match self {
            Lines::Of(title) => {
                let goal = recall::excerpt::cut(title, GOAL_CHARS - 1);
                line == title || line.contains(&format!(": {goal} ("))
            }
            Lines::With(needle) => needle.is_in(line),
        }
    }
}

/// The lists of a state.
const LISTS: [&str; 4] = ["blockers", "next_actions", "key_files", "important_decisions"];
/// Its short texts.
const TEXTS: [&str; 2] = ["current_phase", "git_branch"];

/// The state without these lines; None when it has none of them.
pub(super) fn without(state: &Row, lines: &Lines) -> Option<Row> {
    let mut trimmed = state.clone();
    if let Some(summary) = state.text("context_summary") {
        let kept: Vec<&str> = summary.lines().filter(|line| !lines.concern(line)).collect();
        if kept.len() < summary.lines().count() {
            trimmed.set("context_summary", (!kept.is_empty()).then(|| kept.join("\n")));
        }
    }
    for column in LISTS {
        let list: Option<Vec<Json>> = state.text(column).and_then(|json| serde_json::from_str(json).ok());
        let Some(list) = list else { continue };
        let kept: Vec<&Json> = list.iter().filter(|item| !lines.concern(&text_of(item))).collect();
        if kept.len() < list.len() {
            trimmed.set(column, kept.into_iter().cloned().collect::<Json>().to_string());
        }
    }
    for column in TEXTS {
        if state.text(column).is_some_and(|text| lines.concern(text)) {
            trimmed.set(column, None::<String>);
        }
    }
    (trimmed != *state).then_some(trimmed)
}

fn text_of(item: &Json) -> String {
    item.as_str().map_or_else(|| item.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use migrations::catalogue::PROJECT_STATES;

    use super::*;

    #[test]
    fn lines_of_a_conversation_go_and_others_stay() {
        let state = Row::new(PROJECT_STATES)
            .with("context_summary", "2026-01-02: Fix the login (2 prompts)\n2026-01-01: Fix the logins (1 prompt)")
            .with("next_actions", r#"["Fix the login","Else"]"#);
        let trimmed = without(&state, &Lines::Of("Fix the login".into())).unwrap();
        assert_eq!(trimmed.text("context_summary"), Some("2026-01-01: Fix the logins (1 prompt)"));
        assert_eq!(trimmed.text("next_actions"), Some(r#"["Else"]"#));
        assert_eq!(without(&trimmed, &Lines::Of("Fix the login".into())), None);
        let all = without(&trimmed, &Lines::With(Needle::new("LOGINS").unwrap())).unwrap();
        assert_eq!(all.text("context_summary"), None);
    }
}
