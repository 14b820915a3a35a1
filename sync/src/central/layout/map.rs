//! Which table holds which entity, and why one is not held.

use std::collections::{BTreeMap, HashMap};

use migrations::Entity;
use migrations::ladder::is_added_later;
use serde::Serialize;

use super::column::{Fit, Physical, difference, judge};
use super::table::Table;
use crate::central::introspect::{Database, FoundTable};
use crate::central::schema::entities;

/// Names at central that differ from the catalogue's, as its user has said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::central) struct Names {
    /// By entity and column; the column is empty for the table itself.
    given: BTreeMap<(String, String), String>,
}

impl Names {
    /// Says that a table, or a column if one is named, has this name at central.
    pub(in crate::central) fn give(&mut self, entity: &str, column: &str, physical: &str) {
        self.given.insert((entity.to_owned(), column.to_owned()), physical.to_owned());
    }

    /// All that was said: entity, column, name at central.
    pub(in crate::central) fn iter(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.given.iter().map(|((entity, column), physical)| (entity.as_str(), column.as_str(), physical.as_str()))
    }

    fn table<'n>(&'n self, entity: &'n Entity) -> &'n str {
        self.of(entity, "").unwrap_or(entity.name)
    }

    fn column<'n>(&'n self, entity: &Entity, column: &'n str) -> &'n str {
        self.of(entity, column).unwrap_or(column)
    }

    fn of(&self, entity: &Entity, column: &str) -> Option<&str> {
        self.given.get(&(entity.name.to_owned(), column.to_owned())).map(String::as_str)
    }
}

/// How much of an entity central holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mapping {
    /// All of it.
    Mapped,
    /// Not every column, or not every value.
    PartlyMapped,
    /// It has no such table.
    Missing,
    /// It has such a table, which cannot be used.
    CannotBeMapped,
}

/// How central holds an entity, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// The catalogue's name.
    pub entity: String,
    /// The name at central, when there is such a table.
    pub table: Option<String>,
    /// In short.
    pub mapping: Mapping,
    /// Columns of the catalogue that it does not hold, each with the reason: their values stay on each machine.
    pub missing_columns: Vec<String>,
    /// Columns that hold not every value, or that compare in another way.
    pub differences: Vec<String>,
    /// Columns of central that this build does not know. They are left to their defaults.
    pub unknown_columns: Vec<String>,
    /// Those of them without which central takes no new row.
    pub required_columns: Vec<String>,
    /// Unique keys of the catalogue that central does not enforce: both rows of a pair are kept everywhere.
    pub unenforced_keys: Vec<String>,
    /// Why it cannot be used.
    pub reason: Option<String>,
    /// What `--map` could say, when something of another name looks like what is missing.
    pub offers: Vec<String>,
}

/// The tables that are held, and a report of each entity.
pub(super) fn map(database: &Database, names: &Names) -> (HashMap<&'static str, Table>, Vec<TableReport>) {
    let mut held = HashMap::new();
    let mut reports = Vec::new();
    for entity in entities().filter(|entity| entity.is_replicated()) {
        let (table, report) = map_one(entity, database, names);
        held.extend(table.map(|table| (entity.name, table)));
        reports.push(report);
    }
    let taken: Vec<String> = reports.iter().filter_map(|report| report.table.clone()).collect();
    for report in reports.iter_mut().filter(|report| report.mapping == Mapping::Missing) {
        let free = database.tables.iter().filter(|(name, table)| table.is_base && !taken.contains(name));
        let alike = free.filter(|(name, _)| is_alike(name, &report.entity));
        report.offers = alike.map(|(name, _)| format!("{}={name}", report.entity)).collect();
    }
    (held, reports)
}

