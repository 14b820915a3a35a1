//! The replica's tables are the catalogue's, by what SQLite says of them.

use std::collections::BTreeSet;

use migrations::catalogue::FORGOTTEN;
use migrations::entity::{Check, ColumnDefault, Index};
use migrations::{Column, ENTITIES, Entity, ForeignKey, Kind};

use super::is_bookkeeping;
use super::replica::Replica;

/// A set of facts about a table, compared as text so that a failure reads well.
type Facts = BTreeSet<String>;

#[test]
fn the_tables_are_strict_and_those_of_the_catalogue() {
    let expected: Facts =
        ENTITIES.iter().map(|e| format!("{} strict, rowid {}", e.name, e.primary_key.len() == 1)).collect();
    let replica = Replica::new();
    let sql = "SELECT name, format('%s %s, rowid %s', name, iif(strict, 'strict', 'lax'), iif(wr, 'false', 'true')) \
               FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut select = replica.0.prepare(sql).unwrap();
    let rows = select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?))).unwrap().map(Result::unwrap);
    let found: Facts = rows.filter(|(name, _)| !is_bookkeeping(name)).map(|(_, fact)| fact).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_columns_are_those_of_the_catalogue_in_its_order() {
    let replica = Replica::new();
    for entity in ENTITIES {
        let sql = "SELECT format('%s %s notnull=%d default=%s pk=%d hidden=%d', name, type, \"notnull\", \
                   coalesce(dflt_value, '-'), pk, hidden) FROM pragma_table_xinfo(?1) ORDER BY cid";
        let expected: Vec<_> = entity.columns.iter().map(|column| column_fact(entity, column)).collect();
        assert_eq!(list(&replica, sql, entity), expected, "{}", entity.name);
    }
}

fn column_fact(entity: &Entity, column: &Column) -> String {
    let kind = match column.kind {
        Kind::Int | Kind::BigInt | Kind::Bool | Kind::Decimal(..) => "INTEGER",
        Kind::Blob => "BLOB",
        Kind::Uuid | Kind::String(_) | Kind::Text | Kind::Date | Kind::DateTime | Kind::Json => "TEXT",
    };
    let default = match column.default {
        None => "-".to_owned(),
        Some(ColumnDefault::Now) => "strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'".to_owned(),
        Some(ColumnDefault::Bool(flag)) => u8::from(flag).to_string(),
        Some(ColumnDefault::Int(number)) => number.to_string(),
        Some(ColumnDefault::Decimal(text)) => text.replace('.', ""),
        Some(ColumnDefault::Text(text)) => format!("'{text}'"),
    };
    let key = entity.primary_key.iter().position(|name| *name == column.name).map_or(0, |at| at + 1);
    format!("{} {kind} notnull={} default={default} pk={key} hidden=0", column.name, u8::from(!column.nullable))
}

#[test]
fn the_foreign_keys_are_those_of_the_catalogue_and_only_refuse() {
    let replica = Replica::new();
    for entity in ENTITIES {
        let sql = "SELECT format('%s -> %s.%s update=%s delete=%s', \"from\", \"table\", \"to\", on_update, on_delete) \
                   FROM pragma_foreign_key_list(?1)";
        let fact =
            |key: &ForeignKey| format!("{} -> {}.id update=NO ACTION delete=NO ACTION", key.column, key.references);
        let expected: Facts = entity.foreign_keys.iter().map(fact).collect();
        assert_eq!(Facts::from_iter(list(&replica, sql, entity)), expected, "{}", entity.name);
    }
}

#[test]
fn the_foreign_keys_are_named_and_deferred() {
    let replica = Replica::new();
    for entity in ENTITIES {
        let table = definition(&replica, entity);
        for key in entity.foreign_keys {
            let clause = format!(
                "CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} (id) DEFERRABLE INITIALLY DEFERRED",
                entity.constraint_name(key),
                key.column,
                key.references
            );
            assert!(table.contains(&clause), "{}: {clause}", entity.name);
        }
    }
}

#[test]
fn the_indexes_are_those_of_the_catalogue() {
    let replica = Replica::new();
    for entity in ENTITIES {
        let sql = "SELECT format('%s unique=%d partial=%d (%s)', i.name, i.\"unique\", i.partial, \
                   (SELECT group_concat(name, ', ') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno))) \
                   FROM pragma_index_list(?1) AS i WHERE i.origin <> 'pk'";
        let fact = |unique: u8| {
            move |index: &Index| format!("{} unique={unique} partial=0 ({})", index.name, index.columns.join(", "))
        };
        let mut expected: Facts = entity.unique.iter().map(fact(1)).chain(entity.indexes.iter().map(fact(0))).collect();
        // Lists begin with the newest rows; central needs no index for that, and what was forgotten is not listed.
        let is_by_age = |index: &Index| index.columns.first() == Some(&"created_at");
        if entity.column("created_at").is_some()
            && !entity.indexes.iter().any(is_by_age)
            && entity.name != FORGOTTEN.name
        {
            let (name, id) = (entity.name, entity.column("id").map_or("", |_| ", id"));
            expected.extend([format!("idx_{name}_newest unique=0 partial=0 (created_at{id})")]);
        }
        // Recall looks up how often a memory was of use, at the replica only.
        expected.extend(match entity.name {
            "conversation_contexts" => Some("ct_used_contexts unique=0 partial=1 (id, usage_count)".to_owned()),
            "context_snippets" => Some("ct_used_snippets unique=0 partial=1 (id, usage_count)".to_owned()),
            "problem_solutions" => Some("ct_used_solutions unique=0 partial=1 (id, times_reused)".to_owned()),
            _ => None,
        });
        assert_eq!(Facts::from_iter(list(&replica, sql, entity)), expected, "{}", entity.name);
    }
}

#[test]
fn the_checks_are_those_of_the_catalogue() {
    let replica = Replica::new();
    for entity in ENTITIES {
        let fact = |check: &Check| format!("CONSTRAINT {} CHECK ({})", check.name, check.sqlite.unwrap_or(check.sql));
        let expected: Facts = entity.checks.iter().map(fact).collect();
        let table = definition(&replica, entity);
        // A clause ends at the comma before the next one, or with the table.
        let clauses =
            table.split("CONSTRAINT ").skip(1).map(|clause| format!("CONSTRAINT {}", clause.trim_end_matches(", ")));
        let checks = clauses.filter(|clause| clause.contains(" CHECK "));
        let found: Facts = checks.map(|clause| clause.trim_end_matches(" ) STRICT").to_owned()).collect();
        assert_eq!(found, expected, "{}", entity.name);
        assert_eq!(table.matches("CHECK").count(), entity.checks.len(), "{}", entity.name);
    }
}

/// The text of a table's definition, with single blanks.
fn definition(replica: &Replica, entity: &Entity) -> String {
    let sql = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?1";
    let text = list(replica, sql, entity).pop().expect(entity.name);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The texts that a query about one table gives.
fn list(replica: &Replica, sql: &str, entity: &Entity) -> Vec<String> {
    let mut select = replica.0.prepare(sql).unwrap();
    select.query_map([entity.name], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}
