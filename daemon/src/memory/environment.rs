//! What is known of a client's environment: its insights, and the failures that recur on its assets. They are no memories
//! of a conversation, so the index does not hold them; there are few of them.

use recall::budget::tokens;
use recall::score::Parts;
use recall::terms;
use sync::StoreError;
use sync::local::ReadTx;

use super::hit::Hit;

/// Rows that are looked through, the weightiest first.
const LOOKED_AT: usize = 500;

const KNOWN: &str = "
    SELECT 'environmental_insights', id, category, title, description, created_at, updated_at, priority
      FROM environmental_insights WHERE client_id = ?1
    UNION ALL
    SELECT 'failure_patterns', pattern.id, 'failure pattern', pattern.title,
           coalesce(pattern.error_pattern || ': ', '') || pattern.recommended_solution,
           pattern.created_at, pattern.updated_at,
           CASE pattern.severity WHEN 'blocking' THEN 9 WHEN 'major' THEN 7 WHEN 'info' THEN 3 ELSE 5 END
      FROM failure_patterns AS pattern JOIN infrastructure AS asset ON asset.id = pattern.infrastructure_id
     WHERE pattern.is_active AND asset.client_id = ?1
    ORDER BY 8 DESC, 7 DESC LIMIT ?2";

/// What is known of the environment of a project's client and has to do with a text: those with most of its terms first.
/// Nothing for a project without a client.
pub fn environment(tx: &ReadTx<'_>, client: &str, text: &str) -> Result<Vec<Hit>, StoreError> {
    let wanted: Vec<String> = terms::query(text).iter().map(terms::Term::text).collect();
    let mut statement = tx.connection().prepare_cached(KNOWN)?;
    let found = statement.query_map((client, LOOKED_AT), |row| {
        let text: String = row.get(4)?;
        Ok(Hit {
            source_table: row.get(0)?,
            source_id: row.get(1)?,
            kind: row.get(2)?,
            title: row.get(3)?,
            tokens: tokens(&text),
            text,
            project: None,
            machine: None,
            session_id: None,
            tags: None,
            created_at: row.get(5)?,
            updated_at: row.get(6)?,
            importance: f64::from(row.get::<_, i32>(7)?),
            usage_count: 0,
            same_project: false,
            found: Vec::new(),
            score: Parts::default(),
        })
    })?;
    let mut hits: Vec<Hit> = found.collect::<Result<_, _>>()?;
    for hit in &mut hits {
        let held = format!("{} {}", hit.title, hit.text).to_lowercase();
        hit.found = wanted.iter().filter(|term| held.contains(term.as_str())).cloned().collect();
    }
    hits.retain(|hit| wanted.is_empty() || !hit.found.is_empty());
    hits.sort_by_key(|hit| std::cmp::Reverse(hit.found.len()));
    Ok(hits)
}
