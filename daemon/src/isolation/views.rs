//! The rule as views: one in front of each table, made of the catalogue.

use std::fmt::Write as _;
use std::sync::LazyLock;

use migrations::catalogue as tables;
use migrations::{ENTITIES, Entity, ForeignKey};

use super::refuses;

/// The ids of the clients that the caller is limited to.
pub(super) const ALLOWED: &str = "ct_allowed_clients";
/// The e-mail address of the caller.
pub(super) const CALLER: &str = "ct_caller";

/// What hangs on a project by its slug.
pub(super) const BY_SLUG: [&Entity; 3] =
    [tables::COORD_COMPONENT_STATES, tables::COORD_MESSAGES, tables::COORD_SESSION_LOCKS];

/// The statements that make all of them.
pub(super) static VIEWS: LazyLock<String> = LazyLock::new(|| {
    let mut sql = format!(
        "CREATE TEMP TABLE {ALLOWED} (id TEXT PRIMARY KEY) WITHOUT ROWID;\n\
         CREATE TEMP TABLE {CALLER} (email TEXT PRIMARY KEY) WITHOUT ROWID;\n"
    );
    for entity in ENTITIES {
        let (name, condition) = (entity.name, condition(entity));
        // Writing to a String cannot fail.
        let _ = writeln!(sql, "CREATE TEMP VIEW \"{name}\" AS SELECT * FROM main.\"{name}\" AS r WHERE {condition};");
    }
    sql.push_str(MEMORY_SCOPE);
    let _ = writeln!(
        sql,
        "CREATE TEMP VIEW ct_coord_claims AS SELECT * FROM main.ct_coord_claims AS r WHERE {BY_PROJECT};"
    );
    for table in HELD_BACK {
        let _ = writeln!(sql, "CREATE TEMP VIEW {table} AS SELECT * FROM main.{table} WHERE 0;");
    }
    sql
});

/// Bookkeeping of this machine that holds rows, or words of them, of any client.
const HELD_BACK: [&str; 18] = [
    "ct_auth_noted",
    "ct_auth_refresh",
    "ct_commands",
    "ct_forget_central",
    "ct_forget_due",
    "ct_hook_events",
    "ct_hook_rejected",
    "ct_hook_sessions",
    "ct_hook_turns",
    "ct_injected",
    "ct_sync_aliases",
    "ct_sync_conflicts",
    "ct_sync_dirty",
    "ct_sync_inflight",
    "ct_sync_parked",
    "ct_sync_quarantine",
    "ct_sync_unheard",
    "ct_time_drafts",
];

/// The index of memories knows its rows by project and client, with an empty text for none.
const MEMORY_SCOPE: &str = "CREATE TEMP VIEW ct_memory_scope AS SELECT * FROM main.ct_memory_scope AS r
 WHERE (r.client_id = '' OR r.client_id IN (SELECT id FROM temp.ct_allowed_clients))
   AND (r.project_id = '' OR EXISTS (SELECT 1 FROM temp.projects v WHERE v.id = r.project_id));\n";

/// What holds for a row `r` that is seen.
fn condition(entity: &'static Entity) -> String {
    if refuses(entity) {
        return "0".to_owned();
    }
    if entity == tables::CLIENTS {
        return format!("r.id IN (SELECT id FROM temp.{ALLOWED})");
    }
    if entity == tables::CONTEXT_TAGS {
        let of = |table: &str| {
            format!(
                "(r.source_table = '{table}' AND EXISTS (SELECT 1 FROM temp.\"{table}\" v WHERE v.id = r.source_id))"
            )
        };
        let tagged = ["conversation_contexts", "context_snippets", "decision_logs", "problem_solutions"];
        return tagged.map(of).join(" OR ");
    }
    if BY_SLUG.contains(&entity) {
        return by_slug(entity);
    }
    let mut all: Vec<String> = followed(entity).map(seen).collect();
    if entity == tables::CREDENTIALS {
        let named = format!(
            "EXISTS (SELECT 1 FROM main.credential_permissions p WHERE p.credential_id = r.id \
               AND lower(p.user_id) = (SELECT email FROM temp.{CALLER}) \
               AND (p.expires_at IS NULL OR p.expires_at > strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')))"
        );
        all.push(format!("({} OR {named})", belongs(entity, "r", 0)));
    }
    if all.is_empty() { "1".to_owned() } else { all.join(" AND ") }
}

/// The references that lead to what a row belongs to.
pub(super) fn followed(entity: &'static Entity) -> impl Iterator<Item = &'static ForeignKey> {
    entity.foreign_keys.iter().filter(|key| key.references != entity.name)
}

/// A reference is empty, or leads to a row that is seen.
fn seen(key: &ForeignKey) -> String {
    let (column, parent) = (key.column, key.references);
    format!("(r.\"{column}\" IS NULL OR EXISTS (SELECT 1 FROM temp.\"{parent}\" v WHERE v.id = r.\"{column}\"))")
}

/// The project of that slug is seen. One that is not known here may be anybody's.
const BY_PROJECT: &str = "EXISTS (SELECT 1 FROM temp.projects v WHERE v.slug = r.project_key)";

fn by_slug(entity: &Entity) -> String {
    if entity == tables::COORD_MESSAGES {
        format!("({BY_PROJECT} OR (r.project_key IS NULL AND r.to_session IS NULL))")
    } else {
        BY_PROJECT.to_owned()
    }
}

/// The row of that name belongs to one of the caller's clients.
fn belongs(entity: &'static Entity, row: &str, depth: usize) -> String {
    let led = followed(entity).filter_map(|key| {
        let (column, parent) = (key.column, migrations::entity(key.references)?);
        if parent == tables::CLIENTS {
            return Some(format!("{row}.\"{column}\" IN (SELECT id FROM temp.{ALLOWED})"));
        }
        let (above, name) = (format!("a{depth}"), parent.name);
        let further = belongs(parent, &above, depth + 1);
        Some(format!(
            "EXISTS (SELECT 1 FROM main.\"{name}\" {above} WHERE {above}.id = {row}.\"{column}\" AND {further})"
        ))
    });
    let led: Vec<String> = led.collect();
    if led.is_empty() { "0".to_owned() } else { format!("({})", led.join(" OR ")) }
}
