//! What people do by hand with what the engine set aside: try a refused row again, give it up, put a loser back.
//!
//! Each is an ordinary change of the replica; what central must be asked for (the state of a refused row, the last image
//! of a parent that is gone) is read through the engine's own connection.

use merge::{Row, RowId};
use serde::{Deserialize, Serialize};

use super::exchange::incoming;
use super::status::SyncError;
use super::{Command, EngineHandle};
use crate::central::{FeedRow, FeedState, Peer};
use crate::local::{self, Restored, StoreError};

/// Levels of parents that are asked for at central.
const MOST_LEVELS: usize = 16;

/// A row whose version of this machine was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Discarded {
    /// The table.
    pub table: String,
    /// The row's key.
    pub key: String,
    /// True when central has the row, which is now here as it is there; false when it is gone from here.
    pub at_central: bool,
    /// The conflict that holds what was given up; None when neither side had the row any more.
    pub conflict: Option<i64>,
}

impl EngineHandle {
    /// Lets one refused row, or all of them, be tried again with the next round; how many there are.
    pub async fn retry(&self, row: Option<(String, String)>) -> Result<u64, SyncError> {
        let id = match row {
            Some((table, key)) => Some(self.store.read_async(move |tx| local::find(tx, &table, &key)).await?.0),
            None => None,
        };
        let retry = move |tx: &mut local::WriteTx<'_>| match &id {
            Some(id) => local::retry(tx, id).map(|()| 1),
            None => local::release_all(tx),
        };
        Ok(self.store.write_async(retry).await?)
    }

    /// Gives up this machine's version of a row that central refused: central's state is taken, the local one goes to the
    /// conflict record, from where it can be restored.
    pub async fn discard(&self, table: &str, key: &str) -> Result<Discarded, SyncError> {
        let (table, key) = (table.to_owned(), key.to_owned());
        let (id, refused_by) = self.store.read_async(move |tx| local::find(tx, &table, &key)).await?;
        if refused_by == "replica" {
            return Err(SyncError::Store(StoreError::Declined {
                reason: format!("{id} was refused here: there is no version of this machine to give up"),
                remedy: "correct the row at central, or what is in its way here; see: claudetools sync quarantine"
                    .into(),
            }));
        }
        let there = self.rows(vec![id.clone()]).await?;
        let Some(there) = there.into_iter().find(|row| row.id == id) else {
            return Err(SyncError::Stopped);
        };
        let at_central = matches!(there.state, FeedState::Present(_));
        let (of, there) = (id.clone(), incoming(there));
        let conflict = self.store.apply_async(move |tx| local::give_up(tx, &of, there)).await?;
        Ok(Discarded { table: id.entity.name.to_owned(), key: id.key.to_string(), at_central, conflict })
    }

    /// Puts the loser of a conflict back; `force` overwrites what has changed since. Parents that are gone here are asked
    /// for at central, if it can be reached.
    pub async fn restore(&self, conflict: i64, force: bool) -> Result<Restored, SyncError> {
        let mut images: Vec<Row> = Vec::new();
        for _ in 0..MOST_LEVELS {
            let known = images.clone();
            let wanted = self.store.write_async(move |tx| local::wanted(tx, conflict, &known)).await?;
            if wanted.is_empty() {
                break;
            }
            // Without central it is tried with what is known here, and said what is missing.
            let Ok(found) = self.rows(wanted).await else { break };
            let found: Vec<Row> = found.into_iter().filter_map(image).collect();
            if found.is_empty() {
                break;
            }
            images.extend(found);
        }
        Ok(self.store.write_async(move |tx| local::restore(tx, conflict, force, &images)).await?)
    }

    /// Brings a deleted row back from its last image: the one that this machine remembers, or central's. Parents that are
    /// gone as well are asked for at central, if it can be reached.
    pub async fn revive(&self, id: RowId) -> Result<Vec<String>, SyncError> {
        let of = id.clone();
        let mut images: Vec<Row> =
            self.store.read_async(move |tx| local::last_image(tx, &of)).await?.into_iter().collect();
        let mut wanted = if images.is_empty() { vec![id.clone()] } else { Vec::new() };
        for _ in 0..MOST_LEVELS {
            if !wanted.is_empty() {
                match self.rows(wanted).await {
                    Ok(found) => images.extend(found.into_iter().filter_map(image)),
                    // With an image it is tried without central, and said what is missing.
                    Err(error) if images.is_empty() => return Err(error),
                    Err(_) => break,
                }
            }
            if images.is_empty() {
                return Err(SyncError::Store(StoreError::Declined {
                    reason: format!("nobody remembers the row {id}"),
                    remedy: "make it again; deletes are remembered for 90 days".into(),
                }));
            }
            let known = images.clone();
            wanted = self.store.read_async(move |tx| local::unremembered(tx, &known)).await?;
            if wanted.is_empty() {
                break;
            }
        }
        Ok(self.store.write_async(move |tx| local::revive(tx, &images)).await?)
    }

    /// What central knows of all machines.
    pub async fn machines(&self) -> Result<Vec<Peer>, SyncError> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.commands.send(Command::Machines(reply)).await.map_err(|_| SyncError::Stopped)?;
        answer.await.unwrap_or(Err(SyncError::Stopped))
    }

    /// Stops the exchange with central, or lets it go on; remembered over a restart.
    pub async fn pause(&self, paused: bool) -> Result<(), SyncError> {
        self.store.write_async(move |tx| local::set_paused(tx, paused)).await?;
        self.commands.send(Command::Pause(paused)).await.map_err(|_| SyncError::Stopped)
    }

    async fn rows(&self, ids: Vec<RowId>) -> Result<Vec<FeedRow>, SyncError> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.commands.send(Command::Rows(ids, reply)).await.map_err(|_| SyncError::Stopped)?;
        answer.await.unwrap_or(Err(SyncError::Stopped))
    }
}

/// The row as it is there, or as it was last.
fn image(row: FeedRow) -> Option<Row> {
    match row.state {
        FeedState::Present(row) | FeedState::Deleted { image: Some(row) } => Some(row),
        FeedState::Deleted { image: None } | FeedState::Unreadable { .. } => None,
    }
}
