//! The capture triggers, generated from the catalogue and from how central holds it.
//!
//! - They run inside other programs' transactions, so they must never be what makes a statement fail. Insert and update
//!   triggers mention the primary key only: a column that is dropped one day would make every write fail with 1054. Delete
//!   triggers mention every column, as the row is gone afterwards, and are made anew with each change of the schema.
//! - Their SQL mode is set explicitly, since a trigger keeps the mode of the session that made it, and is not strict:
//!   under strict modes an image too large for `max_allowed_packet` would fail the DELETE; so it is NULL, and the
//!   tombstone has no image.
//! - The origin is a user variable that only our pushes set; for everyone else it is NULL.
//! - What the server's own cascades do fires none of them: see [`cascade`].

use std::collections::HashMap;

use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::connect::ANSWER_WITHIN;
use super::layout::{Layout, Table};
use super::pool::within;
use super::sql::name;
use super::{Central, CentralError, cascade};

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

/// A trigger that central must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trigger {
    pub name: String,
    /// At central.
    pub table: String,
    /// `AFTER` or `BEFORE`
    pub timing: &'static str,
    pub event: Event,
    /// What it does, as `information_schema` shows it.
    pub body: String,
    /// What it captures, for people.
    pub captures: String,
    /// The entities whose changes it captures.
    pub concerns: Vec<&'static str>,
}

/// All triggers that central must have.
pub(super) fn wanted(layout: &Layout) -> Vec<Trigger> {
    let tables = layout.tables().flat_map(|table| Event::ALL.map(|event| capture(table, event)));
    tables.chain(cascade::triggers(layout)).collect()
}

impl Trigger {
    /// The statement that makes it, or replaces it without a gap in between.
    pub(super) fn create(&self) -> String {
        format!(
            "CREATE OR REPLACE TRIGGER {} {} {} ON {} FOR EACH ROW {}",
            name(&self.name),
            self.timing,
            self.event.keyword(),
            name(&self.table),
            self.body
        )
    }
}

/// The trigger `ct_sync_clients_update` and its like.
fn capture(table: &Table, event: Event) -> Trigger {
    let entity = table.entity.name;
    Trigger {
        name: format!("ct_sync_{entity}_{}", event.keyword().to_ascii_lowercase()),
        table: table.name.clone(),
        timing: "AFTER",
        event,
        body: body(table, event),
        captures: format!("changes of {entity} by {}", event.keyword()),
        concerns: vec![entity],
    }
}

fn body(table: &Table, event: Event) -> String {
    let (old, new) = (table.key_text("OLD."), table.key_text("NEW."));
    let append = |key: &str, op: char, image: &str| {
        format!(
            "{APPEND} VALUES ('{}', {key}, '{op}', @ct_sync_origin, COALESCE(@ct_sync_time, {NOW_US}), {image})",
            table.entity.name
        )
    };
    match event {
        Event::Insert => append(&new, 'I', "NULL"),
        Event::Delete => append(&old, 'D', &table.image("OLD.")),
        // A changed key is a row that went and another that came. Compared as bytes: a collation may hold them equal.
        Event::Update => format!(
            "BEGIN IF NOT (BINARY {old} <=> BINARY {new}) THEN {}; END IF; {}; END",
            append(&old, 'D', "NULL"),
            append(&new, 'U', "NULL"),
        ),
    }
}

/// How each trigger begins what it notes.
pub(super) const APPEND: &str = "INSERT INTO ct_sync_outbox (tbl, pk, op, origin, time_us, image)";

/// The server's clock, microseconds since the epoch, UTC.
pub(super) const NOW_US: &str = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))";

/// A trigger as the database has it.
#[derive(Clone, Debug)]
pub(super) struct Installed {
    pub table: String,
    event: String,
    timing: String,
    body: String,
    sql_mode: String,
    /// The account whose rights it runs with.
    pub definer: String,
}

impl Installed {
    /// True for one that was made here, whatever it was made for: by its name and by what it writes.
    pub(super) fn is_ours(&self, name: &str) -> bool {
        name.starts_with("ct_sync_") && self.body.contains("ct_sync_outbox")
    }

    /// True when it does what this one does.
    pub(super) fn is(&self, trigger: &Trigger) -> bool {
        self.table == trigger.table
            && self.event == trigger.event.keyword()
            && self.timing == trigger.timing
            && self.body == trigger.body
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
        let layout = self.layout();
        let mut lease = self.lease().await?;
        let there = within(ANSWER_WITHIN, installed(lease.connection())).await?;
        lease.keep();
        let wanted = wanted(&layout).into_iter();
        let missing = wanted.filter(|trigger| !there.get(&trigger.name).is_some_and(|it| it.is(trigger)));
        Ok(missing.map(|trigger| trigger.name).collect())
    }
}

#[cfg(test)]
mod tests {
    use migrations::{ENTITIES, Entity, Kind};

    use super::*;

    fn trigger(table: &str, event: Event) -> Trigger {
        capture(Layout::of_ours().table(migrations::entity(table).unwrap()).unwrap(), event)
    }

    #[test]
    fn every_replicated_table_has_three_and_no_other_table_has_any() {
        let replicated = ENTITIES.iter().filter(|entity| entity.is_replicated()).count();
        let all = wanted(&Layout::of_ours());
        assert_eq!(all.len(), 3 * replicated);
        assert!(all.iter().all(|trigger| trigger.table != "schema_migrations"));
    }

    #[test]
    fn names_and_keys_fit_their_columns() {
        for trigger in wanted(&Layout::of_ours()) {
            assert!(trigger.name.len() <= 64, "{}", trigger.name);
            let entity = migrations::entity(&trigger.table).unwrap();
            let key: usize = entity.primary_key.iter().map(|column| longest(entity, column)).sum();
            assert!(key < entity.primary_key.len() + 512, "{}", entity.name);
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
            let body = trigger("clients", event).body;
            assert!(body.contains("NEW.`id`"), "{body}");
            for column in migrations::entity("clients").unwrap().columns.iter().filter(|c| c.name != "id") {
                assert!(!body.contains(&format!(".`{}`", column.name)), "{body}");
            }
        }
    }

    #[test]
    fn a_composite_key_is_joined_as_text() {
        let body = trigger("session_tags", Event::Insert).body;
        assert!(body.contains("CONCAT_WS(CHAR(31 USING utf8mb4), NEW.`session_id`, NEW.`tag_id`)"));
    }

    #[test]
    fn the_insert_trigger_in_full() {
        assert_eq!(
            trigger("tags", Event::Insert).create(),
            "CREATE OR REPLACE TRIGGER `ct_sync_tags_insert` AFTER INSERT ON `tags` FOR EACH ROW INSERT INTO \
             ct_sync_outbox (tbl, pk, op, origin, time_us, image) VALUES ('tags', NEW.`id`, 'I', @ct_sync_origin, \
             COALESCE(@ct_sync_time, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))), NULL)"
        );
    }
}
