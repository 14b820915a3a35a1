//! Central's tables are the catalogue's, by what `information_schema` says of them.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use migrations::entity::{ColumnDefault, Index};
use migrations::{Column, Entity, Kind};

use super::central::Central;
use super::{entities, is_bookkeeping};

/// A set of facts, compared as text so that a failure reads well.
type Facts = BTreeSet<String>;

#[test]
fn the_tables_are_those_of_the_catalogue() {
    let found = facts(
        "SELECT table_name, engine, row_format, table_collation FROM information_schema.tables \
         WHERE table_schema = DATABASE()",
    );
    let expected = all(|entity, add| add(format!("{} InnoDB Dynamic utf8mb4_unicode_ci", entity.name)));
    assert_eq!(found, expected);
}

#[test]
fn the_columns_are_those_of_the_catalogue_in_its_order() {
    let found = facts(
        "SELECT table_name, ordinal_position, column_name, column_type, IFNULL(collation_name, '-'), is_nullable, \
         IFNULL(column_default, '-'), extra FROM information_schema.columns \
         WHERE table_schema = DATABASE()",
    );
    let expected = all(|entity, add| {
        for (at, column) in (1..).zip(entity.columns) {
            add(format!("{} {at} {}", entity.name, column_fact(column)));
        }
    });
    assert_same(&found, &expected);
}

fn column_fact(column: &Column) -> String {
    let (kind, collation) = match column.kind {
        Kind::Uuid => ("char(36)".to_owned(), "ascii_bin"),
        Kind::String(length) => (format!("varchar({length})"), text_collation(column)),
        Kind::Text => ("mediumtext".to_owned(), text_collation(column)),
        Kind::Json => ("mediumtext".to_owned(), "utf8mb4_bin"),
        Kind::Int => ("int(11)".to_owned(), "-"),
        Kind::BigInt => ("bigint(20)".to_owned(), "-"),
        Kind::Bool => ("tinyint(1)".to_owned(), "-"),
        Kind::Decimal(precision, scale) => (format!("decimal({precision},{scale})"), "-"),
        Kind::Date => ("date".to_owned(), "-"),
        Kind::DateTime => ("datetime(6)".to_owned(), "-"),
        Kind::Blob => ("mediumblob".to_owned(), "-"),
    };
    let default = match column.default {
        None if column.nullable => "NULL".to_owned(),
        None => "-".to_owned(),
        Some(ColumnDefault::Now) => "utc_timestamp(6)".to_owned(),
        Some(ColumnDefault::Bool(flag)) => u8::from(flag).to_string(),
        Some(ColumnDefault::Int(number)) => number.to_string(),
        Some(ColumnDefault::Decimal(text)) => text.to_owned(),
        Some(ColumnDefault::Text(text)) => format!("'{text}'"),
    };
    let nullable = if column.nullable { "YES" } else { "NO" };
    format!("{} {kind} {collation} {nullable} {default} ", column.name)
}

fn text_collation(column: &Column) -> &'static str {
    if column.exact { "utf8mb4_nopad_bin" } else { "utf8mb4_unicode_ci" }
}

#[test]
fn character_sets_follow_the_collations() {
    let found = facts(
        "SELECT table_name, 'mixes', character_set_name, collation_name FROM information_schema.columns \
         WHERE table_schema = DATABASE() AND collation_name NOT LIKE CONCAT(character_set_name, '\\_%')",
    );
    assert_eq!(found, Facts::new());
}

#[test]
fn the_indexes_are_those_of_the_catalogue_and_no_more() {
    let found = facts(
        "SELECT table_name, index_name, index_type, non_unique, seq_in_index, column_name, IFNULL(sub_part, '-') \
         FROM information_schema.statistics WHERE table_schema = DATABASE()",
    );
    let expected = all(|entity, add| {
        let primary = Index::new("PRIMARY", entity.primary_key);
        let unique = entity.unique.iter().chain([&primary]).map(|index| (index, "BTREE 0"));
        let ordinary = entity.indexes.iter().map(|index| (index, "BTREE 1"));
        let fulltext = entity.fulltext.iter().map(|index| (index, "FULLTEXT 1"));
        for (index, kind) in unique.chain(ordinary).chain(fulltext) {
            for (at, column) in (1..).zip(index.columns) {
                add(format!("{} {} {kind} {at} {column} -", entity.name, index.name));
            }
        }
    });
    assert_same(&found, &expected);
}

#[test]
fn the_foreign_keys_are_those_of_the_catalogue_and_only_refuse() {
    let found = facts(
        "SELECT table_name, constraint_name, column_name, referenced_table_name, referenced_column_name, update_rule, \
         delete_rule FROM information_schema.referential_constraints \
         JOIN information_schema.key_column_usage USING (constraint_schema, constraint_name, table_name, \
         referenced_table_name) WHERE constraint_schema = DATABASE()",
    );
    let expected = all(|entity, add| {
        for key in entity.foreign_keys {
            let name = entity.constraint_name(key);
            add(format!("{} {name} {} {} id RESTRICT RESTRICT", entity.name, key.column, key.references));
        }
    });
    assert_same(&found, &expected);
}

#[test]
fn the_checks_are_those_of_the_catalogue_and_no_more() {
    let found = facts(
        "SELECT table_name, constraint_name, check_clause FROM information_schema.check_constraints \
         WHERE constraint_schema = DATABASE()",
    );
    let found = found.iter().map(|fact| plain(fact)).collect();
    let expected = all(|entity, add| {
        for check in entity.checks {
            add(plain(&format!("{} {} {}", entity.name, check.name, check.sql)));
        }
    });
    assert_same(&found, &expected);
}

/// A condition without what MariaDB writes in its own way: case of keywords, blanks, quotes of identifiers.
fn plain(condition: &str) -> String {
    condition.chars().filter(|c| !c.is_whitespace() && *c != '`').collect::<String>().to_lowercase()
}

/// The rows of a query, without those of bookkeeping tables. The first column is the table's name; the others follow,
/// parted by blanks.
fn facts(sql: &str) -> Facts {
    let rows = database().query(sql);
    let texts = rows.into_iter().map(|row| row.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>());
    texts.filter(|row| !is_bookkeeping(&row[0])).map(|row| row.join(" ")).collect()
}

/// One database for all of these tests: they only look.
fn database() -> MutexGuard<'static, Central> {
    static DATABASE: OnceLock<Mutex<Central>> = OnceLock::new();
    DATABASE.get_or_init(|| Mutex::new(Central::new())).lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the catalogue says of all of central's tables.
fn all(say: impl Fn(&Entity, &mut dyn FnMut(String))) -> Facts {
    let mut facts = Facts::new();
    for entity in entities(true) {
        say(entity, &mut |fact| {
            facts.insert(fact);
        });
    }
    facts
}

/// Shows the differences only: there are hundreds of facts.
fn assert_same(found: &Facts, expected: &Facts) {
    let extra: Vec<_> = found.difference(expected).collect();
    let missing: Vec<_> = expected.difference(found).collect();
    assert!(extra.is_empty() && missing.is_empty(), "\ncentral has {extra:#?}\nthe catalogue has {missing:#?}");
}
