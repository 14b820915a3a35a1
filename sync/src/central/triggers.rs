//! The capture triggers, generated from the catalogue.
//!
//! - They run inside other programs' transactions, so they must never be what makes a statement fail. Insert and update
//!   triggers mention the primary key only: a column that is dropped one day would make every write fail with 1054. Delete
//!   triggers mention every column, as the row is gone afterwards, and are made anew with each change of the schema.
//! - Their SQL mode is set explicitly, since a trigger keeps the mode of the session that made it, and is not strict:
//!   under strict modes an image too large for `max_allowed_packet` would fail the DELETE; so it is NULL, and the
//!   tombstone has no image.
//! - The origin is a user variable that only our pushes set; for everyone else it is NULL.

use std::collections::HashMap;

use migrations::{Column, ENTITIES, Entity, Kind};
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::connect::ANSWER_WITHIN;
use super::pool::within;
use super::sql::{key_text, name};
use super::{Central, CentralError};

/// The mode that the triggers are made with.
pub(super) const SQL_MODE: &str = "NO_ENGINE_SUBSTITUTION";

/// What a trigger fires on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Insert,
    Update,
    Delete,
}

impl Event {
    const ALL: [Self; 3] = [Self::Insert, Self::Update, Self::Delete];

    /// As SQL and `information_schema` have it.
    pub(super) fn keyword(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

/// A capture trigger.
#[derive(Clone, Debug)]
pub(super) struct Trigger {
    pub entity: &'static Entity,
    pub event: Event,
}

/// All triggers that central must have.
pub(super) fn all() -> impl Iterator<Item = Trigger> {
    let tables = ENTITIES.iter().copied().filter(|entity| entity.is_replicated());
    tables.flat_map(|entity| Event::ALL.map(|event| Trigger { entity, event }))
}

impl Trigger {
    /// `ct_sync_clients_update`.
    pub(super) fn name(&self) -> String {
        format!("ct_sync_{}_{}", self.entity.name, self.event.keyword().to_ascii_lowercase())
    }

    /// The statement that makes it, or replaces it without a gap in between.
    pub(super) fn create(&self) -> String {
        format!(
            "CREATE OR REPLACE TRIGGER {} AFTER {} ON {} FOR EACH ROW {}",
            name(&self.name()),
            self.event.keyword(),
            name(self.entity.name),
            self.body()
        )
    }

    /// What it does, as `information_schema` shows it.
    pub(super) fn body(&self) -> String {
        let (old, new) = (key_text(self.entity, "OLD."), key_text(self.entity, "NEW."));
        match self.event {
            Event::Insert => self.append(&new, 'I', "NULL"),
            Event::Delete => self.append(&old, 'D', &image(self.entity)),
            // A changed key is a row that went and another that came. Compared as bytes: a collation may hold them equal.
            Event::Update => format!(
                "BEGIN IF NOT (BINARY {old} <=> BINARY {new}) THEN {}; END IF; {}; END",
                self.append(&old, 'D', "NULL"),
                self.append(&new, 'U', "NULL"),
            ),
        }
    }

    fn append(&self, key: &str, op: char, image: &str) -> String {
        format!(
            "INSERT INTO ct_sync_outbox (tbl, pk, op, origin, time_us, image) VALUES ('{}', {key}, '{op}', \
             @ct_sync_origin, COALESCE(@ct_sync_time, {NOW_US}), {image})",
            self.entity.name
        )
    }
}

/// The server's clock, microseconds since the epoch, UTC.
pub(super) const NOW_US: &str = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))";

/// The last image of a deleted row, in the form that `merge::decode` reads.
fn image(entity: &Entity) -> String {
    let pairs: Vec<String> = entity.columns.iter().map(|c| format!("'{}', {}", c.name, image_value(c))).collect();
    format!("JSON_OBJECT({})", pairs.join(", "))
}

/// A column's canonical value as JSON.
fn image_value(column: &Column) -> String {
    let old = format!("OLD.{}", name(column.name));
    match column.kind {
        Kind::Int | Kind::BigInt => old,
        // One collation for all: JSON_OBJECT refuses a mixture (1271), and with it the DELETE.
        Kind::Uuid | Kind::String(_) | Kind::Text | Kind::Json => {
            format!("CONVERT({old} USING utf8mb4) COLLATE utf8mb4_bin")
        }
        // A comparison would become true or false there, and not 0 or 1.
        Kind::Bool => format!("IF({old} IS NULL, NULL, IF({old}, 1, 0))"),
        Kind::Decimal(_, scale) => format!("CAST({old} * {} AS SIGNED)", 10_u64.pow(u32::from(scale))),
        Kind::Date => format!("CAST({old} AS CHAR)"),
        Kind::DateTime => format!("DATE_FORMAT({old}, '%Y-%m-%dT%H:%i:%s.%fZ')"),
        Kind::Blob => format!("HEX({old})"),
    }
}

/// A trigger as the database has it.
#[derive(Clone, Debug)]
pub(super) struct Installed {
    table: String,
    event: String,
    timing: String,
    body: String,
    sql_mode: String,
    /// The account whose rights it runs with.
    pub definer: String,
}

