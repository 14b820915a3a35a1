//! Removes what a setup probe saved: its conversations, its project and every row that hangs on them. Runs in the
//! daemon, which owns the replica.

use merge::{Key, Value};
use migrations::{ENTITIES, Entity};
use rusqlite::OptionalExtension;
use sync::StoreError;
use sync::local::WriteTx;

use super::probe::FOLDER_PREFIX;

/// Removes the projects of these conversations (client's session ids) with all that belongs to them; gives the number
/// of rows. Refuses when a project is not a probe's.
pub(crate) fn forget(tx: &mut WriteTx<'_>, conversations: &[String]) -> Result<u64, StoreError> {
    let mut removed = 0;
    for conversation in conversations {
        let Some(slug) = project_of(tx, conversation)? else { continue };
        if !slug.contains(FOLDER_PREFIX) {
            return Err(StoreError::other(format!("the project {slug} is no probe's; nothing was removed")));
        }
        let projects = entity("projects")?;
        let project = tx.find(projects, "slug", &Value::from(slug))?;
        if let Some(project) = project {
            removed += remove_with_children(tx, projects, &project.key())?;
        }
        for table in ["ct_hook_turns", "ct_injected", "ct_hook_sessions"] {
            let sql = format!("DELETE FROM {table} WHERE claude_session_id = ?1");
            tx.connection().execute(&sql, [conversation])?;
        }
    }
    Ok(removed)
}

fn project_of(tx: &WriteTx<'_>, conversation: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT project_slug FROM ct_hook_sessions WHERE claude_session_id = ?1";
    Ok(tx.connection().query_row(sql, [conversation], |row| row.get(0)).optional()?)
}

fn entity(name: &'static str) -> Result<&'static Entity, StoreError> {
    migrations::entity(name).ok_or_else(|| StoreError::other(format!("the catalogue has no {name}")))
}

/// Children first, as the references demand.
fn remove_with_children(tx: &mut WriteTx<'_>, entity: &'static Entity, key: &Key) -> Result<u64, StoreError> {
    let mut removed = 0;
    for child in ENTITIES.iter().copied() {
        for reference in child.foreign_keys.iter().filter(|reference| reference.references == entity.name) {
            for row in tx.find_all(child, reference.column, &Value::from(key.as_str()))? {
                removed += remove_with_children(tx, child, &row.key())?;
            }
        }
    }
    Ok(removed + u64::from(tx.delete(entity, key)?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use merge::Row;
    use sync::{Store, SystemClock};

    use super::*;

    fn store_with(slug: &'static str) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
        let made = store.write(move |tx| {
            let [project, session, item] = ["project", "session", "item"].map(|name| sync::local::derived_id("test", name));
            let row = |name| Row::new(migrations::entity(name).unwrap());
            tx.put(row("projects").with("id", project.clone()).with("slug", slug).with("name", "probe"))?;
            tx.put(row("sessions").with("id", session.clone()).with("project_id", project))?;
            let item = row("work_items").with("id", item).with("session_id", session).with("category", "development");
            tx.put(item.with("title", "x").with("description", "x"))?;
            let sql = "INSERT INTO ct_hook_sessions (claude_session_id, project_slug, cwd, transcript_offset, copied_until_us,
                         turns, last_event_us, ended_us, transcript_due) VALUES ('c1', ?1, '/x', 0, 0, 0, 1, 0, 0)";
            tx.connection().execute(sql, [slug])?;
            Ok(())
        });
        made.unwrap();
        (folder, store)
    }

    fn left(store: &Store) -> i64 {
        let sql = "SELECT (SELECT count(*) FROM projects) + (SELECT count(*) FROM sessions) + (SELECT count(*) FROM work_items)
                   + (SELECT count(*) FROM ct_hook_sessions)";
        store.read(|tx| Ok(tx.connection().query_row(sql, [], |row| row.get(0))?)).unwrap()
    }

    #[test]
    fn a_probe_leaves_nothing() {
        let (_folder, store) = store_with("local/setup-probe-1");
        assert_eq!(left(&store), 4);
        let removed = store.write(|tx| forget(tx, &["c1".into(), "unknown".into()])).unwrap();
        assert_eq!((removed, left(&store)), (3, 0));
    }

    #[test]
    fn a_real_project_is_refused() {
        let (_folder, store) = store_with("github.com/me/mine");
        assert!(store.write(|tx| forget(tx, &["c1".into()])).is_err());
        assert_eq!(left(&store), 4);
    }
}
