//! The sums as lines with bars, as wide as the terminal allows.

use std::fmt::Write as _;

use crate::usage::stats::{StatsReport, Sums};

/// Parts of a block, by eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
/// Columns that a day's line takes beside its bar, in full and with the most telling figures only.
const BESIDE: usize = 90;
const BESIDE_IN_SHORT: usize = 58;
/// Columns of a bar at most, and where there is little room.
const WIDEST: usize = 40;
const NARROWEST: usize = 8;

/// The whole report for a screen of so many columns.
pub(super) fn drawn(report: &StatsReport, columns: usize, is_coloured: bool) -> String {
    if report.projects.is_empty() {
        return format!("no prompt and no injection from {} to {}\n", report.since, report.until);
    }
    let is_short = columns < BESIDE + NARROWEST;
    let beside = if is_short { BESIDE_IN_SHORT } else { BESIDE };
    let width = columns.saturating_sub(beside).clamp(NARROWEST, WIDEST);
    let days = report.projects.iter().flat_map(|project| &project.days);
    let most = days.map(|day| day.sums.tokens).max().unwrap_or(0);
    let mut text = String::new();
    for project in &report.projects {
        let _ = writeln!(text, "{}", bold(&project.project, is_coloured)); // writing to a String cannot fail
        for day in &project.days {
            let bar = bar(day.sums.tokens, most, width);
            let pad = " ".repeat(width.saturating_sub(bar.chars().count()));
            let line = format!("  {}  {}{pad} {}", day.day, blue(&bar, is_coloured), figures(&day.sums, is_short));
            let _ = writeln!(text, "{}", line.trim_end());
        }
        let _ = writeln!(text, "  {}", total(&project.total));
    }
    if report.projects.len() > 1 {
        let _ = writeln!(text, "{}\n  {}", bold("all projects", is_coloured), total(&report.total));
    }
    let _ = write!(text, "\n{}", wrapped(&report.counted, columns));
    text
}

fn figures(sums: &Sums, is_short: bool) -> String {
    if is_short {
        return format!("{:>9} tokens  {:>4} prompts  {}", number(sums.tokens), sums.prompts, used(sums));
    }
    format!(
        "{:>9} tokens  {:>4} prompts  {:>4} injections  {:>4} memories  {}",
        number(sums.tokens),
        sums.prompts,
        sums.injections,
        sums.memories,
        used(sums)
    )
}

fn total(sums: &Sums) -> String {
    let sign = if sums.saved < 0 { "-" } else { "" };
    format!(
        "{} tokens in {} injections for {} prompts, {} memories {}; whole history {} → saved {sign}{}",
        number(sums.tokens),
        sums.injections,
        sums.prompts,
        sums.memories,
        used(sums),
        number(sums.history),
        number(sums.saved.unsigned_abs())
    )
}

fn used(sums: &Sums) -> String {
    sums.used_share.map_or_else(|| "none given".to_owned(), |share| format!("{:.0} % used", share * 100.0))
}

/// A bar of so many columns for the greatest value; anything above 0 shows.
fn bar(value: u64, most: u64, width: usize) -> String {
    if value == 0 || most == 0 {
        return String::new();
    }
    let eighths = (u128::from(value) * width as u128 * 8).div_ceil(u128::from(most));
    let eighths = usize::try_from(eighths).unwrap_or(width * 8).min(width * 8);
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

/// With a comma before each three digits.
fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Lines of whole words.
fn wrapped(text: &str, columns: usize) -> String {
    let (mut lines, mut length) = (String::new(), 0);
    for word in text.split_whitespace() {
        let letters = word.chars().count();
        if length > 0 && length + 1 + letters > columns {
            lines.push('\n');
            length = 0;
        } else if length > 0 {
            lines.push(' ');
            length += 1;
        }
        lines.push_str(word);
        length += letters;
    }
    lines + "\n"
}

fn bold(text: &str, is_coloured: bool) -> String {
    styled(text, "1", is_coloured)
}

fn blue(text: &str, is_coloured: bool) -> String {
    styled(text, "34", is_coloured)
}

fn styled(text: &str, code: &str, is_coloured: bool) -> String {
    if is_coloured && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::stats::{DayStats, ProjectStats};

    fn report() -> StatsReport {
        let sums = |tokens, used_share| Sums {
            tokens,
            prompts: 3,
            injections: 2,
            memories: 4,
            history: 12_000,
            saved: 12_000_i64 - i64::try_from(tokens).unwrap(),
            used_share,
            ..Sums::default()
        };
        let day = |day: &str, tokens| DayStats { day: day.to_owned(), sums: sums(tokens, Some(0.5)) };
        let days = vec![day("2026-11-19", 1_500), day("2026-11-20", 100), day("2026-11-21", 0)];
        let project = ProjectStats { project: "github.com/acme/api".into(), total: sums(1_600, Some(0.5)), days };
        let counted =
            "what is counted, in words that do not fit into one line of a terminal that is as narrow as this".into();
        StatsReport { projects: vec![project], total: sums(1_600, Some(0.5)), counted, ..StatsReport::default() }
    }

    #[test]
    fn bars_are_in_proportion_and_anything_shows() {
        assert_eq!((bar(8, 8, 4).as_str(), bar(4, 8, 4).as_str(), bar(0, 8, 4).as_str()), ("████", "██", ""));
        assert_eq!((bar(1, 1_000_000, 4).as_str(), bar(5, 16, 2).as_str()), ("▏", "▋"));
        assert_eq!(bar(3, 0, 4), "");
        assert_eq!(bar(u64::MAX, 1, 4), "████");
    }

    #[test]
    fn lines_fit_the_terminal_and_have_no_colour_unless_asked_for() {
        for columns in [70, 97, 98, 160] {
            let text = drawn(&report(), columns, false);
            assert!(!text.contains('\x1b'));
            let widest = text.lines().filter(|line| line.starts_with("  2026")).map(|line| line.chars().count()).max();
            assert!(widest.unwrap() <= columns, "{columns}: {widest:?}\n{text}");
        }
        let text = drawn(&report(), 100, false);
        assert!(text.contains("  2026-11-19  ██████████     1,500 tokens     3 prompts"), "{text}");
        assert!(
            text.contains(
                "1,600 tokens in 2 injections for 3 prompts, 4 memories 50 % used; whole history 12,000 → saved 10,400"
            ),
            "{text}"
        );
        assert!(drawn(&report(), 100, true).contains("\x1b[34m█"));
    }

    #[test]
    fn nothing_is_said_as_nothing() {
        let empty = StatsReport { since: "2026-11-01".into(), until: "2026-11-14".into(), ..StatsReport::default() };
        assert_eq!(drawn(&empty, 80, false), "no prompt and no injection from 2026-11-01 to 2026-11-14\n");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(wrapped("one two three", 7), "one two\nthree\n");
    }
}
