//! The database as `information_schema` shows it, before anything is made of it.

use std::collections::BTreeMap;

use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::CentralError;

/// Tables and foreign keys of one database.
#[derive(Clone, Debug, Default)]
pub(super) struct Database {
    pub tables: BTreeMap<String, FoundTable>,
    pub references: Vec<FoundReference>,
}

/// A table.
#[derive(Clone, Debug, Default)]
pub(super) struct FoundTable {
    /// Not a view, which can have no triggers.
    pub is_base: bool,
    /// In table order.
    pub columns: Vec<FoundColumn>,
    /// The primary key among them, as `PRIMARY`.
    pub unique: Vec<FoundKey>,
}

/// A column.
#[derive(Clone, Debug, Default)]
pub(super) struct FoundColumn {
    pub name: String,
    /// `varchar`
    pub data_type: String,
    /// `varchar(255)`
    pub full_type: String,
    pub collation: Option<String>,
    pub nullable: bool,
    pub has_default: bool,
    /// `auto_increment`, `on update current_timestamp()`, `STORED GENERATED`.
    pub extra: String,
    /// Characters that fit; None where that is no limit.
    pub length: Option<u64>,
    /// Digits of a second's fraction.
    pub fraction: u8,
    /// Digits after the point.
    pub scale: u8,
}

/// A unique key.
#[derive(Clone, Debug, Default)]
pub(super) struct FoundKey {
    pub name: String,
    pub columns: Vec<String>,
    /// False when it looks at the beginning of a column only.
    pub whole: bool,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundReference {
    pub name: String,
    pub table: String,
    pub columns: Vec<String>,
    pub parent: String,
    pub parent_columns: Vec<String>,
    /// `CASCADE`, `SET NULL`, `RESTRICT`, `NO ACTION`
    pub on_delete: String,
    pub on_update: String,
}

impl FoundTable {
    pub(super) fn column(&self, name: &str) -> Option<&FoundColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(super) fn primary_key(&self) -> &[String] {
        self.unique.iter().find(|key| key.name == "PRIMARY").map_or(&[], |key| &key.columns)
    }
}

impl FoundColumn {
    pub(super) fn is_generated(&self) -> bool {
        self.extra.contains("GENERATED")
    }

    /// True when the server changes it by itself as other columns change.
    pub(super) fn moves_by_itself(&self) -> bool {
        self.extra.contains("on update")
    }

    /// True when an INSERT that does not name it is refused.
    pub(super) fn must_be_given(&self) -> bool {
        !self.nullable && !self.has_default && !self.is_generated() && !self.extra.contains("auto_increment")
    }

    /// True when `A` and `a` are the same to it.
    pub(super) fn ignores_case(&self) -> bool {
        self.collation.as_deref().is_some_and(|collation| collation.ends_with("_ci"))
    }
}

impl Database {
    /// All of the current database that this user may see.
    pub(super) async fn read(connection: &mut MySqlConnection) -> Result<Self, CentralError> {
        let mut database = Self::default();
        database.read_tables(connection).await?;
        database.read_keys(connection).await?;
        database.read_references(connection).await?;
        Ok(database)
    }

    async fn read_tables(&mut self, connection: &mut MySqlConnection) -> Result<(), CentralError> {
        let text = "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = DATABASE()";
        for row in sqlx::query(text).fetch_all(&mut *connection).await? {
            let is_base = row.try_get_unchecked::<String, _>(1)? == "BASE TABLE";
            self.tables.insert(row.try_get_unchecked(0)?, FoundTable { is_base, ..FoundTable::default() });
        }
        let text = "SELECT table_name, column_name, data_type, column_type, collation_name, is_nullable = 'YES', \
                    column_default IS NOT NULL, extra, CAST(character_maximum_length AS CHAR), \
                    CAST(datetime_precision AS CHAR), CAST(numeric_scale AS CHAR) FROM information_schema.columns \
                    WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position";
        for row in sqlx::query(text).fetch_all(connection).await? {
            let number = |at| row.try_get_unchecked::<Option<String>, _>(at).map(|text| text?.parse::<u64>().ok());
            let small = |at| number(at).map(|found| found.and_then(|found| u8::try_from(found).ok()).unwrap_or(0));
            let column = FoundColumn {
                name: row.try_get_unchecked(1)?,
                data_type: row.try_get_unchecked(2)?,
                full_type: without_width(row.try_get_unchecked(3)?),
                collation: row.try_get_unchecked(4)?,
                nullable: row.try_get_unchecked::<i64, _>(5)? != 0,
                has_default: row.try_get_unchecked::<i64, _>(6)? != 0,
                extra: row.try_get_unchecked(7)?,
                length: number(8)?,
                fraction: small(9)?,
                scale: small(10)?,
            };
            let table: String = row.try_get_unchecked(0)?;
            self.tables.entry(table).or_default().columns.push(column);
        }
        Ok(())
    }

