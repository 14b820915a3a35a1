//! The client's transcript: JSON lines, append-only, over 95 % of them of no interest here.
//!
//! Read from where the last reading stopped, tolerant of anything that is not as expected. Only what people wrote and
//! what the assistant answered is taken; helpers' conversations, tool results, summaries and wrappers are not.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use recall::noise;
use serde_json::Value;

use super::fit::Clean;

/// Longer lines are passed over, in bytes: no prompt and no answer is that long.
const LINE_BYTES: u64 = 16 << 20;
/// Most that is read at once, in bytes; the rest is read the next time.
const READ_BYTES: u64 = 1 << 30;

/// A prompt and what the assistant said last to it, both without secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Exchange {
    /// The client's prompt id.
    pub(crate) prompt_id: Option<String>,
    pub(crate) prompt: String,
    /// When it was sent, in microseconds since the Unix epoch; 0 when the record does not say.
    pub(crate) at_us: u64,
    pub(crate) answer: String,
    /// When the answer came, likewise.
    pub(crate) answered_us: u64,
    /// True when the assistant came to its end, rather than being cut off.
    pub(crate) is_complete: bool,
}

/// What a reading found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) exchanges: Vec<Exchange>,
    /// Where the next reading begins: at the last prompt, since its answer may grow.
    pub(super) offset: u64,
    /// Secrets that were taken out.
    pub(super) redactions: u64,
}

/// Reads a transcript from an offset; from the start when the file has become shorter.
pub(super) fn read(path: &Path, offset: u64) -> io::Result<Reading> {
    // Opening anything else (a pipe, a device) could block.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut file = File::open(path)?;
    let start = if offset <= metadata.len() { offset } else { 0 };
    file.seek(SeekFrom::Start(start))?;
    let mut reader = Reader { reading: Reading { offset: start, ..Reading::default() }, message: None };
    let mut lines = Lines::new(BufReader::with_capacity(1 << 20, file).take(READ_BYTES), start);
    let mut line = Vec::new();
    while let Some(begin) = lines.next(&mut line)? {
        reader.line(&line, begin);
    }
    Ok(reader.reading)
}

/// Whole lines with their offsets.
pub(crate) struct Lines<R> {
    from: R,
    at: u64,
}

impl<R: BufRead> Lines<R> {
    /// The lines of a file from an offset.
    pub(crate) fn new(from: R, at: u64) -> Self {
        Self { from, at }
    }

    /// Where the next line begins.
    pub(crate) fn offset(&self) -> u64 {
        self.at
    }

    /// Reads the next line; an overlong one comes as empty, one without its end not at all, though `line` holds what there
    /// is of it.
    pub(crate) fn next(&mut self, line: &mut Vec<u8>) -> io::Result<Option<u64>> {
        line.clear();
        let begin = self.at;
        self.at += self.from.by_ref().take(LINE_BYTES).read_until(b'\n', line)? as u64;
        if line.ends_with(b"\n") {
            return Ok(Some(begin));
        }
        if (line.len() as u64) < LINE_BYTES {
            return Ok(None);
        }
        line.clear();
        let skipped = self.from.skip_until(b'\n')?;
        self.at += skipped as u64;
        Ok((skipped > 0).then_some(begin))
    }
}

/// Understands the records of a transcript, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    reading: Reading,
    /// The assistant's message whose parts are being collected; one message is several records.
    message: Option<String>,
}

impl Reader {
    fn line(&mut self, line: &[u8], begin: u64) {
        if !concerns(line) {
            return;
        }
        if let Ok(record) = serde_json::from_slice::<Value>(line) {
            self.record(&record, begin);
        }
    }

    /// Takes in a record that begins at that offset.
    pub(crate) fn record(&mut self, record: &Value, begin: u64) {
        if record["isSidechain"] == true || record["isMeta"] == true || record["isCompactSummary"] == true {
            return;
        }
        match record["type"].as_str() {
            Some("user") => self.user(record, begin),
            Some("assistant") => self.assistant(record),
            _ => {}
        }
    }

    /// Exchanges to which nothing will be added, or `all`; they are not kept here.
    pub(crate) fn taken(&mut self, all: bool) -> Vec<Exchange> {
        let exchanges = &mut self.reading.exchanges;
        let kept = if all { exchanges.len() } else { exchanges.len().saturating_sub(1) };
        exchanges.drain(..kept).collect()
    }

    /// How many exchanges are here.
    pub(crate) fn waiting(&self) -> usize {
        self.reading.exchanges.len()
    }

    /// Secrets that were taken out.
    pub(crate) fn redactions(&self) -> u64 {
        self.reading.redactions
    }

    fn user(&mut self, record: &Value, begin: u64) {
        let content = &record["message"]["content"];
        let machine = record["origin"]["kind"].as_str().is_some_and(|kind| kind != "human");
        let results =
            content.as_array().is_some_and(|blocks| blocks.iter().any(|block| block["type"] == "tool_result"));
        if machine || results {
            return;
        }
        let text = text_of(content);
        let Some(prompt) = noise::human(&text) else { return };
        let prompt = self.clean(&prompt);
        self.message = None;
        self.reading.offset = begin;
        self.reading.exchanges.push(Exchange {
            prompt_id: record["promptId"].as_str().filter(|id| !id.is_empty()).map(str::to_owned),
            prompt,
            at_us: time_of(record).unwrap_or(0),
            ..Exchange::default()
        });
    }

