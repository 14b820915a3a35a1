//! Why central refused a row: what the server's error says, without the values that its text holds.

use merge::{Key, Row, RowId};
use migrations::{Entity, entity};

use super::CentralError;
use super::error::{server_error, without_values};
use super::layout::Layout;

/// A row that central did not take. The other rows of its batch were not affected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub kind: RefusalKind,
    /// MariaDB's error number; 0 when it was refused before it was sent.
    pub code: u16,
    /// For people, without values.
    pub message: String,
}

/// Why a row was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// Another row holds the values of a unique key.
    Unique {
        /// The key's columns; the primary key's when an adopted collation holds two keys equal.
        columns: Vec<&'static str>,
        /// The row that holds them, when it could be found.
        existing: Option<RowId>,
    },
    /// It refers to a row that central does not have.
    MissingParent {
        /// The referring column.
        column: &'static str,
        /// The missing row.
        parent: RowId,
    },
    /// Other rows refer to it, so it cannot be deleted.
    HasChildren {
        /// The referring table.
        child: String,
    },
    /// A CHECK constraint failed.
    Check {
        /// Its name.
        name: String,
    },
    /// A value is longer than its column at central.
    TooLong {
        /// The column.
        column: String,
    },
    /// A value is out of its column's range, or of the wrong form.
    BadValue {
        /// The column, empty when the server does not name it.
        column: String,
    },
    /// The table at central needs a value in a column that this build does not know.
    Foreign {
        /// Its name there.
        column: String,
    },
    /// The row is larger than the server takes in one statement.
    TooBig,
    /// What central holds under this key cannot be read, so nothing can be decided.
    Unreadable {
        /// The column.
        column: &'static str,
    },
    /// Anything else.
    Other,
}

impl Refusal {
    /// A refusal before anything was sent.
    pub fn unsent(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self { kind, code: 0, message: message.into() }
    }

    /// True when another row's change, in the same batch perhaps, can make it acceptable.
    pub(super) fn depends_on_others(&self) -> bool {
        matches!(
            self.kind,
            RefusalKind::Unique { .. } | RefusalKind::MissingParent { .. } | RefusalKind::HasChildren { .. }
        )
    }
}

/// Errors that are the table's fault, not the row's: a trigger that mentions a dropped column, a missing function, a
/// transaction that the binary log's format forbids. They would refuse every row alike.
const OF_THE_TABLE: [u16; 5] = [1054, 1136, 1305, 1356, 1665];

/// Sorts an error of a statement that wrote one row: its own fault, or a reason to give up the batch.
pub(super) fn refusal_of(error: sqlx::Error, row: &Row, layout: &Layout) -> Result<Refusal, CentralError> {
    let Some((code, message)) = server_error(&error) else { return Err(error.into()) };
    let found = kind_of(code, message, row, layout);
    let (kind, message) = match found {
        Some(kind) => {
            let message = message_of(&kind);
            (kind, message)
        }
        None => (RefusalKind::Other, without_values(message)),
    };
    match CentralError::from(error) {
        CentralError::Sql { code, .. } if !OF_THE_TABLE.contains(&code) => Ok(Refusal { kind, code, message }),
        error => Err(error),
    }
}

/// What the texts of MariaDB's errors tell; their wording is the same in all supported versions.
fn kind_of(code: u16, message: &str, row: &Row, layout: &Layout) -> Option<RefusalKind> {
    let entity = row.entity();
    let table = layout.table(entity)?;
    let column_of = |message| {
        let physical = column_of(message);
        table.catalogued(&physical).map_or(physical, str::to_owned)
    };
    match code {
        1062 | 1586 => {
            let index = message.trim_end_matches('\'').rsplit(['\'', '.']).next()?;
            Some(RefusalKind::Unique { columns: table.columns_of(index)?, existing: None })
        }
        1452 => {
            let name = table.catalogued(message.split("FOREIGN KEY (`").nth(1)?.split('`').next()?)?;
            let key = entity.foreign_keys.iter().find(|key| key.column == name)?;
            let parent = RowId::new(self::entity(key.references)?, Key::new(row.text(key.column)?));
            Some(RefusalKind::MissingParent { column: key.column, parent })
        }
        1451 => {
            let child = message.split("(`").nth(1)?.split('`').nth(2)?;
            let child = layout.named(child).map_or(child, |child| child.entity.name);
            Some(RefusalKind::HasChildren { child: child.to_owned() })
        }
        4025 => Some(RefusalKind::Check { name: message.split('`').nth(1)?.to_owned() }),
        1406 => Some(RefusalKind::TooLong { column: column_of(message) }),
        1364 if entity.column(&column_of(message)).is_none() => {
            Some(RefusalKind::Foreign { column: column_of(message) })
        }
        1048 | 1264 | 1265 | 1292 | 1364 | 1366 | 1411 | 1690 => {
            Some(RefusalKind::BadValue { column: column_of(message) })
        }
        _ => None,
    }
}

