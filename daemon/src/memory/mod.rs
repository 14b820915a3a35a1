//! What was saved, found again: search over the memory index, and what is given to a conversation unasked.
//!
//! [`search`] answers the command line, the API and the hooks alike. [`Memory`] makes the text that SessionStart,
//! UserPromptSubmit and PreToolUse inject, within a token budget, and remembers what each conversation was given, so that nothing is
//! paid for twice. Who may see what is decided in `visibility` alone.
//!
//! Architecture invariant: the index is derived (triggers keep it, see `0003_memory.sql`) and never the truth; a hit's
//! text is read from its source row.

pub(crate) mod browse;
mod environment;
mod given;
mod hit;
pub(crate) mod index;
pub(crate) mod late;
mod meant;
mod pack;
mod postings;
mod prompt;
mod prospects;
mod rate;
mod search;
mod start;
pub(crate) mod tags;
mod tally;
mod visibility;
mod warning;

use std::sync::Arc;

use sync::local::ReadTx;
use sync::{Store, StoreError};

pub use environment::environment;
pub use given::Handing;
pub use hit::Hit;
pub use pack::{Packed, recall};
pub use search::{Query, search};

use given::{Given, Item};
use index::Index;

use crate::usage::record::Handed;

/// Who asks: one conversation of the client, in one project.
#[derive(Debug, Clone)]
pub struct Asker {
    /// The client's session id.
    pub claude_session_id: String,
    /// The project's slug.
    pub project: String,
    /// Tokens that the answer may cost.
    pub budget: usize,
}

/// What to inject, and of what it was made.
#[derive(Debug, Default)]
struct Injection {
    text: String,
    items: Vec<Item>,
}

/// A text for the model, on its way to a conversation.
#[derive(Debug)]
pub struct Injected {
    /// As it goes into the conversation.
    pub text: String,
    /// To be told when it has arrived.
    pub handing: Handing,
}

/// Recall for conversations. Clones share it.
#[derive(Debug, Clone)]
pub struct Memory {
    store: Store,
    index: Arc<Index>,
    given: Arc<Given>,
}

impl Memory {
    /// Recall over this replica and its index.
    pub(crate) fn new(store: Store, index: Arc<Index>) -> Self {
        Self { store, index, given: Arc::default() }
    }

    /// What a conversation gets when it starts: where the project stands, what is open, the last session. None when
    /// there is nothing, or nothing that it has not had.
    pub async fn at_start(&self, asker: Asker) -> Result<Option<Injected>, StoreError> {
        let given = Arc::clone(&self.given);
        let handed = handed(&asker, "SessionStart", "");
        let injection = self
            .store
            .read_async(move |tx| {
                let had = given.of(tx, &asker.claude_session_id)?;
                start::gather(tx, &asker, &had)
            })
            .await?;
        Ok(self.hand_out(handed, injection))
    }

    /// What a conversation gets with a prompt: the memories that have to do with it. None when nothing passes the bar.
    pub async fn for_prompt(&self, asker: Asker, prompt: String) -> Result<Option<Injected>, StoreError> {
        let (given, index) = (Arc::clone(&self.given), Arc::clone(&self.index));
        let handed = handed(&asker, "UserPromptSubmit", &prompt);
        let now_us = self.store.clock().now_us();
        let meant = match (self.index.meaning(), recall::noise::human(&prompt)) {
            (Some(meaning), Some(human)) => meaning.ask_quickly(&human).await,
            _ => None,
        };
        let injection = self
            .store
            .read_async(move |tx| {
                let had = given.of(tx, &asker.claude_session_id)?;
                let question = prompt::Question { prompt: &prompt, meaning: meant.as_deref() };
                prompt::gather(tx, &index, &asker, &question, &had, now_us)
            })
            .await?;
        Ok(self.hand_out(handed, injection))
    }

    /// What a conversation is told before it runs a command: that its last run on this machine failed. Once a command.
    pub async fn before_command(&self, asker: Asker, command: String) -> Result<Option<Injected>, StoreError> {
        let given = Arc::clone(&self.given);
        let handed = handed(&asker, "PreToolUse", &command);
        let now_us = self.store.clock().now_us();
        let injection = self
            .store
            .read_async(move |tx| {
                let had = given.of(tx, &asker.claude_session_id)?;
                warning::gather(tx, &asker, &command, &had, now_us)
            })
            .await?;
        Ok(self.hand_out(handed, injection))
    }

    /// A text that a conversation is told beside memories: it is paid for like them. `facts` is what it states.
    pub(crate) fn tell_beside(&self, asker: &Asker, event: &'static str, text: String, facts: &str) -> Injected {
        let tokens = recall::budget::tokens(&text);
        let handing = self.given.add_beside(&self.store, Handed { tokens, ..handed(asker, event, "") }, facts);
        Injected { text, handing }
    }

    /// What the line stated that a conversation was told last beside memories; None when it was told none.
    pub(crate) fn last_told_beside(&self, tx: &ReadTx<'_>, conversation: &str) -> Result<Option<String>, StoreError> {
        self.given.last_beside(tx, conversation)
    }

    /// Waits until everything that has arrived is on record.
    pub async fn settle(&self) {
        self.given.settle().await;
    }

    fn hand_out(&self, handed: Handed, injection: Injection) -> Option<Injected> {
        let Injection { text, items } = injection;
        if text.is_empty() {
            return None;
        }
        let tokens = recall::budget::tokens(&text);
        let handing = self.given.add(&self.store, Handed { tokens, ..handed }, items);
        Some(Injected { text, handing })
    }
}

/// What the ledger is told of an injection, but for its cost.
fn handed(asker: &Asker, event: &'static str, prompt: &str) -> Handed {
    Handed {
        conversation: asker.claude_session_id.clone(),
        project: asker.project.clone(),
        event,
        prompt: prompt.to_owned(),
        tokens: 0,
    }
}
