//! What a decision starts from: one row, as agreed, as it is here and as it is at central.

use std::cmp::Ordering;
use std::fmt;

use crate::{HybridTime, Row, RowId};

/// One row to decide on.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// Which row.
    pub id: RowId,
    /// The row as both sides last agreed on it. None when they never did, when they agreed that it is gone, and when
    /// their agreement no longer counts because central was restored from a backup: rows are then uploaded again.
    pub base: Option<&'a Row>,
    /// The replica.
    pub local: Side<'a>,
    /// Central.
    pub remote: Side<'a>,
}

/// What one side has under a row's id, as far as the other does not know it.
#[derive(Clone, Copy, Debug)]
pub enum Side<'a> {
    /// Neither the row nor news of its end.
    Absent,
    /// The row.
    Present {
        /// Its current state.
        row: &'a Row,
        /// When it last changed on this side.
        time: HybridTime,
    },
    /// A tombstone that the other side has not seen. One that it has seen is [`Side::Absent`]: what it holds now, it made
    /// knowing of the delete.
    Deleted {
        /// The row as it was when it was deleted; None when the tombstone has no image.
        image: Option<&'a Row>,
        /// When it was deleted.
        time: HybridTime,
    },
}

impl<'a> Side<'a> {
    /// The row, when the side holds one.
    pub fn row(&self) -> Option<&'a Row> {
        match *self {
            Side::Present { row, .. } => Some(row),
            Side::Absent | Side::Deleted { .. } => None,
        }
    }

    /// What a tombstone remembers of the row.
    pub fn image(&self) -> Option<&'a Row> {
        match *self {
            Side::Deleted { image, .. } => image,
            Side::Absent | Side::Present { .. } => None,
        }
    }

    /// When the side last changed; zero when it has no trace of the row.
    pub(crate) fn time(&self) -> HybridTime {
        match *self {
            Side::Present { time, .. } | Side::Deleted { time, .. } => time,
            Side::Absent => HybridTime::default(),
        }
    }
}

/// A side, as the one whose value or whose delete stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Winner {
    /// The replica.
    Local,
    /// Central.
    Remote,
}

impl Winner {
    /// The side whose stamp is the later.
    pub(crate) fn of(local_to_remote: Ordering) -> Option<Self> {
        match local_to_remote {
            Ordering::Greater => Some(Winner::Local),
            Ordering::Less => Some(Winner::Remote),
            Ordering::Equal => None,
        }
    }

    /// The side that it won against.
    pub(crate) fn other(self) -> Self {
        match self {
            Winner::Local => Winner::Remote,
            Winner::Remote => Winner::Local,
        }
    }
}

/// The name under which it is recorded.
impl fmt::Display for Winner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Winner::Local => "local",
            Winner::Remote => "remote",
        })
    }
}