impl Installed {
    /// True when it does what this one does.
    pub(super) fn is(&self, trigger: &Trigger) -> bool {
        self.table == trigger.entity.name
            && self.event == trigger.event.keyword()
            && self.timing == "AFTER"
            && self.body == trigger.body()
            && self.sql_mode == SQL_MODE
    }
}

/// The triggers of the current database by name, as far as the user may see them (needs TRIGGER).
pub(super) async fn installed(connection: &mut MySqlConnection) -> Result<HashMap<String, Installed>, CentralError> {
    let text = "SELECT trigger_name, event_object_table, event_manipulation, action_timing, action_statement, sql_mode, \
                definer FROM information_schema.triggers WHERE trigger_schema = DATABASE()";
    let mut found = HashMap::new();
    for row in sqlx::query(text).fetch_all(connection).await? {
        let installed = Installed {
            table: row.try_get_unchecked(1)?,
            event: row.try_get_unchecked(2)?,
            timing: row.try_get_unchecked(3)?,
            // NULL for a user who may not see it.
            body: row.try_get_unchecked::<Option<String>, _>(4)?.unwrap_or_default(),
            sql_mode: row.try_get_unchecked::<Option<String>, _>(5)?.unwrap_or_default(),
            definer: row.try_get_unchecked::<Option<String>, _>(6)?.unwrap_or_default(),
        };
        found.insert(row.try_get_unchecked(0)?, installed);
    }
    Ok(found)
}

impl Central {
    /// The capture triggers that are missing or altered: changes by other programs may go unseen there. Worth asking at
    /// every connection, as `CREATE OR REPLACE TABLE` and tools that swap tables drop them silently.
    pub async fn missing_triggers(&self) -> Result<Vec<String>, CentralError> {
        let mut lease = self.lease().await?;
        let there = within(ANSWER_WITHIN, installed(lease.connection())).await?;
        lease.keep();
        let missing = all().filter(|trigger| !there.get(&trigger.name()).is_some_and(|it| it.is(trigger)));
        Ok(missing.map(|trigger| trigger.name()).collect())
    }
}

/// True when the account does not exist, as far as this user may know.
pub(super) async fn is_gone(connection: &mut MySqlConnection, account: &str) -> Result<bool, CentralError> {
    let text = "SELECT COUNT(*) FROM mysql.user WHERE CONCAT(User, '@', Host) = ?";
    match sqlx::query(text).bind(account).fetch_one(connection).await.map_err(CentralError::from) {
        Ok(row) => Ok(row.try_get_unchecked::<i64, _>(0)? == 0),
        Err(CentralError::Denied(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(table: &str, event: Event) -> String {
        Trigger { entity: migrations::entity(table).unwrap(), event }.body()
    }

    #[test]
    fn every_replicated_table_has_three_and_no_other_table_has_any() {
        let replicated = ENTITIES.iter().filter(|entity| entity.is_replicated()).count();
        assert_eq!(all().count(), 3 * replicated);
        assert!(all().all(|trigger| trigger.entity.name != "schema_migrations"));
    }

    #[test]
    fn names_and_keys_fit_their_columns() {
        for trigger in all() {
            assert!(trigger.name().len() <= 64, "{}", trigger.name());
            let key: usize = trigger.entity.primary_key.iter().map(|column| longest(trigger.entity, column)).sum();
            assert!(key < trigger.entity.primary_key.len() + 512, "{}", trigger.entity.name);
        }
    }

    fn longest(entity: &Entity, column: &str) -> usize {
        match entity.column(column).unwrap().kind {
            Kind::Uuid => 36,
            Kind::String(length) => usize::from(length),
            other => panic!("{other:?} in a key"),
        }
    }

    #[test]
    fn insert_and_update_mention_the_key_only() {
        for event in [Event::Insert, Event::Update] {
            let body = body("clients", event);
            assert!(body.contains("NEW.`id`"), "{body}");
            for column in migrations::entity("clients").unwrap().columns.iter().filter(|c| c.name != "id") {
                assert!(!body.contains(&format!(".`{}`", column.name)), "{body}");
            }
        }
    }

    #[test]
    fn a_composite_key_is_joined_as_text() {
        assert!(
            body("session_tags", Event::Insert)
                .contains("CONCAT_WS(CHAR(31 USING utf8mb4), NEW.`session_id`, NEW.`tag_id`)")
        );
    }

    #[test]
    fn the_insert_trigger_in_full() {
        assert_eq!(
            Trigger { entity: migrations::entity("tags").unwrap(), event: Event::Insert }.create(),
            "CREATE OR REPLACE TRIGGER `ct_sync_tags_insert` AFTER INSERT ON `tags` FOR EACH ROW INSERT INTO \
             ct_sync_outbox (tbl, pk, op, origin, time_us, image) VALUES ('tags', NEW.`id`, 'I', @ct_sync_origin, \
             COALESCE(@ct_sync_time, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))), NULL)"
        );
    }
}
