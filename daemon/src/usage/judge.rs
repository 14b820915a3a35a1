//! Whether what a conversation was given was of use, once the assistant has answered.
//!
//! A memory is told by its marks ([`recall::used`]) in the answer, in commands and in changes of files; its id in any of
//! them shows it too. One that is not used now may be with a later answer of the same conversation.

use merge::Key;
use migrations::Entity;
use migrations::catalogue::{CONTEXT_SNIPPETS, CONVERSATION_CONTEXTS, PROBLEM_SOLUTIONS};
use recall::used::{is_used, said, unpacked};
use sync::local::{ReadTx, WriteTx, decompress};
use sync::{Store, StoreError, datetime_text};

use super::days::{self, More};

/// Diffs of one turn that are looked at, and bytes of each.
const DIFFS: i64 = 50;
const DIFF_BYTES: usize = 64 << 10;
/// The tables that count uses of their rows, with the columns of how many and of the last.
const COUNTED: [(&Entity, &str, &str); 3] = [
    (CONVERSATION_CONTEXTS, "usage_count", "last_used_at"),
    (CONTEXT_SNIPPETS, "usage_count", "last_used_at"),
    (PROBLEM_SOLUTIONS, "times_reused", "last_reused_at"),
];

/// What the assistant said and did in a turn.
#[derive(Debug, Clone)]
pub(crate) struct Spoken {
    /// The client's session id.
    pub(crate) conversation: String,
    /// `work_items.id` of the turn, when it is known.
    pub(crate) work_item: Option<String>,
    /// What was asked.
    pub(crate) prompt: String,
    pub(crate) answer: String,
}

/// A memory whose use is told now.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Used {
    injection: i64,
    table: String,
    id: String,
    project: String,
    given_us: u64,
}

/// Judges what the conversation was given; returns how many memories were used that were not before.
pub(crate) async fn judge(store: &Store, spoken: Spoken) -> Result<u64, StoreError> {
    let used = store.read_async(move |tx| used(tx, &spoken)).await?;
    if used.is_empty() {
        return Ok(0);
    }
    store.write_async(move |tx| note(tx, &used)).await
}

fn used(tx: &ReadTx<'_>, spoken: &Spoken) -> Result<Vec<Used>, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        "SELECT m.injection, m.source_table, m.source_id, i.project, i.at_us, m.marks
           FROM ct_injections i JOIN ct_injected_memories m ON m.injection = i.id
          WHERE i.claude_session_id = ?1 AND m.used_us IS NULL",
    )?;
    let rows = statement.query_map([&spoken.conversation], |row| {
        let given_us = row.get::<_, i64>(4)?.cast_unsigned();
        let one = Used { injection: row.get(0)?, table: row.get(1)?, id: row.get(2)?, project: row.get(3)?, given_us };
        Ok((one, row.get::<_, Vec<u8>>(5)?))
    })?;
    let open: Vec<(Used, Vec<u8>)> = rows.collect::<Result<_, _>>()?;
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let mut text = spoken.answer.clone();
    if let Some(work_item) = &spoken.work_item {
        told_to_tools(tx, work_item, &mut text)?;
    }
    // What the person said, the assistant may only repeat.
    let words = said(&text).but(&said(&spoken.prompt));
    let shows = |used: &Used, marks: &[u8]| text.contains(&used.id) || is_used(&unpacked(marks), &words);
    Ok(open.into_iter().filter(|(used, marks)| shows(used, marks)).map(|(used, _)| used).collect())
}

/// Commands, paths and changes of a turn.
fn told_to_tools(tx: &ReadTx<'_>, work_item: &str, text: &mut String) -> Result<(), StoreError> {
    let db = tx.connection();
    let mut commands = db.prepare_cached("SELECT command_text FROM command_runs WHERE work_item_id = ?1")?;
    for command in commands.query_map([work_item], |row| row.get::<_, String>(0))? {
        text.push('\n');
        text.push_str(&command?);
    }
    let mut files =
        db.prepare_cached("SELECT file_path, diff_zst FROM file_changes WHERE work_item_id = ?1 LIMIT ?2")?;
    let rows =
        files.query_map((work_item, DIFFS), |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<Vec<u8>>>(1)?)))?;
    for row in rows {
        let (path, diff) = row?;
        text.push('\n');
        text.push_str(&path);
        let Some(diff) = diff else { continue };
        let diff = decompress(&diff)?;
        // What was taken away was there before.
        let added = String::from_utf8_lossy(&diff[..diff.len().min(DIFF_BYTES)]);
        added.lines().filter(|line| line.starts_with('+')).for_each(|line| {
            text.push('\n');
            text.push_str(line);
        });
    }
    Ok(())
}

/// Enters uses, each once: another answer may have been judged meanwhile.
fn note(tx: &mut WriteTx<'_>, used: &[Used]) -> Result<u64, StoreError> {
    let now_us = tx.now_us();
    let mut noted = 0;
    for one in used {
        let sql = "UPDATE ct_injected_memories SET used_us = ?1
                    WHERE injection = ?2 AND source_table = ?3 AND source_id = ?4 AND used_us IS NULL";
        let is_new =
            tx.connection().prepare_cached(sql)?.execute((now_us.cast_signed(), one.injection, &one.table, &one.id))?
                == 1;
        if is_new {
            days::add(tx.connection(), &one.project, one.given_us, More { used: 1, ..More::default() })?;
            count(tx, one, now_us)?;
            noted += 1;
        }
    }
    Ok(noted)
}

/// One more use of the memory itself, where its table counts them.
fn count(tx: &mut WriteTx<'_>, memory: &Used, now_us: u64) -> Result<(), StoreError> {
    let Some((table, uses, last)) = COUNTED.into_iter().find(|(table, _, _)| table.name == memory.table) else {
        return Ok(());
    };
    let Some(mut row) = tx.get(table, &Key::new(memory.id.as_str()))? else { return Ok(()) };
    let more = row.int(uses).unwrap_or(0).saturating_add(1).min(i32::MAX.into());
    row.set(uses, more).set(last, datetime_text(now_us));
    tx.put(row)
}
