//! The rules by example: how two changes of one row combine.

use std::collections::HashSet;

use merge::{Decision, FieldConflict, HybridTime, Input, Outcome, Row, Rule, Side, Value, Winner, decide};
use migrations::Entity;
use migrations::catalogue::{BACKUP_LOG, BILLABLE_TIME, CLIENTS, CONVERSATION_CONTEXTS, FAILURE_PATTERNS, USERS};
use migrations::entity::{Class, Direction, SyncPolicy};

use crate::generate::empty;

fn present(row: &Row, time: u64) -> Side<'_> {
    Side::Present { row, time: HybridTime(time) }
}

/// Decides where the replica has the earlier row.
fn both(base: Option<&Row>, local: &Row, remote: &Row) -> Decision {
    decide(&Input { id: local.id(), base, local: present(local, 1), remote: present(remote, 2) })
}

fn row(decision: &Decision) -> &Row {
    decision.outcome.row().unwrap_or_else(|| panic!("{} is gone", decision.id))
}

fn context() -> Row {
    empty(CONVERSATION_CONTEXTS).with("title", "base").with("usage_count", 5).with("tags", r#"["a","b"]"#)
}

#[test]
fn changes_of_different_columns_are_both_kept() {
    let base = context();
    let decision = both(Some(&base), &base.clone().with("title", "here"), &base.clone().with("context_type", "there"));
    assert_eq!(row(&decision).text("title"), Some("here"));
    assert_eq!(row(&decision).text("context_type"), Some("there"));
    assert!(decision.write_local && decision.write_remote);
    assert_eq!(decision.conflicts, []);
}

#[test]
fn long_text_is_merged_by_lines_unless_the_changes_touch() {
    let base = empty(CLIENTS).with("notes", "one\ntwo\nthree\nfour\nfive\n");
    let with = |text: &str| base.clone().with("notes", text);
    let (first, last) = (with("ONE\ntwo\nthree\nfour\nfive\n"), with("one\ntwo\nthree\nfour\nFIVE\nsix\n"));
    for (local, remote) in [(&first, &last), (&last, &first)] {
        let decision = both(Some(&base), local, remote);
        assert_eq!(row(&decision).text("notes"), Some("ONE\ntwo\nthree\nfour\nFIVE\nsix\n"));
        assert_eq!(decision.conflicts, []);
    }
    let other = with("uno\ntwo\nthree\nfour\nfive\n");
    let decision = both(Some(&base), &first, &other);
    assert_eq!(row(&decision).text("notes"), other.text("notes"), "the later stands as a whole");
    assert_eq!((decision.conflicts.len(), decision.conflicts[0].rule), (1, Rule::LastWriter));
    // Without a common ancestor nobody can tell what is new.
    let decision = both(None, &first, &last);
    assert_eq!((row(&decision).text("notes"), decision.conflicts.len()), (last.text("notes"), 1));
}

#[test]
fn of_two_changes_of_a_column_the_later_stands_and_the_other_is_recorded() {
    let base = context();
    let decision = both(Some(&base), &base.clone().with("title", "here"), &base.clone().with("title", "there"));
    assert_eq!(row(&decision).text("title"), Some("there"));
    let expected = FieldConflict {
        columns: vec!["title"],
        rule: Rule::LastWriter,
        winner: Winner::Remote,
        loser: vec!["here".into()],
        kept: vec!["there".into()],
    };
    assert_eq!(decision.conflicts, [expected]);
}

#[test]
fn at_equal_times_the_greater_value_stands_on_either_side() {
    let base = context();
    let (less, more) = (base.clone().with("title", "m"), base.clone().with("title", "n"));
    for (local, remote, winner) in [(&less, &more, Winner::Remote), (&more, &less, Winner::Local)] {
        let input = Input { id: base.id(), base: Some(&base), local: present(local, 7), remote: present(remote, 7) };
        let decision = decide(&input);
        assert_eq!(row(&decision).text("title"), Some("n"));
        assert_eq!(decision.conflicts[0].winner, winner);
    }
}

#[test]
fn counts_add_up_even_when_both_sides_show_the_same() {
    let base = context();
    let decision = both(Some(&base), &base.clone().with("usage_count", 7), &base.clone().with("usage_count", 8));
    assert_eq!(row(&decision).int("usage_count"), Some(10));
    let decision = both(Some(&base), &base.clone().with("usage_count", 6), &base.clone().with("usage_count", 6));
    assert_eq!(row(&decision).int("usage_count"), Some(7), "one more here, and one more there");
    assert!(decision.write_local && decision.write_remote);
}

#[test]
fn a_count_without_a_base_is_the_larger_and_stays_so() {
    let (local, remote) = (context().with("usage_count", 3), context().with("usage_count", 4));
    assert_eq!(row(&both(None, &local, &remote)).int("usage_count"), Some(4));
    assert_eq!(row(&both(None, &local, &local)).int("usage_count"), Some(3));
}

#[test]
fn a_count_stops_at_the_limit_of_its_column() {
    let base = context().with("usage_count", 0);
    let most = i64::from(i32::MAX);
    let full = base.clone().with("usage_count", most);
    assert_eq!(row(&both(Some(&base), &full, &full)).int("usage_count"), Some(most));
}

#[test]
fn sets_keep_what_was_added_and_lose_what_was_removed() {
    let base = context();
    let merged = |local: &str, remote: &str| {
        let decision = both(Some(&base), &base.clone().with("tags", local), &base.clone().with("tags", remote));
        assert_eq!(decision.conflicts, [], "a set has no losers");
        row(&decision).text("tags").map(str::to_owned)
    };
    assert_eq!(merged(r#"["b","z"]"#, r#"["a","b","c"]"#).as_deref(), Some(r#"["b","c","z"]"#));
    assert_eq!(merged(r#"["z","a"]"#, r#"["z","a"]"#).as_deref(), Some(r#"["z","a"]"#), "not even sorted");
    assert_eq!(merged("[]", r#"["a","b","c"]"#).as_deref(), Some(r#"["c"]"#));
    assert_eq!(merged(r#"["a","b",12345678901234567890123]"#, "[]").as_deref(), Some("[12345678901234567890123]"));
    assert_eq!(merged(r#"["a","b",{"k":[1,2]}]"#, r#"["b"]"#).as_deref(), Some(r#"["b",{"k":[1,2]}]"#));
}

#[test]
fn a_set_that_is_no_list_is_one_value() {
    let base = context();
    let decision = both(Some(&base), &base.clone().with("tags", r#"{"a":1}"#), &base.clone().with("tags", r#"["c"]"#));
    assert_eq!(row(&decision).text("tags"), Some(r#"["c"]"#));
    assert_eq!(decision.conflicts[0].loser, [Value::from(r#"{"a":1}"#)]);
}

#[test]
fn largest_and_smallest_values_need_no_loser() {
    let base = empty(FAILURE_PATTERNS).with("first_seen_at", "5").with("last_seen_at", "5");
    let local = base.clone().with("first_seen_at", "3").with("last_seen_at", "6");
    let remote = base.clone().with("first_seen_at", "4").with("last_seen_at", "7");
    let decision = both(Some(&base), &local, &remote);
    assert_eq!(row(&decision).text("first_seen_at"), Some("3"));
    assert_eq!(row(&decision).text("last_seen_at"), Some("7"));
    assert_eq!(decision.conflicts, []);
}

/// The smallest is that of the values that are there.
#[test]
fn a_null_is_not_the_smallest_value() {
    let base = empty(FAILURE_PATTERNS).with("first_seen_at", "5");
    let (local, remote) = (base.clone().with("first_seen_at", Value::Null), base.clone().with("first_seen_at", "6"));
    assert_eq!(row(&both(Some(&base), &local, &remote)).text("first_seen_at"), Some("6"));
    assert_eq!(row(&both(Some(&base), &remote, &local)).text("first_seen_at"), Some("6"));
}

#[test]
fn a_group_is_never_a_mix() {
    let base = empty(BILLABLE_TIME).with("started_at", "8").with("duration_minutes", 60).with("description", "x");
    let local = base.clone().with("duration_minutes", 90).with("description", "here");
    let remote = base.clone().with("started_at", "9");
    let decision = both(Some(&base), &local, &remote);
    assert_eq!(row(&decision).text("started_at"), Some("9"));
    assert_eq!(row(&decision).int("duration_minutes"), Some(60), "of the later group");
    assert_eq!(row(&decision).text("description"), Some("here"), "outside the group");
    let [conflict] = &decision.conflicts[..] else { panic!("one group lost") };
    assert_eq!(conflict.rule, Rule::AtomicGroup);
    let lost = conflict.columns.iter().zip(&conflict.loser).find(|(name, _)| **name == "duration_minutes");
    assert_eq!(lost.map(|(_, value)| value.as_int()), Some(Some(90)));
}

#[test]
fn without_a_base_a_value_stands_beside_a_null() {
    let local = empty(CONVERSATION_CONTEXTS).with("metadata", "{}").with("created_at", "2").with("title", "same");
    let remote = empty(CONVERSATION_CONTEXTS).with("key_decisions", "[]").with("created_at", "1").with("title", "same");
    let decision = both(None, &local, &remote);
    assert_eq!(row(&decision).text("metadata"), Some("{}"));
    assert_eq!(row(&decision).text("key_decisions"), Some("[]"));
    assert_eq!(row(&decision).text("created_at"), Some("1"));
    assert_eq!(decision.conflicts, []);
}

#[test]
fn a_revived_row_is_the_edit_laid_over_the_last_image() {
    let base = context();
    let image = base.clone().with("usage_count", 9).with("metadata", "{}").with("title", "there");
    let edited = base.clone().with("usage_count", 6).with("title", "here");
    let deleted = Side::Deleted { image: Some(&image), time: HybridTime(9) };
    let (id, base) = (base.id(), Some(&base));
    for input in [
        Input { id: id.clone(), base, local: present(&edited, 1), remote: deleted },
        Input { id, base, local: deleted, remote: present(&edited, 1) },
    ] {
        let decision = decide(&input);
        assert_eq!(row(&decision).text("title"), Some("here"), "the edit is why it is back");
        assert_eq!(row(&decision).text("metadata"), Some("{}"));
        assert_eq!(row(&decision).int("usage_count"), Some(10));
        assert!(decision.write_local && decision.write_remote);
        let revived = decision.conflicts.last().expect("a delete lost");
        assert_eq!((revived.rule, revived.loser.len()), (Rule::DeleteVsEdit, 0));
    }
}

#[test]
fn a_buried_row_is_kept_whole_in_the_record() {
    let base = empty(BACKUP_LOG).with("status", "running");
    let edited = base.clone().with("status", "success");
    let remote = Side::Deleted { image: None, time: HybridTime(1) };
    let decision = decide(&Input { id: base.id(), base: Some(&base), local: present(&edited, 2), remote });
    assert_eq!(decision.outcome, Outcome::Gone);
    assert!(decision.write_local && !decision.write_remote);
    let [conflict] = &decision.conflicts[..] else { panic!("one row lost") };
    assert_eq!((conflict.winner, &conflict.loser[..]), (Winner::Remote, edited.values()));
}

#[test]
fn what_only_central_may_write_is_taken_back_and_recorded() {
    let base = empty(USERS).with("role", "tech").with("last_login_at", "1");
    let local = base.clone().with("role", "admin").with("last_login_at", "3");
    let remote = base.clone().with("last_login_at", "2").with("full_name", "written at central");
    let decision = both(Some(&base), &local, &remote);
    assert_eq!(row(&decision), &remote);
    assert!(decision.write_local && !decision.write_remote);
    let [conflict] = &decision.conflicts[..] else { panic!("one column lost") };
    assert_eq!((conflict.rule, &conflict.columns[..]), (Rule::CentralOnly, &["role"][..]));
}

#[test]
fn a_row_that_only_central_may_make_is_taken_back_and_recorded() {
    let base = empty(USERS).with("role", "tech");
    let lost = |base, local: Row| {
        let local = present(&local, 1);
        let decision = decide(&Input { id: empty(USERS).id(), base, local, remote: Side::Absent });
        assert_eq!(decision.outcome, Outcome::Gone);
        decision.conflicts.len()
    };
    assert_eq!(lost(None, base.clone()), 1);
    assert_eq!(lost(Some(&base), base.clone().with("role", "admin")), 1);
    assert_eq!(lost(Some(&base), base.clone().with("last_login_at", "3")), 0, "a touch");
}

/// No table of the catalogue is written once and has late columns; the rule is there for the one that will.
static RECEIPTS: Entity = Entity { sync: SyncPolicy::new(Class::Log, Direction::Push), ..*BACKUP_LOG };

#[test]
fn a_row_that_is_written_once_takes_late_columns_only() {
    let base = empty(&RECEIPTS).with("file_path", "p");
    let local = base.clone().with("sha256", "here").with("completed_at", "here").with("file_path", "q");
    let local = local.with("machine", "here");
    let remote = base.clone().with("sha256", "there");
    let decision = both(Some(&base), &local, &remote);
    assert_eq!(row(&decision).text("completed_at"), Some("here"), "late, and empty there");
    assert_eq!(row(&decision).text("sha256"), Some("there"), "filled once");
    assert_eq!(row(&decision).text("file_path"), Some("p"), "written once");
    assert!(row(&decision).get("machine").is_null(), "empty there, but not late");
    let lost: Vec<_> = decision.conflicts.iter().flat_map(|conflict| &conflict.columns).copied().collect();
    assert_eq!(lost, ["machine", "file_path", "sha256"]);
}

#[test]
fn nothing_that_is_printed_shows_a_value() {
    let base = context();
    let local = base.clone().with("title", "secret-here");
    let remote = base.clone().with("title", "secret-there");
    let input = Input { id: base.id(), base: Some(&base), local: present(&local, 1), remote: present(&remote, 2) };
    let printed = format!("{input:?} {:?}", decide(&input));
    assert!(printed.contains("Text(11 B)") && !printed.contains("secret"), "{printed}");
}

#[test]
fn every_rule_has_a_name_of_its_own() {
    let names: HashSet<String> = Rule::ALL.iter().map(Rule::to_string).collect();
    assert_eq!(names.len(), Rule::ALL.len());
    assert_eq!((Winner::Local.to_string(), Winner::Remote.to_string()), ("local".to_owned(), "remote".to_owned()));
}
