//! The ladder: numbered SQL steps, additive only, each applied once and recorded with its checksum.

/// One step of the ladder.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Ascending. A number that was given up is never used again, so there may be gaps.
    pub version: u32,
    /// Its file's name without the number.
    pub name: &'static str,
    /// The SQL text; statements end with `;` at the end of a line.
    pub sql: &'static str,
}

/// Steps of the replica.
pub const SQLITE: &[Step] = &[
    Step { version: 1, name: "schema", sql: include_str!("../sqlite/0001_schema.sql") },
    Step { version: 2, name: "sync", sql: include_str!("../sqlite/0002_sync.sql") },
    Step { version: 3, name: "memory", sql: include_str!("../sqlite/0003_memory.sql") },
    Step { version: 4, name: "hooks", sql: include_str!("../sqlite/0004_hooks.sql") },
    Step { version: 5, name: "ledger", sql: include_str!("../sqlite/0005_ledger.sql") },
    Step { version: 9, name: "verify", sql: include_str!("../sqlite/0009_verify.sql") },
    Step { version: 10, name: "bulk", sql: include_str!("../sqlite/0010_bulk.sql") },
    Step { version: 11, name: "unheard", sql: include_str!("../sqlite/0011_unheard.sql") },
    Step { version: 12, name: "vault", sql: include_str!("../sqlite/0012_vault.sql") },
    Step { version: 13, name: "coord", sql: include_str!("../sqlite/0013_coord.sql") },
    Step { version: 14, name: "billing", sql: include_str!("../sqlite/0014_billing.sql") },
    Step { version: 15, name: "logins", sql: include_str!("../sqlite/0015_logins.sql") },
    Step { version: 16, name: "noted_users", sql: include_str!("../sqlite/0016_noted_users.sql") },
    Step { version: 18, name: "audit", sql: include_str!("../sqlite/0018_audit.sql") },
    Step { version: 19, name: "index", sql: include_str!("../sqlite/0019_index.sql") },
    Step { version: 20, name: "isolation", sql: include_str!("../sqlite/0020_isolation.sql") },
    Step { version: 21, name: "session_scope", sql: include_str!("../sqlite/0021_session_scope.sql") },
    Step { version: 23, name: "forgotten", sql: include_str!("../sqlite/0023_forgotten.sql") },
    Step { version: 24, name: "transcripts", sql: include_str!("../sqlite/0024_transcripts.sql") },
    Step { version: 25, name: "lessons", sql: include_str!("../sqlite/0025_lessons.sql") },
    Step { version: 26, name: "solutions", sql: include_str!("../sqlite/0026_solutions.sql") },
    Step { version: 27, name: "weights", sql: include_str!("../sqlite/0027_weights.sql") },
    Step { version: 28, name: "newest", sql: include_str!("../sqlite/0028_newest.sql") },
    Step { version: 29, name: "used", sql: include_str!("../sqlite/0029_used.sql") },
];

/// Steps of central. Triggers are not here: they are generated from the catalogue at every `central init` and `migrate`.
pub const MARIADB: &[Step] = &[
    Step { version: 1, name: "schema", sql: include_str!("../mariadb/0001_schema.sql") },
    Step { version: 2, name: "sync", sql: include_str!("../mariadb/0002_sync.sql") },
    Step { version: 3, name: "layout", sql: include_str!("../mariadb/0003_layout.sql") },
    Step { version: 7, name: "retention", sql: include_str!("../mariadb/0007_retention.sql") },
    Step { version: 12, name: "vault", sql: include_str!("../mariadb/0012_vault.sql") },
    Step { version: 17, name: "isolation", sql: include_str!("../mariadb/0017_isolation.sql") },
    Step { version: 19, name: "forgotten", sql: include_str!("../mariadb/0019_forgotten.sql") },
];

/// True for a column of central that a step after the first adds. A table that lacks it is an older one, not another
/// program's.
pub fn is_added_later(table: &str, column: &str) -> bool {
    let clause = format!("ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} ");
    MARIADB.iter().any(|step| step.sql.contains(&clause))
}

/// The statements of a step, in order, without the `;` and without the comment lines before each.
///
/// For engines that take one statement at a time. It splits at `;` at the end of a line and knows nothing else of SQL,
/// which is why the steps end every statement so and have no `;` at the end of another line.
pub fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split_inclusive(";\n").map(without_leading_comments).filter(|statement| !statement.is_empty())
}

fn without_leading_comments(text: &str) -> &str {
    let mut rest = text.trim();
    while rest.starts_with("--") {
        rest = rest.split_once('\n').map_or("", |(_, after)| after.trim_start());
    }
    rest.strip_suffix(';').unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_come_without_comments_and_separators() {
        let sql = "-- First.\n--\nCREATE TABLE a (\n  b TEXT, -- of a; not the end\n  c TEXT\n);\n\n-- Second; here.\nDROP TABLE a;\n-- The end.\n";
        let found: Vec<_> = statements(sql).collect();
        assert_eq!(found, ["CREATE TABLE a (\n  b TEXT, -- of a; not the end\n  c TEXT\n)", "DROP TABLE a"]);
    }

    #[test]
    fn the_last_statement_needs_no_line_after_it() {
        assert_eq!(statements("DROP TABLE a;").collect::<Vec<_>>(), ["DROP TABLE a"]);
        assert_eq!(statements("\n-- nothing\n").count(), 0);
    }

    #[test]
    fn versions_ascend_from_one() {
        for steps in [SQLITE, MARIADB] {
            assert_eq!(steps[0].version, 1);
            assert!(steps.is_sorted_by(|one, next| one.version < next.version));
        }
    }

    #[test]
    fn a_column_of_a_later_step_is_told_from_those_of_the_first() {
        assert!(is_added_later("users", "client_ids"));
        assert!(!is_added_later("users", "client_id") && !is_added_later("users", "email"));
    }

    #[test]
    fn every_statement_of_central_starts_with_a_verb() {
        for step in MARIADB {
            for statement in statements(step.sql) {
                let verb = statement.split_whitespace().next().unwrap();
                assert!(["CREATE", "ALTER", "INSERT"].contains(&verb), "step {}: {statement}", step.name);
            }
        }
    }

    #[test]
    fn the_steps_make_the_catalogues_tables_in_its_order() {
        let made = |steps: &[Step]| -> Vec<String> {
            let all = steps.iter().flat_map(|step| statements(step.sql));
            let all = all.filter_map(|s| s.strip_prefix("CREATE TABLE "));
            let names = all.map(|s| s.trim_start_matches("IF NOT EXISTS ").split_whitespace().next().unwrap());
            names.filter(|name| !name.starts_with("ct_")).map(str::to_owned).collect()
        };
        let all: Vec<_> = crate::ENTITIES.iter().map(|entity| entity.name).collect();
        let shared: Vec<_> = crate::ENTITIES.iter().filter(|entity| entity.on_mariadb).map(|e| e.name).collect();
        assert_eq!(made(SQLITE), all);
        assert_eq!(made(MARIADB), shared);
    }
}
