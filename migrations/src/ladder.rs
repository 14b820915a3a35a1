//! The ladder: numbered SQL steps, additive only, each applied once and recorded with its checksum.

/// One step of the ladder.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// 1, 2, 3 … without gaps.
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
];

/// Steps of central. Triggers are not here: they are generated from the catalogue at every `central init` and `migrate`.
pub const MARIADB: &[Step] = &[
    Step { version: 1, name: "schema", sql: include_str!("../mariadb/0001_schema.sql") },
    Step { version: 2, name: "sync", sql: include_str!("../mariadb/0002_sync.sql") },
];
