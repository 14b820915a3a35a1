//! `central init --adopt`: what joining a database of another program means, shown before anything is done.

use sync::central::{Mapping, Survey, TableReport};

use super::output;

/// Prints how the database holds each table, and what it would get.
pub(super) fn print(survey: &Survey) {
    output::line(format!("{}: how it holds what claudetools saves", survey.database));
    for table in &survey.tables {
        output::line(headline(table));
        for line in details(table) {
            output::line(format!("      {line}"));
        }
    }
    if !survey.other_tables.is_empty() {
        output::line(format!("  left alone: {}", survey.other_tables.join(", ")));
    }
    for key in &survey.not_followed {
        output::line(format!("  ! the foreign key {key} cascades further than triggers can follow: make it RESTRICT"));
    }
    output::line(format!(
        "  it would get the tables {} and {} triggers on its own tables; nothing else is changed",
        survey.own_tables.join(", "),
        survey.triggers.len()
    ));
}

fn headline(report: &TableReport) -> String {
    let (mark, word) = match report.mapping {
        Mapping::Mapped => ('✓', "mapped"),
        Mapping::PartlyMapped => ('~', "partly mapped"),
        Mapping::Missing => ('-', "missing"),
        Mapping::CannotBeMapped => ('✗', "cannot be mapped"),
    };
    let place = match &report.table {
        Some(table) if *table != report.entity => format!(" in {table}"),
        _ => String::new(),
    };
    format!("  {mark} {}{place}: {word}", report.entity)
}

fn details(report: &TableReport) -> Vec<String> {
    let list = |what: &str, items: &[String]| (!items.is_empty()).then(|| format!("{what}: {}", items.join(", ")));
    let mut lines = Vec::new();
    lines.extend(report.reason.clone());
    lines.extend(list("it has no place for (stays on each machine)", &report.missing_columns));
    lines.extend(report.differences.iter().cloned());
    lines.extend(list("keys it does not enforce (both rows of a pair are kept)", &report.unenforced_keys));
    lines.extend(list("columns of its own, left to their defaults", &report.unknown_columns));
    lines.extend(list("new rows are refused until these have a default", &report.required_columns));
    lines.extend(report.offers.iter().map(|offer| format!("perhaps: --map {offer}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_in_lines() {
        let report = TableReport {
            entity: "clients".into(),
            table: Some("Customer".into()),
            mapping: Mapping::PartlyMapped,
            missing_columns: vec!["notes".into()],
            differences: vec!["its column address is text instead of mediumtext".into()],
            unknown_columns: vec!["tenant".into()],
            required_columns: Vec::new(),
            unenforced_keys: Vec::new(),
            reason: None,
            offers: vec!["clients.notes=remarks".into()],
        };
        assert_eq!(headline(&report), "  ~ clients in Customer: partly mapped");
        let lines = details(&report);
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[3], "perhaps: --map clients.notes=remarks");
    }
}