fn map_one(entity: &'static Entity, database: &Database, names: &Names) -> (Option<Table>, TableReport) {
    let name = names.table(entity);
    let mut report = TableReport {
        entity: entity.name.to_owned(),
        table: None,
        mapping: Mapping::Missing,
        missing_columns: Vec::new(),
        differences: Vec::new(),
        unknown_columns: Vec::new(),
        required_columns: Vec::new(),
        unenforced_keys: Vec::new(),
        reason: None,
        offers: Vec::new(),
    };
    let Some(found) = database.tables.get(name) else { return (None, report) };
    report.table = Some(name.to_owned());
    let columns = map_columns(entity, found, names, &mut report);
    let table = match why_not(entity, found, &columns, &report) {
        Some(reason) => {
            report.reason = Some(reason);
            None
        }
        None => assemble(entity, name, found, columns),
    };
    if let Some(table) = &table {
        let open = entity.unique.iter().filter(|index| !table.enforces(index.columns));
        report.unenforced_keys = open.map(|index| index.name.to_owned()).collect();
    }
    let is_whole = report.missing_columns.is_empty() && report.differences.is_empty();
    report.mapping = match &table {
        None => Mapping::CannotBeMapped,
        Some(_) if is_whole && report.required_columns.is_empty() && report.unenforced_keys.is_empty() => {
            Mapping::Mapped
        }
        Some(_) => Mapping::PartlyMapped,
    };
    (table, report)
}

fn map_columns(
    entity: &'static Entity,
    found: &FoundTable,
    names: &Names,
    report: &mut TableReport,
) -> Vec<Option<Physical>> {
    let mut used = Vec::new();
    let mut columns = Vec::with_capacity(entity.columns.len());
    for column in entity.columns {
        let name = names.column(entity, column.name);
        let place = found.column(name);
        used.extend(place.map(|_| name));
        let fit = place.map(|place| (judge(column, place), place));
        columns.push(match fit {
            // To the machines it is not there, so that it is neither pulled nor compared, and in no image of a deleted row.
            _ if column.central_only => None,
            None => {
                report.missing_columns.push(column.name.to_owned());
                None
            }
            Some((Fit::Not(why), _)) => {
                report.missing_columns.push(format!("{}: {why}", column.name));
                None
            }
            Some((fit, place)) => {
                if let Fit::Partly(difference) = fit {
                    report.differences.push(difference);
                }
                Some(Physical::new(column, place))
            }
        });
    }
    for column in found.columns.iter().filter(|column| !used.contains(&column.name.as_str())) {
        report.unknown_columns.push(column.name.clone());
        if column.must_be_given() {
            report.required_columns.push(column.name.clone());
        }
        let missing = report.missing_columns.iter().find(|missing| is_alike(missing, &column.name));
        report.offers.extend(missing.map(|missing| format!("{}.{missing}={}", entity.name, column.name)));
    }
    columns
}

/// Why a table cannot hold the entity at all.
fn why_not(entity: &Entity, found: &FoundTable, columns: &[Option<Physical>], report: &TableReport) -> Option<String> {
    if !found.is_base {
        return Some("it is a view, which can have no triggers".into());
    }
    let of_key = |missing: &&String| {
        let name = missing.split(':').next().unwrap_or_default();
        entity.primary_key.contains(&name)
    };
    if let Some(missing) = report.missing_columns.iter().find(of_key) {
        return Some(format!("its key is not that of the catalogue ({missing})"));
    }
    let physical: Vec<&str> = physical_key(entity, columns);
    let is_key =
        |key: &[String]| key.len() == physical.len() && physical.iter().all(|name| key.iter().any(|k| k == name));
    let unique = found.unique.iter().any(|key| key.whole && is_key(&key.columns));
    if unique {
        return None;
    }
    Some(format!("its primary key is ({}) instead of ({})", found.primary_key().join(", "), physical.join(", ")))
}

fn physical_key<'c>(entity: &Entity, columns: &'c [Option<Physical>]) -> Vec<&'c str> {
    let at = entity.primary_key.iter().filter_map(|key| entity.position(key));
    at.filter_map(|at| columns[at].as_ref()).map(|held| held.name.as_str()).collect()
}

