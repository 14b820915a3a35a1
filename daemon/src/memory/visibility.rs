//! Who may see which memory: the one place where that is decided.
//!
//! A caller in a project sees that project's memories. Memories of other projects, and of none, it sees only when they
//! belong to no client, or to the client of its own project: a client's memory is never shown in another client's
//! project, nor in a project without a client. A snippet's own client counts like its project's,
//! and so does the client of its session for a memory without a project.

use rusqlite::OptionalExtension;
use sync::StoreError;
use sync::local::ReadTx;

/// A memory elsewhere must be this much better to come before one of the caller's project.
pub(super) const ELSEWHERE: f32 = 0.7;
/// The bits of a memory's id below its scope, see `0003_memory.sql`.
const SCOPE_SHIFT: u32 = 32;

/// The scopes of the index that a caller may see.
#[derive(Debug)]
pub(super) struct Scopes {
    /// The caller's project, when it is known here.
    pub(super) project_id: Option<String>,
    /// Scopes of the caller's own project, sorted.
    pub(super) own: Vec<i64>,
    /// Sorted.
    visible: Vec<i64>,
}

impl Scopes {
    /// The scopes for a caller in the project of that slug, or in none.
    pub(super) fn of(tx: &ReadTx<'_>, project: Option<&str>) -> Result<Self, StoreError> {
        let db = tx.connection();
        let (project_id, client_id): (Option<String>, Option<String>) = db
            .prepare_cached("SELECT id, client_id FROM projects WHERE slug = ?1")?
            .query_row([project], |row| Ok((Some(row.get(0)?), row.get(1)?)))
            .optional()?
            .unwrap_or_default();
        let mut statement = db.prepare_cached(
            "SELECT scope.scope, scope.project_id IS ?1 AS own
               FROM ct_memory_scope AS scope LEFT JOIN projects AS project ON project.id = scope.project_id
              WHERE own
                 OR ((scope.client_id = '' OR scope.client_id = ?2)
                     AND (project.client_id IS NULL OR project.client_id = ?2))
              ORDER BY scope.scope",
        )?;
        let rows = statement.query_map((&project_id, &client_id), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut scopes = Self { project_id, own: Vec::new(), visible: Vec::new() };
        for row in rows {
            let (scope, own): (i64, bool) = row?;
            scopes.visible.push(scope);
            if own {
                scopes.own.push(scope);
            }
        }
        Ok(scopes)
    }

    /// All scopes that the caller may see.
    pub(super) fn all(&self) -> &[i64] {
        &self.visible
    }

    /// True when the caller may see that memory.
    pub(super) fn sees(&self, memory: i64) -> bool {
        holds(&self.visible, memory >> SCOPE_SHIFT)
    }

    /// What a memory of that scope counts: less in another project, nothing where the caller may not see it.
    pub(super) fn factor(&self, scope: u32) -> f32 {
        let scope = i64::from(scope);
        match holds(&self.visible, scope) {
            false => 0.0,
            true if holds(&self.own, scope) => 1.0,
            true => ELSEWHERE,
        }
    }

    /// True when the memory is of the caller's project.
    pub(super) fn owns(&self, memory: i64) -> bool {
        holds(&self.own, memory >> SCOPE_SHIFT)
    }

    /// The ids that a scope spans, both ends included.
    pub(super) fn range(scope: i64) -> (i64, i64) {
        (scope << SCOPE_SHIFT, (scope << SCOPE_SHIFT) | 0xffff_ffff)
    }
}

fn holds(scopes: &[i64], scope: i64) -> bool {
    scopes.binary_search(&scope).is_ok()
}
