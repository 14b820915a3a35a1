//! The policy as tables: what each side did, down and across, and what follows.

use merge::{Case, Change, Row, Value, decide};
use migrations::Entity;
use migrations::catalogue::{ALEMBIC_VERSION, SESSION_TAGS};
use migrations::catalogue::{API_AUDIT_LOG, CONVERSATION_CONTEXTS, COORD_MESSAGES, FILE_CHANGES, USERS};

use crate::generate::{Kept, Situation, empty};

/// Down: the replica. Across: central. The delete is later than every edit.
const BOTH_WAYS: &str = "
agreed     unchanged  touched   edited    deleted  vanished
unchanged  settled    download  download  delete   delete
touched    upload     merge     merge     delete   delete
edited     upload     merge     merge     revive   revive
deleted    delete     delete    revive    gone     gone

new        absent     created   deleted
absent     settled    download  gone
created    upload     merge     revive
deleted    gone       revive    gone
";

const DELETE_STANDS: &str = "
agreed     unchanged  touched   edited    deleted  vanished
unchanged  settled    download  download  delete   delete
touched    upload     merge     merge     delete   delete
edited     upload     merge     merge     bury     bury
deleted    delete     delete    bury      gone     gone

new        absent     created   deleted
absent     settled    download  gone
created    upload     merge     bury
deleted    gone       bury      gone
";

const ONLY_UP: &str = "
agreed     unchanged     edited        deleted  vanished
unchanged  settled       written_once  delete   delete
edited     written_once  written_once  bury     bury
deleted    left          left          left     left

new        absent        created       deleted
absent     left          left          left
created    upload        written_once  bury
deleted    left          left          left
";

const ONLY_DOWN: &str = "
agreed     unchanged  touched   edited    deleted   vanished
unchanged  settled    download  download  delete    delete
touched    overrule   overrule  overrule  overrule  overrule
edited     overrule   overrule  overrule  overrule  overrule
deleted    overrule   overrule  overrule  gone      gone

new        absent     created   deleted
absent     settled    download  gone
created    overrule   overrule  overrule
deleted    gone       overrule  gone
";

const NOT_AT_ALL: &str = "
agreed     unchanged  deleted
unchanged  left       left
deleted    left       left

new        absent     created
absent     left       left
created    left       left
";

/// Links have nothing but their key.
const LINKS: &str = "
agreed     unchanged  deleted
unchanged  settled    delete
deleted    delete     gone

new        absent     created   deleted
absent     settled    download  gone
created    upload     merge     bury
deleted    gone       bury      gone
";

#[test]
fn every_pair_of_changes_has_its_case() {
    check(CONVERSATION_CONTEXTS, BOTH_WAYS);
    check(COORD_MESSAGES, DELETE_STANDS);
    check(API_AUDIT_LOG, ONLY_UP);
    check(USERS, ONLY_DOWN);
    check(ALEMBIC_VERSION, NOT_AT_ALL);
    check(SESSION_TAGS, LINKS);
}

/// Two machines that never heard of each other's link, or name: the one that came later stands.
#[test]
fn what_is_made_later_than_a_delete_stays() {
    for (entity, made, expected) in [
        (SESSION_TAGS, 1, Case::Bury),
        (SESSION_TAGS, 2, Case::Bury),
        (SESSION_TAGS, 3, Case::Revive),
        (FILE_CHANGES, 3, Case::Revive),
        (CONVERSATION_CONTEXTS, 1, Case::Revive),
        (CONVERSATION_CONTEXTS, 3, Case::Revive),
    ] {
        let row = empty(entity);
        let situation = Situation {
            entity,
            base: None,
            local: Kept::Present(row.clone(), made),
            remote: Kept::Deleted(Some(row), 2),
        };
        let decision = decide(&situation.input());
        assert_eq!(decision.case, expected, "{} made at {made}", entity.name);
        assert_eq!(decision.conflicts.len(), 1, "either way one of the two lost");
    }
}

/// What a machine does by itself brings no row back; what a person may have meant does.
#[test]
fn a_touch_is_a_change_of_what_machines_move() {
    let base = empty(CONVERSATION_CONTEXTS).with("usage_count", 1).with("tags", "[]");
    for (column, value, expected) in [
        ("usage_count", Value::Int(2), Change::Touched),
        ("last_used_at", "t".into(), Change::Touched),
        ("created_at", "t".into(), Change::Touched),
        ("tags", r#"["a"]"#.into(), Change::Edited),
        ("title", "t".into(), Change::Edited),
    ] {
        let row = base.clone().with("updated_at", "t").with(column, value);
        assert_eq!(Change::of(Some(&base), &Kept::Present(row, 1).side()), expected, "{column}");
    }
}

fn check(entity: &'static Entity, table: &str) {
    let mut header: Vec<&str> = Vec::new();
    for line in table.lines() {
        let cells: Vec<&str> = line.split_whitespace().collect();
        match cells.first() {
            None => {}
            Some(&"agreed" | &"new") => header = cells,
            Some(local) => {
                for (remote, expected) in header[1..].iter().zip(&cells[1..]) {
                    check_cell(entity, header[0] == "agreed", local, remote, expected);
                }
            }
        }
    }
}

fn check_cell(entity: &'static Entity, agreed: bool, local: &str, remote: &str, expected: &str) {
    let base = agreed.then(|| plain(entity));
    let situation =
        Situation { entity, base, local: side(entity, local, "here"), remote: side(entity, remote, "there") };
    let decision = decide(&situation.input());
    let place = format!("{}: {local} here, {remote} there", entity.name);
    assert_eq!(name(decision.case), expected, "{place}");
    let holds = |kept: &Kept| kept.side().row() == decision.outcome.row();
    let may_write = decision.case != Case::Left;
    assert_eq!(decision.write_local, may_write && !holds(&situation.local), "{place}: write here");
    assert_eq!(decision.write_remote, may_write && !holds(&situation.remote), "{place}: write there");
}

fn name(case: Case) -> &'static str {
    match case {
        Case::Settled => "settled",
        Case::Upload => "upload",
        Case::Download => "download",
        Case::Merge => "merge",
        Case::Gone => "gone",
        Case::Delete => "delete",
        Case::Revive => "revive",
        Case::Bury => "bury",
        Case::Overrule => "overrule",
        Case::WrittenOnce => "written_once",
        Case::Left => "left",
    }
}

fn side(entity: &'static Entity, change: &str, text: &str) -> Kept {
    match change {
        "absent" | "vanished" => Kept::Absent,
        "unchanged" => Kept::Present(plain(entity), 1),
        "touched" => Kept::Present(touched(entity, text), 1),
        "created" | "edited" => Kept::Present(edited(entity, text), 1),
        "deleted" => Kept::Deleted(None, 2),
        other => panic!("no such change: {other}"),
    }
}

fn plain(entity: &'static Entity) -> Row {
    empty(entity)
}

fn touched(entity: &'static Entity, text: &str) -> Row {
    plain(entity).with("updated_at", text)
}

fn edited(entity: &'static Entity, text: &str) -> Row {
    let free = entity.columns.iter().position(|column| !entity.primary_key.contains(&column.name));
    let mut row = plain(entity);
    if let Some(position) = free.filter(|_| entity != SESSION_TAGS) {
        row.set_at(position, Value::from(text));
    }
    row
}
