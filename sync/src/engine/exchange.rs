//! Between central's terms and the replica's: feed rows become incoming rows, a flight becomes a batch, a receipt
//! becomes what each row of the flight has settled to.

use crate::central::{
    Batch, CentralError, FeedRow, FeedState as There, ItemOutcome, Known, PushItem, PushState, Receipt, RefusalKind,
};
use crate::local::{FeedState as Here, Flight, Incoming, MISSING_PARENT, Refusal, Settled};
use merge::RowId;

/// A row of the feed, for the replica.
pub(super) fn incoming(row: FeedRow) -> Incoming {
    Incoming { id: row.id, seq: row.seq, time: row.time, state: state_here(row.state) }
}

/// A row's state, for the replica.
pub(super) fn state_here(state: There) -> Here {
    match state {
        There::Present(row) => Here::Present(row),
        There::Deleted { image } => Here::Deleted(image),
        There::Unreadable { column, reason } => Here::Unreadable { column: column.to_owned(), reason },
    }
}

/// The batch that a flight is sent as.
pub(super) fn batch(flight: &Flight, replica_id: &str, cursor: u64, known: Known) -> Batch {
    let items = flight.items.iter().map(|item| PushItem {
        id: item.entry.id.clone(),
        base: item.entry.base.clone(),
        local: match &item.image {
            Some(row) => PushState::Present(row.clone()),
            None => PushState::Deleted { image: item.entry.base.clone() },
        },
        time: item.entry.time,
    });
    Batch { replica_id: replica_id.to_owned(), batch_no: flight.batch_no, cursor, known, items: items.collect() }
}

/// What each row of the batch has settled to.
pub(super) fn settled(receipt: Receipt) -> Vec<(RowId, Settled)> {
    let outcomes = receipt.outcomes.into_iter();
    outcomes
        .map(|(id, outcome)| {
            let settled = match outcome {
                ItemOutcome::Agreed { row, conflicts } => Settled::Agreed { row, conflicts },
                ItemOutcome::Refused(refusal) => Settled::Refused(explained(&id, refusal)),
            };
            (id, settled)
        })
        .collect()
}

/// What would be settled if outcomes were not told apart.
pub(super) fn as_sent(flight: &Flight) -> Vec<(RowId, Settled)> {
    let items = flight.items.iter();
    items
        .map(|item| (item.entry.id.clone(), Settled::Agreed { row: item.image.clone(), conflicts: Vec::new() }))
        .collect()
}

/// What a flight of one row has settled to that could not be done: another transaction at central holds the row, or what
/// becomes of it is larger than central takes. It waits by itself, and the rows behind it go. It is tried again after a
/// while, and when it changes there.
pub(super) fn held(flight: &Flight, error: &CentralError) -> Receipt {
    let refused = || {
        let kind = if matches!(error, CentralError::TooBig) { RefusalKind::TooBig } else { RefusalKind::Other };
        ItemOutcome::Refused(crate::central::Refusal { kind, code: 0, message: error.to_string() })
    };
    let outcomes = flight.items.iter().map(|item| (item.entry.id.clone(), refused()));
    Receipt { batch_no: flight.batch_no, outcomes: outcomes.collect() }
}

/// A refusal in words, with what would help.
fn explained(id: &RowId, refusal: crate::central::Refusal) -> Refusal {
    let table = id.entity.name;
    let (mut because_of, mut because_table) = (None, None);
    let (kind, hint) = match refusal.kind {
        RefusalKind::Unique { columns, existing } => {
            let columns = columns.join(", ");
            let holder =
                existing.as_ref().map_or_else(|| "another row".to_owned(), |row| format!("the row {}", row.key));
            because_of = existing;
            (
                "unique key",
                format!("{holder} of {table} holds the same {columns} at central: change or delete one of the two"),
            )
        }
        RefusalKind::MissingParent { column, parent } => {
            because_of = Some(parent.clone());
            (
                MISSING_PARENT,
                format!("{column} refers to {parent}, which central does not have; it goes when that one is there"),
            )
        }
        RefusalKind::HasChildren { child } => {
            because_table = migrations::entity(&child).map(|child| child.name);
            ("has children", format!("rows of {child} refer to it at central: delete or move those first"))
        }
        RefusalKind::Check { name } => {
            ("check", format!("correct the value that {name} is about, or drop that condition of {table} at central"))
        }
        RefusalKind::TooLong { column } => {
            ("too long", format!("shorten {column}, or make that column of {table} longer at central"))
        }
        RefusalKind::BadValue { column } if column.is_empty() => {
            ("bad value", format!("compare the row with the columns of {table} at central"))
        }
        RefusalKind::BadValue { column } => {
            ("bad value", format!("correct {column}, or the type of that column of {table} at central"))
        }
        RefusalKind::Foreign { column } => (
            "foreign column",
            format!("give the column {column} of the table of {table} at central a default, or let it be NULL"),
        ),
        RefusalKind::TooBig => ("too big", "shorten the row, or raise max_allowed_packet at central".to_owned()),
        RefusalKind::Unreadable { column } => ("unreadable", format!("correct {column} of this row at central")),
        RefusalKind::Other => {
            ("other", "see the reason; it is tried again by itself, or: claudetools sync quarantine retry".to_owned())
        }
    };
    Refusal { kind, reason: refusal.message, hint, because_of, because_table }
}
