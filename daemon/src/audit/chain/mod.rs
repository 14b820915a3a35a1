//! Verifying the chains of audit rows, those of all machines: the first row of each that was altered, removed or moved.
//!
//! Every machine holds the rows of all of them. What somebody does to them with SQL at central comes here with the next
//! round, since of rows that are written once central's stand; here it does not fit its link any more ([`walk`]). The key
//! of a chain is derived from a key of the vault and the chain's name, so that every machine that has joined the vault can
//! verify the chains of the others; who has only the database can make no link.
//!
//! What was cut off at the end of a chain is not to be seen in what is left of it. So each machine notes how far it has
//! seen each chain, beside and not in the table ([`heads`]): its own with every row, those of others when their rows have
//! come. What was removed before any machine but its author had seen it, its author knows.

pub(super) mod heads;
mod rows;
mod walk;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::StoreError;
use sync::local::ReadTx;
use vault::Keyring;

use heads::Head;
pub(crate) use heads::{follow, step};
use rows::Linked;

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Verification {
    /// Rows that were looked at.
    pub(crate) rows: u64,
    /// True when every row is as it was written, and none is missing.
    pub(crate) intact: bool,
    /// The chains, one of each machine's replica.
    pub(crate) chains: Vec<Extent>,
    /// What is not, of each chain the first first.
    pub(crate) broken: Vec<Broken>,
}

/// A chain, and how far this machine has seen it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AuditChain")]
pub(crate) struct Extent {
    /// The machine's replica that writes it.
    pub(crate) chain: String,
    /// The machine's name.
    pub(crate) machine: Option<String>,
    /// Up to this place its rows were seen to be whole: what is missing of them was removed.
    pub(crate) seen: u64,
}

/// A row that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "BrokenAuditRow")]
pub(crate) struct Broken {
    /// `altered`: it was changed; `reordered`: it stands in another's place; `removed`: there is none in its place;
    /// `foreign`: it is in no chain; `unverifiable`: the key of its chain is not here.
    pub(crate) what: What,
    /// The machine's replica that wrote the chain; `null` for a row in no chain.
    pub(crate) chain: Option<String>,
    /// The machine's name.
    pub(crate) machine: Option<String>,
    /// Its place in the chain, from 1.
    pub(crate) position: Option<u64>,
    /// The row; `null` when it was removed.
    pub(crate) id: Option<String>,
    /// Of a removed row, the one before it in the chain; `null` when there is none.
    pub(crate) after: Option<String>,
    /// Of a removed row, the next one that is there; `null` when there is none.
    pub(crate) before: Option<String>,
    /// When it was written, as it says; of a removed row, when the one before it was.
    pub(crate) at: Option<String>,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    Altered,
    Reordered,
    Removed,
    Foreign,
    Unverifiable,
}

impl Verification {
    /// What was done to a row, before what only cannot be told here.
    pub(crate) fn first(&self) -> Option<&Broken> {
        self.broken.iter().find(|broken| broken.what != What::Unverifiable).or(self.broken.first())
    }
}

impl Broken {
    /// In a sentence.
    pub(crate) fn said(&self) -> String {
        let id = self.id.as_deref().unwrap_or("?");
        let machine = self.machine.as_ref().map_or(String::new(), |machine| format!(" of machine {machine}"));
        let position = self.position.map_or(String::new(), |position| format!(", number {position} of its chain"));
        match self.what {
            What::Altered => format!("the audit row {id}{machine}{position}, was altered"),
            What::Reordered => format!("the audit row {id}{machine}{position}, was reordered: that is another's place"),
            What::Removed => {
                let place = match (&self.before, &self.after) {
                    (Some(next), _) => format!("before the row {next}"),
                    (None, Some(last)) => format!("at the end, after the row {last}"),
                    (None, None) => "with all others".to_owned(),
                };
                format!("an audit row{machine}{position}, was removed {place}")
            }
            What::Foreign => {
                format!("the audit row {id}{machine} is in no chain: it was altered, or written by another program")
            }
            What::Unverifiable => {
                format!("the audit row {id}{machine}{position}, cannot be verified: its key is not here")
            }
        }
    }
}

type Chain = BTreeMap<u64, Vec<Linked>>;

/// Verifies all chains.
pub(crate) fn verify(tx: &ReadTx<'_>, keys: &Keyring) -> Result<Verification, StoreError> {
    let (mut found, mut chains) = (Verification::default(), BTreeMap::<String, Chain>::new());
    for row in rows::all(tx.connection())? {
        found.rows += 1;
        match rows::place_of(&row) {
            Some(place) => {
                let linked = Linked { row, key: place.key };
                chains.entry(place.chain).or_default().entry(place.position).or_default().push(linked);
            }
            None => found.broken.push(Broken {
                id: row.text("id").map(str::to_owned),
                machine: row.text("machine").map(str::to_owned),
                at: row.text("created_at").map(str::to_owned),
                ..Broken::of(What::Foreign)
            }),
        }
    }
    let mut heads = heads::all(tx.connection())?;
    for chain in chains.keys().filter(|chain| !heads.contains_key(*chain)).cloned().collect::<Vec<_>>() {
        heads.insert(chain, Head::default());
    }
    for (chain, head) in heads {
        let rows = chains.remove(&chain).unwrap_or_default();
        found.broken.extend(walk::verify(&chain, &rows, &head, keys));
        found.chains.push(Extent { chain, machine: head.machine, seen: head.position });
    }
    found.intact = found.broken.is_empty();
    Ok(found)
}

impl Broken {
    fn of(what: What) -> Broken {
        Broken { what, chain: None, machine: None, position: None, id: None, after: None, before: None, at: None }
    }
}
