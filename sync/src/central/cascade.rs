//! What the server's own cascades change: no trigger of a child fires for it, so the parent's tell.
//!
//! Our own schema has no such keys (the catalogue's rules are carried out by the daemon); an adopted one may have. For
//! each table from which a delete spreads there is a BEFORE DELETE trigger, which lists what will go with the row, level
//! by level, while it is still there: children that are deleted, with their image, and children whose reference is
//! emptied. A table that refers to itself is followed to its end by a recursive query. Tables between that are not ours
//! are followed too. A BEFORE UPDATE trigger does the same for keys that follow a changed key.
//!
//! - The row may stay after all (FOREIGN_KEY_CHECKS=0 cascades nothing; IGNORE leaves out what is refused): the entry is a
//!   mere mention, and the sequencer looks whether the row is there.
//! - The rows are read one by one and noted each by an INSERT of its own. INSERT … SELECT would hold the lock of the
//!   outbox's AUTO_INCREMENT until the statement ends: writers would wait for each other there, and where two close a
//!   circle the server reports 1467, which no program expects.
//! - They are read with a lock: the transaction may have begun before a child came, and the cascade takes that one too.
//!   A lock for writing would be an error (1442) where the table refers to itself.
//! - The entries carry no origin: whoever deleted the parent did not know of these rows.
//! - Not followed: a circle of several tables, and a changed key that spreads further than to the children. `central
//!   check` says so ([`uncaptured`]), and anti-entropy finds what went unseen.

use super::introspect::FoundReference;
use super::layout::{Layout, Table};
use super::sql::name;
use super::triggers::{APPEND, Event, NOW_US, Trigger};

/// Statements of one trigger at most: each is a way from the parent to a child.
const MOST_WAYS: usize = 400;
/// The longest name of a table that is part of a trigger's name, which has 64 characters.
const LONGEST_NAME: usize = 40;

/// The triggers that tell what cascades change; none for a schema of our own.
pub(super) fn triggers(layout: &Layout) -> Vec<Trigger> {
    parents(layout)
        .into_iter()
        .flat_map(|parent| [on_delete(layout, parent), on_update(layout, parent)])
        .flatten()
        .collect()
}

fn parents(layout: &Layout) -> Vec<&str> {
    let mut parents: Vec<&str> = layout.database.references.iter().map(|reference| reference.parent.as_str()).collect();
    parents.sort_unstable();
    parents.dedup();
    parents
}

/// The keys that change rows of ours in a way that no trigger tells, by name and table.
pub(super) fn uncaptured(layout: &Layout) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for parent in parents(layout) {
        let mut ways = Ways { layout, statements: Vec::new(), concerns: Vec::new(), cut: Vec::new() };
        ways.follow(&Place::start(parent), &mut vec![parent.to_owned()]);
        found.extend(ways.cut);
    }
    for reference in layout.database.references.iter().filter(|reference| follows(reference)) {
        found.extend(further(layout, reference));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// True when deleting the parent changes the child.
pub(super) fn spreads(reference: &FoundReference) -> bool {
    matches!(reference.on_delete.as_str(), "CASCADE" | "SET NULL")
}

/// True when changing the parent's key changes the child.
pub(super) fn follows(reference: &FoundReference) -> bool {
    matches!(reference.on_update.as_str(), "CASCADE" | "SET NULL") && reference.table != reference.parent
}

/// The name of the trigger of a parent.
pub(super) fn trigger_name(layout: &Layout, parent: &str, event: Event) -> String {
    let of = layout.named(parent).map_or(parent, |table| table.entity.name);
    let of = if of.len() <= LONGEST_NAME { of.to_owned() } else { format!("{:016x}", hash(of)) };
    format!("ct_sync_{of}_cascade_{}", event.keyword().to_ascii_lowercase())
}

/// FNV-1a: a short name that is always the same.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn trigger(layout: &Layout, parent: &str, event: Event, body: String, concerns: Vec<&'static str>) -> Trigger {
    let captures = match event {
        Event::Update => format!("rows that follow a changed key of {parent}"),
        _ => format!("rows that are deleted or emptied with a row of {parent}"),
    };
    Trigger {
        name: trigger_name(layout, parent, event),
        table: parent.to_owned(),
        timing: "BEFORE",
        event,
        body,
        captures,
        concerns,
    }
}