fn assemble(entity: &'static Entity, name: &str, found: &FoundTable, columns: Vec<Option<Physical>>) -> Option<Table> {
    let catalogued = |physical: &String| {
        let at = columns.iter().position(|held| held.as_ref().is_some_and(|held| held.name == *physical))?;
        Some(entity.columns[at].name)
    };
    let unique: Vec<(String, Vec<&'static str>)> = found
        .unique
        .iter()
        .filter(|key| key.whole)
        .filter_map(|key| Some((key.name.clone(), key.columns.iter().map(catalogued).collect::<Option<Vec<_>>>()?)))
        .collect();
    let is_key = |names: &[&str]| {
        names.len() == entity.primary_key.len() && entity.primary_key.iter().all(|key| names.contains(key))
    };
    let index = unique.iter().filter(|(_, names)| is_key(names)).map(|(index, _)| index.clone());
    let index = index.min_by_key(|index| index != "PRIMARY")?;
    Table::new(entity, name, columns, unique, index)
}

/// `Clients`, `client` and `tblClient` are alike, as are `clientId` and `client_id`.
fn is_alike(one: &str, other: &str) -> bool {
    let bare = |text: &str| -> String {
        let text: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        let text = text.strip_prefix("tbl").unwrap_or(&text);
        let text = text.strip_suffix("ies").map_or_else(|| text.to_owned(), |stem| format!("{stem}y"));
        text.strip_suffix('s').map_or(text.clone(), str::to_owned)
    };
    bare(one) == bare(other)
}

/// How a table that this build is to have made differs from what it makes, None when it does not.
pub(in crate::central) fn altered(entity: &Entity, found: &FoundTable) -> Option<String> {
    let unknown = found.columns.iter().map(|column| column.name.as_str()).filter(|name| entity.column(name).is_none());
    if let Some(name) = unknown.min() {
        return Some(format!("it has a column {name}"));
    }
    entity.columns.iter().find_map(|column| match found.column(column.name) {
        None if is_added_later(entity.name, column.name) => None,
        None => Some(format!("it has no column {}", column.name)),
        Some(found) => difference(column, found),
    })
}

/// A table as this build makes it.
#[cfg(test)]
pub(in crate::central) fn as_made(entity: &Entity) -> FoundTable {
    use crate::central::introspect::FoundKey;
    let key = |name: &str, columns: &[&str]| FoundKey {
        name: name.to_owned(),
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
        whole: true,
    };
    let mut unique = vec![key("PRIMARY", entity.primary_key)];
    unique.extend(entity.unique.iter().map(|index| key(index.name, index.columns)));
    FoundTable { is_base: true, columns: entity.columns.iter().map(super::column::as_made).collect(), unique }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::central::introspect::FoundColumn;

    fn ours() -> Database {
        let tables = entities().map(|entity| (entity.name.to_owned(), as_made(entity))).collect();
        Database { tables, references: Vec::new() }
    }

    fn report<'r>(reports: &'r [TableReport], entity: &str) -> &'r TableReport {
        reports.iter().find(|report| report.entity == entity).unwrap()
    }

    #[test]
    fn our_own_schema_is_mapped_as_it_is() {
        let (held, reports) = map(&ours(), &Names::default());
        assert!(reports.iter().all(|report| report.mapping == Mapping::Mapped && report.unknown_columns.is_empty()));
        assert_eq!(held.len(), reports.len());
        let links = &held["session_tags"];
        assert_eq!(links.key_text("NEW."), "CONCAT_WS(CHAR(31 USING utf8mb4), NEW.`session_id`, NEW.`tag_id`)");
        assert_eq!(links.key_in(2), "(`session_id`, `tag_id`) IN ((?, ?), (?, ?))");
        assert_eq!(held["clients"].key_is(), "`id` = ?");
        assert!(
            held.values()
                .filter(|table| table.entity.columns.iter().all(|column| !column.central_only))
                .all(|table| matches!(table.fitted(&merge::Row::new(table.entity)), Ok(std::borrow::Cow::Borrowed(_))))
        );
    }

    #[test]
    fn what_differs_is_said() {
        let mut database = ours();
        let clients = database.tables.get_mut("clients").unwrap();
        clients.columns.retain(|column| column.name != "updated_at");
        clients.columns.push(FoundColumn { name: "ref".into(), data_type: "int".into(), ..FoundColumn::default() });
        clients.unique.truncate(1);
        let sites = database.tables.get_mut("sites").unwrap();
        sites.columns[0].data_type = "int".into();
        let tags = database.tables.remove("tags").unwrap();
        database.tables.insert("Tag".into(), tags);
        let (held, reports) = map(&database, &Names::default());
        let clients = report(&reports, "clients");
        assert_eq!(
            (clients.mapping, clients.missing_columns.as_slice()),
            (Mapping::PartlyMapped, &["updated_at".into()][..])
        );
        assert_eq!(
            (clients.required_columns.as_slice(), clients.unenforced_keys.as_slice()),
            (&["ref".into()][..], &["uq_clients_name".into()][..])
        );
        assert!(held["clients"].select().contains("NULL"));
        assert_eq!(report(&reports, "sites").mapping, Mapping::CannotBeMapped);
        assert!(report(&reports, "sites").reason.as_ref().unwrap().contains("key"));
        assert_eq!(report(&reports, "tags").offers, ["tags=Tag"]);
    }

    #[test]
    fn given_names_are_followed() {
        let mut database = ours();
        let mut tags = database.tables.remove("tags").unwrap();
        tags.columns[0].name = "tagId".into();
        tags.unique[0].columns = vec!["tagId".into()];
        database.tables.insert("Tag".into(), tags);
        let mut names = Names::default();
        names.give("tags", "", "Tag");
        let (_, reports) = map(&database, &names);
        assert_eq!(report(&reports, "tags").mapping, Mapping::CannotBeMapped);
        names.give("tags", "id", "tagId");
        let (held, reports) = map(&database, &names);
        assert_eq!(report(&reports, "tags").mapping, Mapping::Mapped);
        assert_eq!((held["tags"].quoted(), held["tags"].key_is()), ("`Tag`".into(), "`tagId` = ?".into()));
        assert_eq!(held["tags"].catalogued("tagId"), Some("id"));
    }

    #[test]
    fn names_that_are_alike() {
        for (one, other, alike) in [
            ("Client", "clients", true),
            ("tblClients", "clients", true),
            ("workItem", "work_items", true),
            ("networks", "network_ids", false),
            ("updatedAt", "updated_at", true),
        ] {
            assert_eq!(is_alike(one, other), alike, "{one} {other}");
        }
    }

    #[test]
    fn a_table_that_was_altered() {
        let tags = migrations::entity("tags").unwrap();
        assert_eq!(altered(tags, &as_made(tags)), None);
        let mut other = as_made(tags);
        other.columns.retain(|column| column.name != "name");
        assert_eq!(altered(tags, &other).unwrap(), "it has no column name");
        // One that the first step has made, and no later one yet.
        let users = migrations::catalogue::USERS;
        let mut older = as_made(users);
        older.columns.retain(|column| column.name != "client_ids");
        assert_eq!(altered(users, &older), None);
        let mut other = as_made(tags);
        other.columns.push(FoundColumn { name: "colour".into(), ..FoundColumn::default() });
        assert_eq!(altered(tags, &other).unwrap(), "it has a column colour");
        let at = tags.position("name").unwrap();
        let mut other = as_made(tags);
        other.columns[at].collation = Some("utf8mb4_unicode_ci".into());
        assert!(altered(tags, &other).unwrap().contains("utf8mb4_nopad_bin"));
        let mut other = as_made(tags);
        other.columns[at].full_type = "text".into();
        assert!(altered(tags, &other).unwrap().contains("instead of varchar(100)"));
    }
}
