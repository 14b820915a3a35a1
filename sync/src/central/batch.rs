//! What a replica sends: rows that changed here, each with what both sides last agreed on.

use merge::{HybridTime, Row, RowId, Value, encode};
use sha2::{Digest, Sha256};

/// One transaction's worth of changes.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The sender.
    pub replica_id: String,
    /// Greater than that of every earlier batch of this replica that was pushed or resolved.
    pub batch_no: u64,
    /// How far this replica has pulled: a delete at central above it is news to the sender, one below it was known when
    /// the rows were changed.
    pub cursor: u64,
    /// The central that this replica knows: another one takes nothing of the batch.
    pub known: Known,
    /// The rows, each at most once, in any order.
    pub items: Vec<PushItem>,
}

/// What a replica knows of the central that it reconciles with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The name of its numbering; None before the first pull.
    pub epoch: Option<String>,
    /// The last batch of this replica whose receipt was read; 0 for none.
    pub acknowledged: u64,
}

/// One changed row.
#[derive(Clone, Debug)]
pub struct PushItem {
    /// Which row.
    pub id: RowId,
    /// The row as both sides last agreed on it; None when they never did.
    pub base: Option<Row>,
    /// The row as it is here.
    pub local: PushState,
    /// When it last changed here. Central takes a stamp from its future as now.
    pub time: HybridTime,
}

/// A row at the sender.
#[derive(Clone, Debug)]
pub enum PushState {
    /// The row.
    Present(Row),
    /// It was deleted.
    Deleted {
        /// The row as it was then, when that is known.
        image: Option<Row>,
    },
}

impl PushState {
    /// The row, unless it was deleted.
    pub fn row(&self) -> Option<&Row> {
        match self {
            Self::Present(row) => Some(row),
            Self::Deleted { .. } => None,
        }
    }
}

/// How much central takes at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows of a batch.
    pub rows: usize,
    /// Bytes of a batch, by [`Limits::bytes_of`].
    pub bytes: usize,
    /// Bytes of a single row; a larger one is refused as [`TooBig`](super::RefusalKind::TooBig).
    pub row_bytes: usize,
}

/// Most rows of a batch: larger ones hold locks for too long.
pub(super) const MOST_ROWS: usize = 500;
/// Most bytes of a batch.
const MOST_BYTES: usize = 4 << 20;
/// What the protocol adds to a row's values: lengths, types, the statement.
const PACKET_OVERHEAD: usize = 16 << 10;

impl Limits {
    /// The limits of a server with this `max_allowed_packet`, in bytes.
    pub(super) fn of_packet(max_allowed_packet: u64) -> Self {
        let packet = usize::try_from(max_allowed_packet).unwrap_or(usize::MAX);
        Self {
            rows: MOST_ROWS,
            bytes: MOST_BYTES.min(packet / 4),
            row_bytes: packet.saturating_sub(PACKET_OVERHEAD).min((16 << 20) - PACKET_OVERHEAD),
        }
    }

    /// Bytes that a changed row takes on its way to central; for filling a batch up to `bytes`.
    pub fn bytes_of(item: &PushItem) -> usize {
        item.id.key.as_str().len() + item.local.row().map_or(0, bytes_of_row)
    }
}

pub(super) fn bytes_of_row(row: &Row) -> usize {
    row.values()
        .iter()
        .map(|value| match value {
            Value::Null => 1,
            Value::Int(_) => 24,
            Value::Text(text) => text.len() + 9,
            Value::Blob(bytes) => bytes.len() + 9,
        })
        .sum()
}

impl Batch {
    /// Tells two batches of one number apart, whatever the order of their items: 32 bytes.
    pub(super) fn digest(&self) -> Vec<u8> {
        let mut items: Vec<&PushItem> = self.items.iter().collect();
        items.sort_by(|a, b| a.id.cmp(&b.id));
        let mut hash = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        for item in items {
            field(item.id.entity.name.as_bytes());
            field(item.id.key.as_str().as_bytes());
            field(&item.local.row().map(encode).unwrap_or_default());
            field(&item.time.0.to_le_bytes());
        }
        hash.finalize().to_vec()
    }
}