fn on_delete(layout: &Layout, parent: &str) -> Option<Trigger> {
    let mut ways = Ways { layout, statements: Vec::new(), concerns: Vec::new(), cut: Vec::new() };
    ways.follow(&Place::start(parent), &mut vec![parent.to_owned()]);
    if ways.statements.is_empty() {
        return None;
    }
    ways.concerns.sort_unstable();
    ways.concerns.dedup();
    let body = format!("BEGIN {}; END", ways.statements.join("; "));
    Some(trigger(layout, parent, Event::Delete, body, ways.concerns))
}

/// A table that a delete has spread to, on one way from the parent.
struct Place {
    table: String,
    /// The queries before, each named; the last tells which rows of `table` go. Empty for the parent itself.
    queries: Vec<String>,
}

impl Place {
    fn start(parent: &str) -> Self {
        Self { table: parent.to_owned(), queries: Vec::new() }
    }

    /// ` WITH RECURSIVE g1 AS (…), g2 AS (…)`
    fn with(&self) -> String {
        if self.queries.is_empty() { String::new() } else { format!(" WITH RECURSIVE {}", self.queries.join(", ")) }
    }

    /// The rows of a child that refer to the rows that go: ` FROM child c JOIN g2 g ON …`, or ` FROM child c WHERE …`.
    fn children(&self, reference: &FoundReference) -> String {
        let pairs = |side: &str| {
            let columns = reference.columns.iter().zip(&reference.parent_columns);
            columns.map(|(child, parent)| format!("c.{} = {side}.{}", name(child), name(parent))).collect::<Vec<_>>()
        };
        let child = name(&reference.table);
        match self.queries.len() {
            0 => format!(" FROM {child} c WHERE {}", pairs("OLD").join(" AND ")),
            level => format!(" FROM {child} c JOIN g{level} g ON {}", pairs("g").join(" AND ")),
        }
    }
}

/// The ways that a delete spreads.
struct Ways<'l> {
    layout: &'l Layout,
    /// What the trigger does, a statement for each way.
    statements: Vec<String>,
    /// The entities whose rows it notes.
    concerns: Vec<&'static str>,
    /// The keys at which it is not followed.
    cut: Vec<(String, String)>,
}

