//! Understands the records of a transcript, one after the other.

use recall::noise;
use recall::redact::Kinds;
use serde_json::Value;

use super::calls::{Calls, Run};
use super::record::{Record, concerns, mended};
use crate::capture::fit::Clean;

/// A prompt, what the assistant said last to it and what its tools did, all without secrets.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Exchange {
    /// The client's prompt id.
    pub(crate) prompt_id: Option<String>,
    /// The id of the record.
    pub(crate) uuid: Option<String>,
    /// Where its record begins in the file.
    pub(crate) begin: u64,
    pub(crate) prompt: String,
    /// When it was sent, in microseconds since the Unix epoch; 0 when the record does not say.
    pub(crate) at_us: u64,
    pub(crate) answer: String,
    /// When the answer came, likewise.
    pub(crate) answered_us: u64,
    /// True when the assistant came to its end, rather than being cut off.
    pub(crate) is_complete: bool,
    pub(crate) runs: Vec<Run>,
    /// What kind of helper it was that the assistant asked, empty when nothing tells; None for what a person asked.
    pub(crate) helper: Option<String>,
    /// True for a part of the conversation that this one was forked from.
    pub(crate) is_copied: bool,
}

/// What a line was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// A prompt, an answer, a result.
    Said,
    /// What the client keeps for itself.
    Bookkeeping,
}

/// Reads the lines of one file in order.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    of_helper: bool,
    exchanges: Vec<Exchange>,
    redactions: Kinds,
    calls: Calls,
    /// The assistant's message whose parts are being collected; one message is several records.
    message: Option<String>,
    session: Option<String>,
    cwd: Option<String>,
}

impl Reader {
    /// For a conversation's own transcript.
    pub(crate) fn of_talk() -> Self {
        Self::default()
    }

    /// For that of a helper.
    pub(crate) fn of_helper() -> Self {
        Self { of_helper: true, ..Self::default() }
    }

    /// Takes in a line that begins at that offset. The error says what is wrong with it, and does not quote it.
    pub(crate) fn line(&mut self, line: &[u8], begin: u64) -> Result<Line, String> {
        if !concerns(line) {
            let line = line.trim_ascii();
            let is_whole = line.is_empty() || (line.starts_with(b"{") && line.ends_with(b"}"));
            return if is_whole { Ok(Line::Bookkeeping) } else { Err("it is no JSON object".to_owned()) };
        }
        match Record::read(line) {
            Ok(record) => self.record(&record, begin),
            Err(error) => {
                let mended = mended(line);
                let record = Record::read(mended.as_bytes());
                self.record(&record.map_err(|_| reason(&error))?, begin);
            }
        }
        Ok(Line::Said)
    }

    /// Takes in a record that was read otherwise.
    pub(crate) fn value(&mut self, record: &Value, begin: u64) {
        if let Ok(record) = Record::read(record.to_string().as_bytes()) {
            self.record(&record, begin);
        }
    }

    fn record(&mut self, record: &Record<'_>, begin: u64) {
        if self.session.is_none() {
            self.session = record.session_id.get().map(str::to_owned);
        }
        if self.cwd.is_none() {
            self.cwd = record.cwd.get().map(str::to_owned);
        }
        let is_talk = if self.of_helper { !record.is_meta.0 } else { record.is_talk() };
        match record.kind.get() {
            Some("user") if is_talk => self.user(record, begin),
            Some("assistant") if is_talk => self.assistant(record),
            _ => {}
        }
    }

    /// The client's id of the conversation, as the first record that tells it.
    pub(crate) fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// Where it takes place, likewise.
    pub(crate) fn cwd(&self) -> Option<&str> {
        self.cwd.as_deref()
    }

    /// Exchanges to which nothing will be added, or `all`; they are not kept here.
    pub(crate) fn taken(&mut self, all: bool) -> Vec<Exchange> {
        let exchanges = &mut self.exchanges;
        let kept = if all { exchanges.len() } else { exchanges.len().saturating_sub(1) };
        exchanges.drain(..kept).collect()
    }

    /// The exchange to which something may be added.
    pub(crate) fn last(&self) -> Option<&Exchange> {
        self.exchanges.last()
    }

    /// How many exchanges are here, and about how many bytes they take.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let size = |exchange: &Exchange| {
            let runs: usize = exchange.runs.iter().map(|run| run.deed.size()).sum();
            exchange.prompt.len() + exchange.answer.len() + runs
        };
        (self.exchanges.len(), self.exchanges.iter().map(size).sum())
    }

    /// Secrets that were taken out, by kind.
    pub(super) fn kinds(&self) -> &Kinds {
        &self.redactions
    }

    /// Secrets that were taken out.
    pub(crate) fn redactions(&self) -> u64 {
        self.redactions.total()
    }

    fn user(&mut self, record: &Record<'_>, begin: u64) {
        let content = &record.message.content;
        if content.blocks().iter().any(|block| block.kind.is("tool_result")) {
            let runs = self.calls.results(record);
            for run in &runs {
                self.redactions.join(&run.deed.redactions);
            }
            if let Some(exchange) = self.exchanges.last_mut() {
                exchange.runs.extend(runs);
            }
            return;
        }
        if record.origin().is_some_and(|kind| kind != "human") {
            return;
        }
        let text = content.text();
        let Some(prompt) = noise::human(&text) else { return };
        let prompt = self.clean(&prompt);
        let prompt_id = record.prompt_id.get().map(str::to_owned);
        // A fork begins with a copy, whose prompts all get the id of its own first one.
        if let Some(before) = self.exchanges.last_mut()
            && !self.of_helper
            && prompt_id.is_some()
            && before.prompt_id == prompt_id
        {
            before.is_copied = true;
        }
        self.message = None;
        self.exchanges.push(Exchange {
            prompt_id,
            uuid: record.uuid.get().map(str::to_owned),
            begin,
            prompt,
            at_us: record.at_us(),
            helper: self.of_helper.then(String::new),
            ..Exchange::default()
        });
    }

    fn assistant(&mut self, record: &Record<'_>) {
        let message = &record.message;
        // The client's own words, such as "API Error".
        if message.model.is("<synthetic>") {
            return;
        }
        self.calls.note(message.content.blocks());
        let text = self.clean(&message.content.text());
        let Some(exchange) = self.exchanges.last_mut() else { return };
        exchange.is_complete = matches!(message.stop_reason.get(), Some("end_turn" | "stop_sequence"));
        exchange.answered_us = exchange.answered_us.max(record.at_us());
        exchange.is_copied |=
            record.request_session_id.get().is_some_and(|other| Some(other) != record.session_id.get());
        if let (Some(helper), Some(named)) = (&mut exchange.helper, record.attribution_agent.get())
            && helper.is_empty()
        {
            named.clone_into(helper);
        }
        if text.trim().is_empty() {
            return;
        }
        let id = message.id.get();
        if id.is_some() && id == self.message.as_deref() {
            exchange.answer.push('\n');
            exchange.answer.push_str(&text);
        } else {
            exchange.answer = text;
            self.message = id.map(str::to_owned);
        }
    }

    fn clean(&mut self, text: &str) -> String {
        let clean = Clean::new(text);
        self.redactions.join(&clean.kinds);
        clean.text
    }
}

/// The parser's words may quote the file.
fn reason(error: &serde_json::Error) -> String {
    let what = if error.is_eof() { "it ends too soon" } else { "it is no JSON, or not as the client writes it" };
    format!("{what} (column {})", error.column())
}
