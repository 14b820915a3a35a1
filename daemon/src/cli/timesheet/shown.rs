//! A timesheet for people and for spreadsheets.

use std::borrow::Cow;
use std::fmt::Write;

use super::{Entry, Timesheet};
use crate::api::special::billable_time::Amounts;
use crate::cli::Failure;
use crate::render::counted;

/// Characters of a description in the table.
const DESCRIPTION: usize = 60;

/// A block for each client, then the totals.
pub(super) fn table(sheet: &Timesheet) -> String {
    if sheet.entries.is_empty() {
        return format!("no time in {}\n", sheet.month);
    }
    let mut text = String::new();
    for month in &sheet.summary.items {
        let _ = writeln!(text, "{}", month.client_name); // writing to a String cannot fail
        for entry in sheet.entries.iter().filter(|entry| entry.client_id == month.client_id) {
            let _ = writeln!(text, "  {}", line(entry));
        }
        text += &totals(&month.amounts);
    }
    if sheet.summary.items.len() > 1 {
        text += "All clients\n";
        text += &totals(&sheet.summary.total);
    }
    text + &notes(sheet)
}

pub(super) fn line(entry: &Entry) -> String {
    let (day, start) = (&entry.started_at[..10], &entry.started_at[11..16]);
    let end = entry.ended_at.as_deref().map_or("     ", |end| &end[11..16]);
    let first = entry.description.lines().next().unwrap_or_default();
    format!(
        "{day} {start}-{end} {:>7} {:>10} {:12} {}  {}",
        hours(entry.duration_minutes),
        entry.total_amount,
        if entry.overlaps { "draft !" } else { &entry.state },
        &entry.id[..8],
        recall::excerpt::cut(first, DESCRIPTION)
    )
}

fn totals(amounts: &Amounts) -> String {
    let mut text = String::new();
    let mut add = |what: &str, minutes: i64, amount: &str| {
        if minutes > 0 {
            let _ = writeln!(text, "  {what:22} {:>7} {amount:>10}", hours(minutes));
        }
    };
    add("open", amounts.open_minutes, &amounts.open_amount);
    add("invoiced", amounts.invoiced_minutes, &amounts.invoiced_amount);
    add("not billable", amounts.non_billable_minutes, "");
    add("drafts, in no total", amounts.draft_minutes, &amounts.draft_amount);
    text
}

fn notes(sheet: &Timesheet) -> String {
    let drafts: Vec<&Entry> = sheet.entries.iter().filter(|entry| entry.is_draft()).collect();
    if drafts.is_empty() {
        return String::new();
    }
    let what = counted(drafts.len() as u64, "draft waits", "drafts wait");
    let mut text =
        format!("\n{what} for you: claudetools timesheet confirm, or discard, --all or the first digits of an id\n");
    if drafts.iter().any(|entry| entry.overlaps) {
        text += "! those with a mark overlap drafts of the same user from another machine: see their descriptions, \
            and confirm that time once\n";
    }
    if drafts.iter().any(|entry| entry.hourly_rate == "0.00") {
        text += "! some have no rate: give the client a default rate, or set [billing] hourly_rate in config.toml\n";
    }
    text
}

/// `1:05`
fn hours(minutes: i64) -> String {
    format!("{}:{:02}", minutes / 60, minutes % 60)
}

/// A line for each entry, under a line of names.
pub(super) fn csv(entries: &[Entry]) -> Result<String, Failure> {
    let failed = |error: csv::Error| Failure::new(format!("write the table: {error}"));
    let mut table = csv::Writer::from_writer(Vec::new());
    table
        .write_record([
            "id",
            "client",
            "state",
            "started_at",
            "ended_at",
            "minutes",
            "hourly_rate",
            "amount",
            "category",
            "user",
            "invoice",
            "description",
        ])
        .map_err(failed)?;
    for entry in entries {
        let minutes = entry.duration_minutes.to_string();
        let invoice = entry.invoice_reference.as_deref().filter(|_| !entry.is_draft()).unwrap_or_default();
        let fields = [
            &entry.id,
            &entry.client,
            &entry.state,
            &entry.started_at,
            entry.ended_at.as_deref().unwrap_or_default(),
            &minutes,
            &entry.hourly_rate,
            &entry.total_amount,
            &entry.category,
            &entry.user_id,
            invoice,
            &entry.description,
        ];
        table.write_record(fields.map(|field| inert(field).into_owned())).map_err(failed)?;
    }
    let bytes = table.into_inner().map_err(|error| Failure::new(format!("write the table: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A text that no spreadsheet takes for a formula: descriptions come from prompts.
fn inert(field: &str) -> Cow<'_, str> {
    if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{field}").into() } else { field.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(state: &str, description: &str) -> Entry {
        let text = |text: &str| text.to_owned();
        Entry {
            id: text("01234567-89ab-7cde-8f01-23456789abcd"),
            client_id: text("c"),
            client: text("Acme, Inc."),
            state: text(state),
            user_id: text("dev@example.com"),
            category: text("development"),
            description: text(description),
            started_at: text("2026-11-20T09:00:00.000000Z"),
            ended_at: Some(text("2026-11-20T10:05:00.000000Z")),
            duration_minutes: 75,
            hourly_rate: text("120.00"),
            total_amount: text("150.00"),
            is_billable: false,
            is_invoiced: false,
            invoice_reference: Some(text("draft")),
            overlaps: false,
        }
    }

    #[test]
    fn a_spreadsheet_gets_quoted_text_and_no_formula() {
        let table = csv(&[entry("draft", "=HYPERLINK(\"x\")\nsecond")]).unwrap();
        let (names, line) = table.split_once('\n').unwrap();
        assert_eq!(names.split(',').count(), 12);
        assert!(
            line.starts_with("01234567-89ab-7cde-8f01-23456789abcd,\"Acme, Inc.\",draft,2026-11-20T09:00"),
            "{line}"
        );
        assert!(
            line.ends_with(",75,120.00,150.00,development,dev@example.com,,\"'=HYPERLINK(\"\"x\"\")\nsecond\"\n"),
            "{line}"
        );
    }

    #[test]
    fn a_line_tells_when_how_long_how_much_and_whether_it_is_a_draft() {
        assert_eq!(
            line(&entry("draft", "api: Fix it\nweb: More")),
            "2026-11-20 09:00-10:05    1:15     150.00 draft        01234567  api: Fix it"
        );
        let marked = Entry { overlaps: true, ..entry("draft", "api: Fix it") };
        assert!(line(&marked).contains(" draft !      01234567 "), "{}", line(&marked));
    }
}