impl Ways<'_> {
    /// Follows all keys from a table on; `path` names the tables on the way.
    fn follow(&mut self, place: &Place, path: &mut Vec<String>) {
        let layout = self.layout;
        let from_start = place.queries.is_empty();
        for reference in layout.database.references.iter().filter(|it| it.parent == place.table && spreads(it)) {
            let is_own = reference.table == reference.parent;
            if reference.on_delete == "SET NULL" {
                self.empty(place, reference);
            } else if is_own && !from_start {
                // The query that led here has followed it already.
            } else if (!is_own && path.contains(&reference.table)) || self.statements.len() >= MOST_WAYS {
                self.cut.push((reference.name.clone(), reference.table.clone()));
            } else {
                let next = self.step(place, reference);
                self.note(&next);
                path.push(reference.table.clone());
                self.follow(&next, path);
                path.pop();
            }
        }
    }

    /// The rows of the child that go, and what goes with them within its own table.
    fn step(&self, place: &Place, reference: &FoundReference) -> Place {
        let table = &reference.table;
        let level = place.queries.len() + 1;
        let columns: Vec<String> = self.needed(table).iter().map(|column| format!("c.{}", name(column))).collect();
        let columns = columns.join(", ");
        let is_own = |own: &&FoundReference| own.table == *table && own.parent == *table && own.on_delete == "CASCADE";
        let onwards = self.layout.database.references.iter().filter(is_own).map(|own| {
            let pairs = own.columns.iter().zip(&own.parent_columns);
            let pairs: Vec<String> = pairs.map(|(one, other)| format!("c.{} = g.{}", name(one), name(other))).collect();
            let pairs = pairs.join(" AND ");
            format!(" UNION (SELECT {columns} FROM {} c JOIN g{level} g ON {pairs} LOCK IN SHARE MODE)", name(table))
        });
        let onwards: String = onwards.collect();
        let children = place.children(reference);
        let query = format!("g{level} AS ((SELECT {columns}{children} LOCK IN SHARE MODE){onwards})");
        let queries = place.queries.iter().cloned().chain([query]).collect();
        Place { table: table.clone(), queries }
    }

    /// The columns of a table by which its rows and their children are found.
    fn needed(&self, table: &str) -> Vec<String> {
        let references = self.layout.database.references.iter().filter(|it| it.parent == table);
        let mut columns: Vec<String> = references.flat_map(|it| it.parent_columns.iter().cloned()).collect();
        columns.extend(self.layout.named(table).into_iter().flat_map(Table::key_names));
        columns.sort_unstable();
        columns.dedup();
        if columns.is_empty() {
            // Nothing of ours, and the end of the way: any column will do.
            columns
                .extend(self.layout.database.tables.get(table).and_then(|it| Some(it.columns.first()?.name.clone())));
        }
        columns
    }

    /// Notes the rows that go, if they are rows of ours.
    fn note(&mut self, place: &Place) {
        let Some(table) = self.layout.named(&place.table) else { return };
        let level = place.queries.len();
        let same: Vec<String> = table.key_names().map(|key| format!("c.{0} = g.{0}", name(&key))).collect();
        let rows = format!(
            "{} SELECT {} AS pk, {} AS image FROM {} c JOIN g{level} g ON {}",
            place.with(),
            table.key_text("c."),
            table.image("c."),
            table.quoted(),
            same.join(" AND ")
        );
        self.statements.push(for_each(&rows, &append(table, "pk", 'D', "it.image")));
        self.concerns.push(table.entity.name);
    }

    /// Notes the rows whose reference is emptied, if they are rows of ours.
    fn empty(&mut self, place: &Place, reference: &FoundReference) {
        let Some(table) = self.layout.named(&reference.table) else { return };
        let rows = format!("{} SELECT {} AS pk{}", place.with(), table.key_text("c."), place.children(reference));
        self.statements.push(for_each(&rows, &append(table, "pk", 'U', "NULL")));
        self.concerns.push(table.entity.name);
    }
}

/// Does it for each of these rows, as `it`.
fn for_each(rows: &str, does: &str) -> String {
    format!("FOR it IN ({} LOCK IN SHARE MODE) DO {does} END FOR", rows.trim_start())
}

/// Notes the row `it` of a table, whose key is in that column.
fn append(table: &Table, key: &str, op: char, image: &str) -> String {
    let entity = table.entity.name;
    format!("{APPEND} VALUES ('{entity}', it.{key}, '{op}', NULL, COALESCE(@ct_sync_time, {NOW_US}), {image});")
}

fn on_update(layout: &Layout, parent: &str) -> Option<Trigger> {
    let references = layout.database.references.iter().filter(|it| it.parent == parent && follows(it));
    let (mut parts, mut concerns) = (Vec::new(), Vec::new());
    for reference in references {
        let Some(table) = layout.named(&reference.table) else { continue };
        parts.push(moved(table, reference));
        concerns.push(table.entity.name);
    }
    let body = format!("BEGIN {} END", parts.join(" "));
    (!parts.is_empty()).then(|| trigger(layout, parent, Event::Update, body, concerns))
}

/// Notes the children that follow a changed key; one that has it in its own key goes, and comes under another.
fn moved(table: &Table, reference: &FoundReference) -> String {
    let pairs: Vec<(&String, &String)> = reference.columns.iter().zip(&reference.parent_columns).collect();
    let changed: Vec<String> =
        pairs.iter().map(|(_, parent)| format!("BINARY OLD.{0} <=> BINARY NEW.{0}", name(parent))).collect();
    let old = table.key_text("c.");
    let new = table.key_of(|key| match pairs.iter().find(|(child, _)| **child == key.name) {
        Some((_, parent)) if reference.on_update == "CASCADE" => format!("NEW.{}", name(parent)),
        _ => key.as_text("c."),
    });
    let rows = format!("SELECT {old} AS pk, {new} AS moved{}", Place::start(&reference.parent).children(reference));
    let notes = if old == new {
        append(table, "pk", 'U', "NULL")
    } else {
        format!("{} {}", append(table, "pk", 'D', "NULL"), append(table, "moved", 'I', "NULL"))
    };
    format!("IF NOT ({}) THEN {}; END IF;", changed.join(" AND "), for_each(&rows, &notes))
}

