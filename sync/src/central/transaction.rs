//! What a push does at central, step by step: the seam between the push's logic and SQL.
//!
//! [`push`](super::push), [`sides`](super::sides) and [`write`](super::write) hold the logic and no SQL, the
//! [`session`](super::session) holds the SQL and no logic. The simulation puts a model of central's tables in the place
//! of the session, and so runs the logic that runs against MariaDB.

use std::collections::HashMap;

use merge::{HybridTime, Key, Row, RowId};
use migrations::Entity;

use super::codec::Unreadable;
use super::{CentralError, Refusal};

/// A transaction that is open at central. One that is dropped is taken back.
pub trait Transaction: Send {
    /// The machine's row, locked until the transaction ends: one machine's batches come one after another.
    fn machine(&mut self, replica_id: &str) -> impl Future<Output = Result<Machine, CentralError>> + Send;

    /// The receipt that is stored under this number.
    fn receipt(
        &mut self,
        replica_id: &str,
        batch_no: u64,
    ) -> impl Future<Output = Result<Option<StoredReceipt>, CentralError>> + Send;

    /// Makes the number the machine's latest.
    fn use_up(&mut self, replica_id: &str, batch_no: u64) -> impl Future<Output = Result<(), CentralError>> + Send;

    /// Stores a receipt, and forgets those that nobody will ask for.
    fn store(
        &mut self,
        replica_id: &str,
        batch_no: u64,
        receipt: &StoredReceipt,
    ) -> impl Future<Output = Result<(), CentralError>> + Send;

    /// From here on, what is written carries this replica as its origin.
    fn sign(&mut self, replica_id: &str) -> impl Future<Output = Result<(), CentralError>> + Send;

    /// The rows that exist of these, locked in one order for all machines.
    fn lock_rows(&mut self, ids: &[RowId]) -> impl Future<Output = Result<Locked, CentralError>> + Send;

    /// What the change log says of these rows, of those that it has.
    fn logged(&mut self, ids: &[RowId]) -> impl Future<Output = Result<HashMap<RowId, Logged>, CentralError>> + Send;

    /// What was committed for these rows and has no number yet.
    fn unnumbered(
        &mut self,
        ids: &[RowId],
    ) -> impl Future<Output = Result<HashMap<RowId, Unnumbered>, CentralError>> + Send;

    /// The row as central would give it back, None when that is the row itself; or why central cannot hold it. What is
    /// planned and written is always of this form.
    fn fitted(&self, _row: &Row) -> Result<Option<Row>, Refusal> {
        Ok(None)
    }

    /// Inserts all of these rows, which are of one table, or none.
    fn insert(&mut self, rows: &[(&Row, HybridTime)]) -> impl Future<Output = Result<Taken, CentralError>> + Send;

    /// Writes the columns in which the row differs from what is there.
    fn update(
        &mut self,
        before: &Row,
        after: &Row,
        time: HybridTime,
    ) -> impl Future<Output = Result<Taken, CentralError>> + Send;

    /// Deletes the row.
    fn delete(&mut self, before: &Row, time: HybridTime) -> impl Future<Output = Result<Taken, CentralError>> + Send;

    /// What the row of this key refers to in this column, held until the transaction ends.
    fn parent_of(
        &mut self,
        entity: &'static Entity,
        column: &'static str,
        key: &Key,
    ) -> impl Future<Output = Result<Option<Key>, CentralError>> + Send;

    /// The row that has these values in these columns.
    fn holder_of(
        &mut self,
        row: &Row,
        columns: &[&'static str],
    ) -> impl Future<Output = Result<Option<RowId>, CentralError>> + Send;

    /// The columns that a condition of the table is about.
    fn columns_of_check(
        &mut self,
        entity: &'static Entity,
        name: &str,
    ) -> impl Future<Output = Result<Vec<&'static str>, CentralError>> + Send;

    /// Marks this moment, for [`back_to_mark`](Self::back_to_mark).
    fn mark(&mut self) -> impl Future<Output = Result<(), CentralError>> + Send;

    /// Takes back what was done since the mark, triggers' doings included.
    fn back_to_mark(&mut self) -> impl Future<Output = Result<(), CentralError>> + Send;

    /// Makes all of it durable.
    fn commit(&mut self) -> impl Future<Output = Result<(), CentralError>> + Send;

    /// Takes all of it back.
    fn rollback(&mut self) -> impl Future<Output = Result<(), CentralError>> + Send;
}

/// A statement's success, or the fault of its row. A statement that is refused has done nothing.
pub type Taken = Result<(), Refusal>;

/// The rows that are there, by id.
pub type Locked = HashMap<RowId, Result<Row, Unreadable>>;

/// What central knows of a machine, and of itself.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its latest batch.
    pub batch_no: u64,
    /// The name of central's numbering.
    pub epoch: String,
    /// Central's latest number.
    pub head: u64,
    /// Central's clock.
    pub now: HybridTime,
}

/// A receipt as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReceipt {
    /// Of the batch.
    pub digest: Vec<u8>,
    /// See [`receipt`](super::receipt).
    pub outcomes: Vec<u8>,
}

/// What the change log says of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Its latest number.
    pub seq: u64,
    /// Its latest change.
    pub time: HybridTime,
    /// As it was when it was deleted, when it was and that is known.
    pub image: Option<Row>,
}

/// Changes of a row that nobody has numbered yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unnumbered {
    /// The latest.
    pub time: HybridTime,
    /// True when the row was deleted, though it may be there again.
    pub has_delete: bool,
    /// Of the latest delete, if it has one that can be read.
    pub image: Option<Row>,
}