    async fn read_keys(&mut self, connection: &mut MySqlConnection) -> Result<(), CentralError> {
        let text = "SELECT table_name, index_name, column_name, sub_part IS NULL FROM information_schema.statistics \
                    WHERE table_schema = DATABASE() AND non_unique = 0 ORDER BY table_name, index_name, seq_in_index";
        for row in sqlx::query(text).fetch_all(connection).await? {
            let (table, name): (String, String) = (row.try_get_unchecked(0)?, row.try_get_unchecked(1)?);
            // An index over an expression has no column name.
            let column: Option<String> = row.try_get_unchecked(2)?;
            let whole = row.try_get_unchecked::<i64, _>(3)? != 0 && column.is_some();
            let keys = &mut self.tables.entry(table).or_default().unique;
            if keys.last().is_none_or(|key| key.name != name) {
                keys.push(FoundKey { name, columns: Vec::new(), whole: true });
            }
            if let Some(key) = keys.last_mut() {
                key.columns.extend(column);
                key.whole &= whole;
            }
        }
        Ok(())
    }

    async fn read_references(&mut self, connection: &mut MySqlConnection) -> Result<(), CentralError> {
        let text = "SELECT table_name, constraint_name, delete_rule, update_rule \
                    FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()";
        let mut rules: BTreeMap<(String, String), (String, String)> = BTreeMap::new();
        for row in sqlx::query(text).fetch_all(&mut *connection).await? {
            let place = (row.try_get_unchecked(0)?, row.try_get_unchecked(1)?);
            rules.insert(place, (row.try_get_unchecked(2)?, row.try_get_unchecked(3)?));
        }
        let text = "SELECT table_name, constraint_name, column_name, referenced_table_name, referenced_column_name \
                    FROM information_schema.key_column_usage WHERE table_schema = DATABASE() \
                    AND referenced_table_schema = DATABASE() ORDER BY table_name, constraint_name, ordinal_position";
        for row in sqlx::query(text).fetch_all(connection).await? {
            let place: (String, String) = (row.try_get_unchecked(0)?, row.try_get_unchecked(1)?);
            let Some((on_delete, on_update)) = rules.get(&place) else { continue };
            if self.references.last().is_none_or(|last| (&last.table, &last.name) != (&place.0, &place.1)) {
                self.references.push(FoundReference {
                    table: place.0,
                    name: place.1,
                    columns: Vec::new(),
                    parent: row.try_get_unchecked(3)?,
                    parent_columns: Vec::new(),
                    on_delete: on_delete.clone(),
                    on_update: on_update.clone(),
                });
            }
            if let Some(reference) = self.references.last_mut() {
                reference.columns.push(row.try_get_unchecked(2)?);
                reference.parent_columns.push(row.try_get_unchecked(4)?);
            }
        }
        Ok(())
    }
}

/// `int(11)` as `int`: the display width says nothing, and newer servers leave it out.
fn without_width(kind: String) -> String {
    match kind.split_once('(') {
        Some((base @ ("int" | "bigint" | "tinyint"), rest)) => {
            let after = rest.split_once(')').map_or("", |(_, after)| after);
            format!("{base}{after}")
        }
        _ => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_widths_say_nothing() {
        assert_eq!(without_width("bigint(20)".into()), "bigint");
        assert_eq!(without_width("int(10) unsigned".into()), "int unsigned");
        assert_eq!(without_width("decimal(10,2)".into()), "decimal(10,2)");
    }
}