/// The keys by which a changed key spreads further than to the children.
fn further<'l>(layout: &'l Layout, reference: &'l FoundReference) -> impl Iterator<Item = (String, String)> + 'l {
    let next = layout.database.references.iter().filter(move |next| {
        next.parent == reference.table
            && follows(next)
            && next.parent_columns.iter().any(|column| reference.columns.contains(column))
    });
    next.map(|next| (next.name.clone(), next.table.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::central::introspect::Database;
    use crate::central::layout::{Names, as_made};

    fn layout(references: Vec<FoundReference>) -> Layout {
        let tables = migrations::ENTITIES.iter().filter(|entity| entity.on_mariadb);
        let tables = tables.map(|entity| (entity.name.to_owned(), as_made(entity))).collect();
        Layout::of(Database { tables, references }, Names::default())
    }

    fn key(table: &str, column: &str, parent: &str, on_delete: &str) -> FoundReference {
        FoundReference {
            name: format!("fk_{table}_{column}"),
            table: table.into(),
            columns: vec![column.into()],
            parent: parent.into(),
            parent_columns: vec!["id".into()],
            on_delete: on_delete.into(),
            on_update: "RESTRICT".into(),
        }
    }

    #[test]
    fn our_own_schema_needs_none() {
        let references = migrations::ENTITIES.iter().flat_map(|entity| {
            entity.foreign_keys.iter().map(|it| key(entity.name, it.column, it.references, "RESTRICT"))
        });
        let layout = layout(references.collect());
        assert_eq!((triggers(&layout), uncaptured(&layout)), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_way_of_two_levels() {
        let layout = layout(vec![
            key("sites", "client_id", "clients", "CASCADE"),
            key("networks", "site_id", "sites", "SET NULL"),
            key("services", "infrastructure_id", "infrastructure", "CASCADE"),
        ]);
        let all = triggers(&layout);
        let names: Vec<&str> = all.iter().map(|trigger| trigger.name.as_str()).collect();
        let expected =
            ["ct_sync_clients_cascade_delete", "ct_sync_infrastructure_cascade_delete", "ct_sync_sites_cascade_delete"];
        assert_eq!(names, expected);
        let body = &all[0].body;
        assert!(
            body.contains("g1 AS ((SELECT c.`id` FROM `sites` c WHERE c.`client_id` = OLD.`id` LOCK IN SHARE MODE))"),
            "{body}"
        );
        assert!(body.contains("VALUES ('networks', it.pk, 'U', NULL"), "{body}");
        assert!(body.contains("FROM `networks` c JOIN g1 g ON c.`site_id` = g.`id`"), "{body}");
    }

    #[test]
    fn a_table_that_refers_to_itself_is_followed_to_its_end() {
        let layout = layout(vec![key("tasks", "parent_task_id", "tasks", "CASCADE")]);
        let all = triggers(&layout);
        assert_eq!(all.len(), 1);
        assert!(all[0].body.contains(
            "UNION (SELECT c.`id` FROM `tasks` c JOIN g1 g ON c.`parent_task_id` = g.`id` LOCK IN SHARE MODE)"
        ));
        assert_eq!(uncaptured(&layout), []);
    }

    #[test]
    fn a_circle_is_cut_and_said() {
        let layout =
            layout(vec![key("sites", "client_id", "clients", "CASCADE"), key("clients", "notes", "sites", "CASCADE")]);
        let cut = uncaptured(&layout);
        assert_eq!(cut.len(), 2, "{cut:?}");
    }

    #[test]
    fn everything_cascading_stays_within_bounds() {
        let references = migrations::ENTITIES.iter().flat_map(|entity| {
            entity.foreign_keys.iter().map(|it| {
                let nullable = entity.column(it.column).is_some_and(|column| column.nullable);
                key(entity.name, it.column, it.references, if nullable { "SET NULL" } else { "CASCADE" })
            })
        });
        let layout = layout(references.collect());
        assert_eq!(uncaptured(&layout), []);
        let longest = triggers(&layout).into_iter().map(|trigger| trigger.create().len()).max().unwrap();
        assert!(longest < 200_000, "{longest}");
    }
}
