//! A file, record by record, in bounded memory: the lines of JSON lines, the elements of the list in a JSON document.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::capture::Lines;

/// The largest record of a JSON document, in bytes; that of JSON lines is the transcript's.
const RECORD_BYTES: u64 = 64 << 20;
/// Under which names a JSON document may have its list.
const LISTS: &[&str] = &["contexts", "conversations", "items", "results", "data"];

/// A record, or why there is none.
pub(super) struct Found {
    /// `line 12`, `record 3`.
    pub(super) place: String,
    /// Bytes of the file so far.
    pub(super) offset: u64,
    pub(super) record: Result<Value, String>,
}

/// What is done with each record; an error ends the file.
pub(super) type Each<'a, E> = &'a mut dyn FnMut(Found) -> Result<(), E>;

/// Reads JSON lines; the last may lack its end.
pub(super) fn lines<E: From<io::Error>>(file: impl Read, each: Each<'_, E>) -> Result<(), E> {
    let mut lines = Lines::new(BufReader::with_capacity(1 << 20, file), 0);
    let mut line = Vec::new();
    let mut number = 0_u64;
    loop {
        let is_whole = lines.next(&mut line)?.is_some();
        if !is_whole && line.is_empty() {
            return Ok(());
        }
        number += 1;
        let (place, offset) = (format!("line {number}"), lines.offset());
        if line.is_empty() {
            each(Found { place, offset, record: Err("it is too long".to_owned()) })?;
        } else if !line.iter().all(u8::is_ascii_whitespace) {
            let text = if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line[..] };
            each(Found { place, offset, record: serde_json::from_slice(text).map_err(|error| reason(&error)) })?;
        }
        if !is_whole {
            return Ok(());
        }
    }
}

/// Reads a JSON document: a list, an object with a list, or one record.
pub(super) fn document<E: From<io::Error>>(file: impl Read, each: Each<'_, E>) -> Result<(), E> {
    let (read, budget) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(RECORD_BYTES)));
    let bounded = Bounded { inner: file, read: Rc::clone(&read), budget: Rc::clone(&budget) };
    let mut bounded = BufReader::with_capacity(1 << 16, bounded);
    if bounded.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        bounded.consume(3);
    }
    let mut json = serde_json::Deserializer::from_reader(bounded);
    let mut stopped = None;
    let mut number = 0_u64;
    let mut give = |record: Result<Value, String>| {
        number += 1;
        budget.set(RECORD_BYTES);
        let outcome = each(Found { place: format!("record {number}"), offset: read.get(), record });
        outcome.map_err(|error| stopped = Some(error)).is_ok()
    };
    let outcome = Document(&mut give).deserialize(&mut json).and_then(|()| json.end());
    match (outcome, stopped) {
        (_, Some(error)) => Err(error),
        (Ok(()), None) => Ok(()),
        (Err(error), None) if error.is_io() => {
            let record = Err(format!("cannot be read to its end, or is larger than {} MiB", RECORD_BYTES >> 20));
            each(Found { place: format!("record {}", number + 1), offset: read.get(), record })
        }
        (Err(error), None) => {
            let place = format!("line {}", error.line());
            each(Found { place, offset: read.get(), record: Err(reason(&error)) })
        }
    }
}

/// The parser's words may quote the file.
fn reason(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it ends too soon",
        _ if error.to_string().starts_with("recursion limit") => "it is nested too deeply",
        _ => "it is no JSON",
    };
    format!("{what} (column {})", error.column())
}

/// Counts what is read, and ends where a record becomes too large.
struct Bounded<R> {
    inner: R,
    read: Rc<Cell<u64>>,
    budget: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.set(self.read.get() + count as u64);
        let left = self.budget.get().checked_sub(count as u64);
        self.budget.set(left.ok_or_else(|| io::Error::other("a record is too large"))?);
        Ok(count)
    }
}

type Give<'a> = &'a mut dyn FnMut(Result<Value, String>) -> bool;

/// The whole of a document.
struct Document<'a>(Give<'a>);

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(record) = list.next_element()? {
            if !(self.0)(Ok(record)) {
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let (mut rest, mut listed) = (Map::new(), false);
        while let Some(name) = object.next_key::<String>()? {
            if LISTS.contains(&name.as_str()) {
                listed = true;
                object.next_value_seed(Document(&mut *self.0))?;
            } else {
                rest.insert(name, object.next_value()?);
            }
        }
        if listed || (self.0)(Ok(Value::Object(rest))) { Ok(()) } else { Err(A::Error::custom("stopped")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], is_lines: bool) -> Vec<String> {
        let mut seen = Vec::new();
        let mut each = |found: Found| {
            seen.push(match found.record {
                Ok(record) => format!("{}: {record}", found.place),
                Err(reason) => format!("{}! {reason}", found.place),
            });
            Ok::<_, io::Error>(())
        };
        if is_lines {
            lines(text, &mut each).unwrap();
        } else {
            document(text, &mut each).unwrap();
        }
        seen
    }

    #[test]
    fn a_bad_line_is_named_and_the_rest_is_read() {
        let text = b"\xef\xbb\xbf{\"a\":1}\n\nhunter2\n{\"a\":\n[2]\n3";
        let expected = [
            "line 1: {\"a\":1}",
            "line 3! it is no JSON (column 1)",
            "line 4! it ends too soon (column 0)",
            "line 5: [2]",
            "line 6: 3",
        ];
        assert_eq!(read(text, true), expected);
    }

    #[test]
    fn lists_are_taken_apart_wherever_they_are() {
        assert_eq!(read(b"[1, {\"a\": 2}]", false), ["record 1: 1", "record 2: {\"a\":2}"]);
        assert_eq!(read(b"{\"total\": 2, \"items\": [1, 2]}", false), ["record 1: 1", "record 2: 2"]);
        assert_eq!(read(b"{\"title\": \"t\"}", false), ["record 1: {\"title\":\"t\"}"]);
        assert_eq!(read(b"[1, oops]", false), ["record 1: 1", "line 1! it is no JSON (column 5)"]);
        assert_eq!(read(b"[1", false), ["record 1: 1", "line 1! it ends too soon (column 2)"]);
    }

    #[test]
    fn what_does_not_fit_into_memory_is_refused() {
        let huge = io::repeat(b'x').take(RECORD_BYTES * 4);
        let mut seen = Vec::new();
        let mut each = |found: Found| {
            seen.push(found.record.unwrap_err());
            Ok::<_, io::Error>(())
        };
        document(b"\"".chain(huge), &mut each).unwrap();
        assert_eq!(seen, ["cannot be read to its end, or is larger than 64 MiB"]);
    }
}
