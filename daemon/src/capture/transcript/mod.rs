//! The client's transcript: JSON lines, append-only, over 95 % of them of no interest here.
//!
//! Read from where the last reading stopped, tolerant of anything that is not as expected. What people wrote, what the
//! assistant answered last and what its tools did is taken ([`reader`], [`calls`]); read files, summaries and wrappers
//! are not. Lines are borrowed from and parsed as far as that needs ([`record`]).

mod calls;
mod lines;
mod reader;
mod record;

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek, SeekFrom};
use std::path::Path;

use recall::redact::Kinds;

pub(crate) use calls::Run;
pub(crate) use lines::Lines;
pub(crate) use reader::{Exchange, Line, Reader};

/// Most that is read at once, in bytes; the rest is read the next time.
const READ_BYTES: u64 = 1 << 30;

/// What a reading found.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Reading {
    pub(super) exchanges: Vec<Exchange>,
    /// Where the next reading begins: at the last prompt, since its answer may grow.
    pub(super) offset: u64,
    /// Secrets that were taken out.
    pub(super) redactions: Kinds,
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
    let mut reader = Reader::of_talk();
    let mut lines = Lines::new(BufReader::with_capacity(1 << 20, file).take(READ_BYTES), start);
    let mut line = Vec::new();
    while let Some(begin) = lines.next(&mut line)? {
        // A line that cannot be read is one that the client did not write whole; the others are as good.
        let _ = reader.line(&line, begin);
    }
    let exchanges = reader.taken(true);
    let offset = exchanges.last().map_or(start, |last| last.begin);
    Ok(Reading { exchanges, offset, redactions: reader.kinds().clone() })
}

#[cfg(test)]
mod tests;