/// The columns that a condition is about.
pub fn columns_in(entity: &'static Entity, condition: &str) -> Vec<&'static str> {
    let words: Vec<&str> = condition.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    entity.columns.iter().map(|column| column.name).filter(|name| words.contains(name)).collect()
}

/// The column that a message names at its end: `column 'name' at row 1`, ``column `db`.`clients`.`name` at row 1``,
/// `Column 'name' cannot be null`, `Field 'name' doesn't have a default value`. Empty when it names none.
fn column_of(message: &str) -> String {
    let start =
        ["column ", "Column ", "Field "].iter().filter_map(|word| Some(message.rfind(word)? + word.len())).max();
    let word = start.and_then(|start| message[start..].split_whitespace().next()).unwrap_or_default();
    word.rsplit('.').next().unwrap_or_default().trim_matches(['\'', '`']).to_owned()
}

fn message_of(kind: &RefusalKind) -> String {
    match kind {
        RefusalKind::Unique { columns, .. } => format!("another row has the same {}", columns.join(" and ")),
        RefusalKind::MissingParent { column, parent } => format!("{column} refers to {parent}, which is not there"),
        RefusalKind::HasChildren { child } => format!("rows of {child} refer to it"),
        RefusalKind::Check { name } => format!("the condition {name} does not hold"),
        RefusalKind::TooLong { column } => format!("{column} is longer than central takes"),
        RefusalKind::BadValue { column } => format!("{column} has a value that central does not take"),
        RefusalKind::Foreign { column } => {
            format!("the table at central needs a value in {column}, which claudetools does not know")
        }
        RefusalKind::TooBig => "the row is larger than central takes (max_allowed_packet)".into(),
        RefusalKind::Unreadable { column } => format!("{column} of this row at central cannot be read"),
        RefusalKind::Other => "central refused it".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Row {
        Row::new(entity("sites").unwrap()).with("id", "s1").with("client_id", "c1").with("name", "it's")
    }

    #[test]
    fn reads_what_the_server_says() {
        let fails = "a foreign key constraint fails (`t`.`sites`, CONSTRAINT `fk_sites_client_id` FOREIGN KEY \
                     (`client_id`) REFERENCES `clients` (`id`))";
        let parent = RowId::new(entity("clients").unwrap(), Key::new("c1"));
        let layout = Layout::of_ours();
        for (code, message, kind) in [
            (
                1062,
                "Duplicate entry 'c1-it's for key 'x'' for key 'uq_sites_client_name'".to_owned(),
                RefusalKind::Unique { columns: vec!["client_id", "name"], existing: None },
            ),
            (
                1062,
                "Duplicate entry 's1' for key 'PRIMARY'".to_owned(),
                RefusalKind::Unique { columns: vec!["id"], existing: None },
            ),
            (
                1452,
                format!("Cannot add or update a child row: {fails}"),
                RefusalKind::MissingParent { column: "client_id", parent },
            ),
            (
                1451,
                format!("Cannot delete or update a parent row: {fails}"),
                RefusalKind::HasChildren { child: "sites".into() },
            ),
            (4025, "CONSTRAINT `ck_x` failed for `t`.`sites`".to_owned(), RefusalKind::Check { name: "ck_x".into() }),
            (
                1406,
                "Data too long for column 'name' at row 1".to_owned(),
                RefusalKind::TooLong { column: "name".into() },
            ),
            (
                1292,
                "Incorrect datetime value: 'column 'id'' for column `t`.`sites`.`created_at` at row 1".to_owned(),
                RefusalKind::BadValue { column: "created_at".into() },
            ),
            (
                1364,
                "Field 'tenant' doesn't have a default value".to_owned(),
                RefusalKind::Foreign { column: "tenant".into() },
            ),
            (1048, "Column 'name' cannot be null".to_owned(), RefusalKind::BadValue { column: "name".into() }),
        ] {
            assert_eq!(kind_of(code, &message, &site(), &layout), Some(kind), "{message}");
        }
        let client = entity("clients").unwrap();
        assert_eq!(columns_in(client, "`is_active` = 1 or `notes` is null"), ["notes", "is_active"]);
        assert_eq!(kind_of(1644, "not on a Friday", &site(), &layout), None);
        assert_eq!(kind_of(1062, "Duplicate entry 'x' for key 'uq_foreign'", &site(), &layout), None);
    }
}
