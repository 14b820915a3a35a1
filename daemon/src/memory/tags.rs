//! The index of tags against the tags that rows carry: triggers keep it with every write, whoever writes; here it is compared,
//! and made anew when it was damaged.

use sync::StoreError;
use sync::local::{ReadTx, WriteTx};

/// The tables whose rows carry tags.
const TABLES: [&str; 4] = ["conversation_contexts", "context_snippets", "decision_logs", "problem_solutions"];

/// All tags as the rows carry them.
fn carried() -> String {
    let of = |table: &str| {
        format!(
            "SELECT '{table}' AS source_table, row.id AS source_id, tag.value AS tag
               FROM {table} AS row, json_each(iif(json_valid(row.tags), row.tags, '[]')) AS tag
              WHERE row.tags IS NOT NULL AND tag.type = 'text'"
        )
    };
    TABLES.map(of).join(" UNION ")
}

/// Entries that are missing or too many; what waits to be indexed is neither.
pub(crate) fn differences(tx: &ReadTx<'_>) -> Result<u64, StoreError> {
    let (carried, held) = (carried(), "SELECT source_table, source_id, tag FROM context_tags");
    let sql = format!(
        "WITH carried AS ({carried})
         SELECT count(*) FROM (SELECT * FROM (SELECT * FROM carried EXCEPT {held})
                               UNION ALL SELECT * FROM ({held} EXCEPT SELECT * FROM carried)) AS odd
          WHERE NOT EXISTS (SELECT 1 FROM ct_memory_queue AS queue
                             WHERE queue.source_table = odd.source_table AND queue.source_id = odd.source_id)"
    );
    Ok(tx.connection().prepare(&sql)?.query_row([], |row| row.get(0))?)
}

/// Makes it anew; how many entries it has then.
pub(crate) fn rebuild(tx: &WriteTx<'_>) -> Result<u64, StoreError> {
    let db = tx.connection();
    db.execute("DELETE FROM context_tags", [])?;
    let sql = format!("INSERT OR IGNORE INTO context_tags (source_table, source_id, tag) {}", carried());
    Ok(db.execute(&sql, [])? as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::capture::tests::desk::Desk;

    #[tokio::test]
    async fn what_differs_is_found_and_put_right() {
        let desk = Desk::new();
        let write = json!({"prompt_id": "p1", "tool_name": "Write", "tool_use_id": "t",
                           "tool_input": {"file_path": "src/login.rs", "content": "x"}, "tool_response": {}});
        desk.prompt("s1", "p1", "Fix OPS-412 of the django app").await;
        desk.fire("PostToolUse", "s1", write).await;
        desk.fire("Stop", "s1", json!({"prompt_id": "p1", "last_assistant_message": "Done."})).await;
        assert_eq!(
            desk.column("SELECT tag FROM context_tags ORDER BY tag"),
            ["django", "login.rs", "ops-412", "rust"],
            "a memory gets tags by itself"
        );
        let differing = || desk.store.read(differences).unwrap();
        assert_eq!(differing(), 0);
        desk.sql(
            "DELETE FROM context_tags WHERE tag = 'rust'; INSERT INTO context_tags VALUES ('decision_logs', 'x', 'y');",
        );
        assert_eq!(differing(), 2);
        assert_eq!(desk.store.write(|tx| rebuild(tx)).unwrap(), 4);
        assert_eq!(differing(), 0);
        // A tag that a person gave stays when the turn goes on, and a plain SQL writer's are followed.
        desk.sql("UPDATE conversation_contexts SET tags = '[\"mine\"]'");
        desk.fire("Stop", "s1", json!({"prompt_id": "p1", "last_assistant_message": "Done again."})).await;
        assert!(desk.column("SELECT tag FROM context_tags").contains(&"mine".to_owned()));
        assert_eq!(differing(), 0);
    }
}
