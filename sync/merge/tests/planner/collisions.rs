//! Natural keys: two rows become one, or one of them gets another name.

use merge::{Row, Rule, Value, Winner, merge_collision, natural_keys, renamed};
use migrations::Entity;
use migrations::catalogue::{
    CREDENTIAL_PERMISSIONS, FAILURE_PATTERNS, INTEGRATION_CREDENTIALS, MACHINES, NETWORKS, PROJECT_STATES, PROJECTS,
};

fn row(entity: &'static Entity, id: &str) -> Row {
    Row::new(entity).with("id", id)
}

#[test]
fn a_key_with_a_null_is_no_key() {
    let keys = |row: &Row| natural_keys(row).map(|(key, values)| (key.columns, values.len())).collect::<Vec<_>>();
    let machine = row(MACHINES, "1").with("hostname", "alpha");
    assert_eq!(keys(&machine), [(&["hostname"][..], 1)]);
    assert_eq!(keys(&machine.with("machine_fingerprint", "f")).len(), 2);
    let network = row(NETWORKS, "1").with("client_id", "c").with("name", "lan");
    assert_eq!(keys(&network), []);
    assert_eq!(keys(&network.with("site_id", "s")), [(&["client_id", "site_id", "name"][..], 3)]);
    assert_eq!(keys(&row(INTEGRATION_CREDENTIALS, "1")), []);
}

#[test]
fn the_survivor_keeps_id_and_key_and_takes_what_it_lacks() {
    let survivor =
        row(PROJECTS, "old").with("slug", "s").with("name", "Old").with("created_at", "2").with("updated_at", "2");
    let loser =
        row(PROJECTS, "new").with("slug", "s").with("name", "New").with("created_at", "3").with("updated_at", "3");
    let loser = loser.with("description", "text").with("technologies", r#"["rust"]"#);
    let (merged, conflicts) = merge_collision(&survivor.with("technologies", r#"["sql"]"#), &loser);
    assert_eq!(merged.text("id"), Some("old"));
    assert_eq!(merged.text("description"), Some("text"));
    assert_eq!(merged.text("technologies"), Some(r#"["rust","sql"]"#));
    assert_eq!((merged.text("created_at"), merged.text("updated_at")), (Some("2"), Some("3")));
    assert_eq!(merged.text("name"), Some("New"), "the later one");
    let [conflict] = &conflicts[..] else { panic!("one name lost") };
    assert_eq!((&conflict.columns[..], conflict.winner), (&["name"][..], Winner::Local));
}

#[test]
fn the_other_keys_of_the_loser_are_recorded() {
    let survivor =
        row(MACHINES, "1").with("machine_fingerprint", "f").with("hostname", "alpha").with("updated_at", "1");
    let loser = row(MACHINES, "2").with("machine_fingerprint", "f").with("hostname", "beta").with("updated_at", "2");
    let (merged, conflicts) = merge_collision(&survivor, &loser);
    assert_eq!(merged.text("hostname"), Some("alpha"), "or it might be a third row's");
    let [conflict] = &conflicts[..] else { panic!("one hostname lost") };
    assert_eq!((conflict.rule, &conflict.loser[..]), (Rule::KeptKey, &["beta".into()][..]));
    let nameless = loser.with("hostname", Value::Null);
    assert_eq!(merge_collision(&survivor, &nameless).1, [], "nothing was lost");
}

#[test]
fn counts_of_two_rows_add_up() {
    let pattern =
        |id, count: i64| row(FAILURE_PATTERNS, id).with("pattern_signature", "p").with("occurrence_count", count);
    let (merged, conflicts) = merge_collision(&pattern("1", 3), &pattern("2", 3));
    assert_eq!(merged.int("occurrence_count"), Some(6));
    assert_eq!(conflicts, []);
}

#[test]
fn scalar_columns_of_a_project_state_stay_together() {
    let state = |id, phase: &str, percent: i64, at: &str| {
        let state = row(PROJECT_STATES, id).with("project_id", "p").with("updated_at", at);
        state.with("current_phase", phase).with("progress_percentage", percent)
    };
    let (merged, conflicts) = merge_collision(&state("1", "build", 40, "2"), &state("2", "design", 90, "1"));
    assert_eq!((merged.text("current_phase"), merged.int("progress_percentage")), (Some("build"), Some(40)));
    assert_eq!((conflicts.len(), conflicts[0].rule), (1, Rule::AtomicGroup));
}

#[test]
fn of_two_rights_the_lesser_stands() {
    let permission = |id, level: &str, at: &str| {
        let row = row(CREDENTIAL_PERMISSIONS, id).with("credential_id", "c").with("user_id", "u");
        row.with("permission_level", level).with("created_at", at)
    };
    let cases =
        [("read", "admin", "read"), ("admin", "write", "write"), ("odd", "write", "write"), ("write", "odd", "write")];
    for (survivor, loser, stands) in cases {
        for (here, there) in [("1", "2"), ("2", "1")] {
            let (merged, conflicts) = merge_collision(&permission("1", survivor, here), &permission("2", loser, there));
            assert_eq!(merged.text("permission_level"), Some(stands), "{survivor} and {loser}");
            assert_eq!((conflicts.len(), conflicts[0].rule), (1, Rule::LesserRight));
        }
    }
}

#[test]
fn rows_without_updated_at_are_as_late_as_they_were_made() {
    let permission = |id, by: &str, at: &str| {
        let row = row(CREDENTIAL_PERMISSIONS, id).with("credential_id", "c").with("user_id", "u");
        row.with("granted_by", by).with("created_at", at)
    };
    for (survivor, loser, stands) in [("1", "2", "loser"), ("2", "1", "survivor")] {
        let (merged, _) = merge_collision(&permission("1", "survivor", survivor), &permission("2", "loser", loser));
        assert_eq!(merged.text("granted_by"), Some(stands));
    }
}

#[test]
fn a_new_name_fits_its_column() {
    let machine = row(MACHINES, "1").with("hostname", "alpha").with("is_active", true);
    assert_eq!(renamed(&machine, "hostname", 2).text("hostname"), Some("alpha~2"));
    assert_eq!(renamed(&machine, "hostname", 2).int("is_active"), Some(1));
    let long = renamed(&machine.with("hostname", "ü".repeat(255)), "hostname", 12);
    let name = long.text("hostname").unwrap_or_default();
    assert_eq!((name.chars().count(), name.ends_with("ü~12")), (255, true));
    let integration = row(INTEGRATION_CREDENTIALS, "1").with("integration_name", "psa").with("is_active", true);
    let other = renamed(&integration, "integration_name", 2);
    assert_eq!((other.text("integration_name"), other.int("is_active")), (Some("psa~2"), Some(0)));
}
