//! The policy: what each side did to a row, and what follows from the two.
//!
//! What the catalogue leaves open:
//!
//! - **A touch is no edit.** A change of nothing but counters and largest or smallest values (`last_seen_at`,
//!   `usage_count`, `updated_at`) is what machines do by themselves. Against a delete it counts for nothing, and leaves
//!   no conflict: a heartbeat must not bring back a machine that its user removed.
//! - **A row that vanished was deleted.** A side that holds neither the agreed row nor a tombstone lost it to something
//!   that leaves none: a cascade inside the engine, a TRUNCATE, an expired tombstone.
//! - **A row made again under a deleted key.** Ids derived from names, and links, whose key is all they are, return under
//!   the same id. Where a delete wins over edits, the later of delete and creation stands: a label that one machine took
//!   off may be put on again by another that has not heard of it.
//! - **A row of an append-only table that travels one way** belongs to central once it is there. The replica may prune its
//!   copy, and may still fill a late column; any other change of it is given up.

use migrations::{Class, Direction, Entity, MergeRule};

use crate::{Input, Row, Side};

/// What one side did to a row since both agreed on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Never had it.
    Absent,
    /// Holds what was agreed.
    Unchanged,
    /// Holds a row that was never agreed on.
    Created,
    /// Changed counters and largest or smallest values only.
    Touched,
    /// Changed something that a person may have meant.
    Edited,
    /// Had it, and has it no more.
    Deleted,
}

impl Change {
    /// The change that leads from the agreed row to what the side has.
    pub fn of(base: Option<&Row>, side: &Side<'_>) -> Self {
        match (base, side) {
            (None, Side::Absent) => Change::Absent,
            (None, Side::Present { .. }) => Change::Created,
            (Some(base), Side::Present { row, .. }) if *row == base => Change::Unchanged,
            (Some(base), Side::Present { row, .. }) if is_touch(base, row) => Change::Touched,
            (Some(_), Side::Present { .. }) => Change::Edited,
            (_, Side::Deleted { .. }) | (Some(_), Side::Absent) => Change::Deleted,
        }
    }
}

fn is_touch(base: &Row, row: &Row) -> bool {
    let pairs = base.values().iter().zip(row.values());
    pairs.zip(row.entity().columns).all(|((before, after), column)| before == after || moves_by_itself(column.merge))
}

/// True for columns that machines move without anybody's intent.
pub(crate) fn moves_by_itself(rule: MergeRule) -> bool {
    match rule {
        MergeRule::Max | MergeRule::Min | MergeRule::Counter => true,
        MergeRule::Lww | MergeRule::Set => false,
    }
}

/// What follows from the changes of both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Case {
    /// Nothing changed.
    Settled,
    /// Only the replica changed: central takes its row.
    Upload,
    /// Only central changed: the replica takes its row.
    Download,
    /// Both hold a row that the other has not seen: merged column by column.
    Merge,
    /// Neither holds it any more; there is only bookkeeping to end.
    Gone,
    /// One side deleted what the other left alone.
    Delete,
    /// One side deleted what the other edited, and the edit stands.
    Revive,
    /// One side deleted what the other edited, and the delete stands; the edited row goes to the conflict record.
    Bury,
    /// The replica changed what only central may write: central's state stands.
    Overrule,
    /// Both hold a row that is written once: central's stands, but for late columns that it lacks.
    WrittenOnce,
    /// The sides may differ, and nothing is written: what only central keeps of an append-only table, such as rows that
    /// the replica pruned or that another machine wrote, and tables that do not travel. The outcome tells what central has.
    Left,
}

impl Case {
    /// The case of one row.
    pub fn of(input: &Input<'_>) -> Self {
        let entity = input.id.entity;
        let local = Change::of(input.base, &input.local);
        let remote = Change::of(input.base, &input.remote);
        policy(entity.sync.direction, delete_stands(entity), is_made_again(input), local, remote)
    }
}

/// The one place where it is written what happens to a row.
///
/// Total on purpose: pairs that no single base can lead to (created here, unchanged there) have the meaning of their
/// neighbours, so that there is no arm which must never be reached.
fn policy(direction: Direction, delete_stands: bool, made_again: bool, local: Change, remote: Change) -> Case {
    use Change::{Absent, Created, Deleted, Edited, Touched, Unchanged};
    use Direction::{Pull, Push};
    match (direction, local, remote) {
        // Tables that travel one way, where they differ from the others.
        (Direction::None, ..) | (Push, Absent | Deleted, _) => Case::Left,
        (Push, Created | Touched | Edited, Unchanged | Created | Touched | Edited)
        | (Push, Unchanged, Created | Touched | Edited) => Case::WrittenOnce,
        (Pull, Created | Touched | Edited, _) | (Pull, Deleted, Unchanged | Created | Touched | Edited) => {
            Case::Overrule
        }

        // One side, or none, did something.
        (_, Absent | Unchanged, Absent | Unchanged) => Case::Settled,
        (_, Created | Touched | Edited, Absent | Unchanged) => Case::Upload,
        (_, Absent | Unchanged, Created | Touched | Edited) => Case::Download,

        // Both have a row.
        (_, Created | Touched | Edited, Created | Touched | Edited) => Case::Merge,

        // At least one side has none.
        (_, Deleted, Deleted | Absent) | (_, Absent, Deleted) => Case::Gone,
        (_, Deleted, Unchanged | Touched) | (_, Unchanged | Touched, Deleted) => Case::Delete,
        (_, Deleted, Edited) | (_, Edited, Deleted) if delete_stands => Case::Bury,
        (_, Deleted, Created) | (_, Created, Deleted) if delete_stands && !made_again => Case::Bury,
        (_, Deleted, Created | Edited) | (_, Created | Edited, Deleted) => Case::Revive,
    }
}

/// True where a delete wins over a concurrent edit: logs, links, and the coordination tables, in which a row that comes
/// back (a lock, a message) does more harm than one that is lost.
fn delete_stands(entity: &Entity) -> bool {
    matches!(entity.sync.class, Class::Log | Class::Junction) || entity.name.starts_with("coord_")
}

/// True when one side holds a row that is later than the other's tombstone. With equal times the delete is the later.
fn is_made_again(input: &Input<'_>) -> bool {
    match (&input.local, &input.remote) {
        (Side::Present { time: made, .. }, Side::Deleted { time: deleted, .. })
        | (Side::Deleted { time: deleted, .. }, Side::Present { time: made, .. }) => made > deleted,
        _ => false,
    }
}