    fn assistant(&mut self, record: &Value) {
        let message = &record["message"];
        // The client's own words, such as "API Error".
        if message["model"] == "<synthetic>" {
            return;
        }
        let complete = matches!(message["stop_reason"].as_str(), Some("end_turn" | "stop_sequence"));
        let text = self.clean(&text_of(&message["content"]));
        let Some(exchange) = self.reading.exchanges.last_mut() else { return };
        exchange.is_complete = complete;
        exchange.answered_us = exchange.answered_us.max(time_of(record).unwrap_or(0));
        if text.trim().is_empty() {
            return;
        }
        let id = message["id"].as_str().map(str::to_owned);
        if id.is_some() && id == self.message {
            exchange.answer.push('\n');
            exchange.answer.push_str(&text);
        } else {
            exchange.answer = text;
            self.message = id;
        }
    }

    fn clean(&mut self, text: &str) -> String {
        let clean = Clean::new(text);
        self.reading.redactions += clean.redactions;
        clean.text
    }
}

/// A quick look that spares parsing the rest.
fn concerns(line: &[u8]) -> bool {
    const SIGNS: [&[u8]; 4] =
        [br#""type":"user""#, br#""type":"assistant""#, br#""type": "user""#, br#""type": "assistant""#];
    SIGNS.iter().any(|sign| line.windows(sign.len()).any(|window| window == *sign))
}

/// A message's words: a string, or the text blocks of an array.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts =
                blocks.iter().filter(|block| block["type"] == "text").filter_map(|block| block["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

fn time_of(record: &Value) -> Option<u64> {
    record["timestamp"].as_str().and_then(parse_time)
}

/// `2026-11-24T11:46:24.326Z`, with any number of digits in the fraction.
fn parse_time(text: &str) -> Option<u64> {
    let (seconds, fraction) = text.strip_suffix('Z')?.split_once('.').unwrap_or((text.strip_suffix('Z')?, ""));
    let micros: String = fraction.chars().chain(std::iter::repeat('0')).take(6).collect();
    sync::parse_datetime(&format!("{seconds}.{micros}Z"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::json;

    use super::*;

    fn user(id: &str, text: &str) -> Value {
        json!({"type": "user", "promptId": id, "timestamp": "2026-11-24T11:46:24.326Z", "isSidechain": false,
               "message": {"role": "user", "content": text}, "origin": {"kind": "human"}})
    }

    fn assistant(message: &str, text: &str, stop: &str) -> Value {
        json!({"type": "assistant", "isSidechain": false, "message": {"id": message, "role": "assistant",
               "content": [{"type": "text", "text": text}], "stop_reason": stop}})
    }

    fn write(lines: &[Value]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for line in lines {
            writeln!(file, "{line}").unwrap();
        }
        file
    }

    #[test]
    fn prompts_with_their_last_answers() {
        let file = write(&[
            json!({"type": "api-request", "shape": "x".repeat(1000)}),
            user("p1", "first"),
            assistant("m1", "let me look", "tool_use"),
            json!({"type": "user", "promptId": "p1", "message": {"content": [{"type": "tool_result", "content": "hi"}]}}),
            assistant("m2", "It is", "end_turn"),
            assistant("m2", "done.", "end_turn"),
            user("p2", "second"),
            assistant("m3", "starting", "tool_use"),
            json!({"type": "user", "promptId": "p2", "message": {"content": [{"type": "text", "text": "[Request interrupted by user]"}]}}),
        ]);
        let reading = read(file.path(), 0).unwrap();
        let [first, second] = reading.exchanges.as_slice() else { panic!("{reading:?}") };
        assert_eq!((first.prompt.as_str(), first.answer.as_str(), first.is_complete), ("first", "It is\ndone.", true));
        assert_eq!(first.at_us, 1_795_520_784_326_000);
        assert_eq!((second.answer.as_str(), second.is_complete), ("starting", false));
        let again = read(file.path(), reading.offset).unwrap();
        assert_eq!(again.exchanges, reading.exchanges[1..]);
    }

    #[test]
    fn noise_is_passed_over() {
        let mut helper = user("p", "of a helper");
        helper["isSidechain"] = json!(true);
        let mut meta = user("p", "meta");
        meta["isMeta"] = json!(true);
        let mut notice = user("p", "a task has ended");
        notice["origin"]["kind"] = json!("task-notification");
        let summary = json!({"type": "user", "isCompactSummary": true, "message": {"content": "summary"}});
        let file = write(&[helper, meta, notice, summary, user("p", "<command-name>/clear</command-name>"), json!(7)]);
        assert_eq!(read(file.path(), 0).unwrap().exchanges, []);
    }

    #[test]
    fn a_line_that_is_being_written_is_left_for_later() {
        let mut file = write(&[user("p1", "first")]);
        write!(file, "{}", user("p2", "half")).unwrap();
        let reading = read(file.path(), 0).unwrap();
        assert_eq!(reading.exchanges.len(), 1);
        writeln!(file).unwrap();
        assert_eq!(read(file.path(), reading.offset).unwrap().exchanges.len(), 2);
    }

    #[test]
    fn broken_lines_and_wrong_paths_do_no_harm() {
        let mut file = write(&[user("p1", "first")]);
        file.write_all(b"{\"type\":\"user\", broken\n\xff\xfe\n\n").unwrap();
        writeln!(file, "{}", assistant("m", "answer", "end_turn")).unwrap();
        assert_eq!(read(file.path(), 0).unwrap().exchanges[0].answer, "answer");
        assert_eq!(read(file.path(), 1 << 40).unwrap().exchanges.len(), 1, "a shorter file is read from its start");
        assert!(read(Path::new("/dev/null"), 0).is_err());
        assert!(read(Path::new("/no/such/file"), 0).is_err());
    }
}
