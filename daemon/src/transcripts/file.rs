//! One transcript, from where it was read last to its end, in parts that are written one by one.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Transcript;
use crate::capture::{Capture, Cursor, Exchange, Line, Lines, Part, Place, Reader, Sitting, sha256};
use crate::import::open_found;

/// Bytes of a file's beginning that tell whether it is still the same.
const HEAD_BYTES: u64 = 512;
/// Bytes of exchanges that are written at once at most; in memory they take little more.
const PART_BYTES: usize = 4 << 20;
const BUFFER: usize = 1 << 20;

/// What comes of reading a file, in order.
#[derive(Debug)]
pub(super) enum Step {
    /// Exchanges to be written, and how many bytes of the file are behind them.
    Part(Box<Part>, u64),
    /// A line that cannot be taken, by its number, and why.
    Damaged(u64, String),
}

/// What a reading came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read {
    /// True when there is nothing that was not read before.
    pub(super) is_unchanged: bool,
    /// Lines that are nothing to remember.
    pub(super) bookkeeping: u64,
    /// True when the last line has no end yet.
    pub(super) is_growing: bool,
    pub(super) redactions: u64,
}

/// Why a file was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] sync::StoreError),
    /// Nobody takes what is read any more.
    #[error("stopped")]
    Stopped,
}

/// How a file is read.
pub(super) struct Reading<'a> {
    pub(super) capture: &'a Capture,
    pub(super) file: &'a Transcript,
    /// The project of all of it; without it, the folder of the conversation tells.
    pub(super) place: Option<&'a Place>,
    pub(super) in_bulk: bool,
    /// How many exchanges make a part.
    pub(super) part: &'a dyn Fn() -> usize,
    /// Takes each step; false ends the reading.
    pub(super) give: &'a mut dyn FnMut(Step) -> bool,
}

impl Reading<'_> {
    /// Reads the file.
    pub(super) fn run(mut self) -> Result<Read, Fault> {
        let mut file = open_found(&self.file.path)?;
        let bytes = file.metadata()?.len();
        let head_bytes = bytes.min(HEAD_BYTES);
        let path = self.file.path.to_string_lossy().into_owned();
        let known = self.capture.cursor(&path)?;
        let known = match known {
            Some(known) if known.size <= bytes && head(&mut file, known.head_bytes)? == known.head => Some(known),
            _ => None,
        };
        if known.as_ref().is_some_and(|known| known.size == bytes && bytes > 0) {
            return Ok(Read { is_unchanged: true, ..Read::default() });
        }
        let cursor = known.unwrap_or_default();
        let start = if self.file.of_helper { 0 } else { cursor.offset };
        let head = head(&mut file, head_bytes)?;
        file.seek(SeekFrom::Start(start))?;
        let lines = Lines::new(BufReader::with_capacity(BUFFER, file), start);
        self.lines(lines, Cursor { path, head, head_bytes, size: 0, offset: start, ..cursor })
    }

    fn lines(&mut self, mut lines: Lines<BufReader<File>>, mut cursor: Cursor) -> Result<Read, Fault> {
        let mut reader = if self.file.of_helper { Reader::of_helper() } else { Reader::of_talk() };
        let (mut line, mut read, mut sitting) = (Vec::new(), Read::default(), None);
        while let Some(begin) = lines.next(&mut line)? {
            let taken = if line.is_empty() { Err("it is too long".to_owned()) } else { reader.line(&line, begin) };
            match taken {
                Ok(Line::Said) => {
                    let (count, size) = reader.waiting();
                    if count > (self.part)() || (count > 1 && size > PART_BYTES) {
                        let exchanges = reader.taken(false);
                        cursor.offset = reader.last().map_or(cursor.offset, |last| last.begin);
                        self.part(exchanges, &reader, &mut cursor, &mut sitting, lines.offset(), false)?;
                    }
                }
                Ok(Line::Bookkeeping) => read.bookkeeping += 1,
                Err(reason) => {
                    let number = line_number(&self.file.path, begin)?;
                    self.give(Step::Damaged(number, reason))?;
                }
            }
        }
        read.is_growing = !line.is_empty();
        cursor.offset = reader.last().map_or(cursor.offset, |last| last.begin);
        // Bytes of a line without its end count: when there are more, the file has changed.
        cursor.size = lines.offset();
        let exchanges = reader.taken(true);
        self.part(exchanges, &reader, &mut cursor, &mut sitting, lines.offset(), true)?;
        read.redactions = reader.redactions();
        Ok(read)
    }

    fn part(
        &mut self,
        exchanges: Vec<Exchange>,
        reader: &Reader,
        cursor: &mut Cursor,
        sitting: &mut Option<Sitting>,
        bytes: u64,
        is_last: bool,
    ) -> Result<(), Fault> {
        let sitting = match sitting {
            Some(sitting) => sitting.clone(),
            None => sitting.insert(self.sitting(reader, cursor)?).clone(),
        };
        let part = Part {
            sitting,
            exchanges: Arc::new(exchanges),
            is_last,
            has_begun: false,
            in_bulk: self.in_bulk,
            cursor: Some(cursor.clone()),
        };
        self.give(Step::Part(Box::new(part), bytes))
    }

    /// The conversation, as this file and earlier readings of it tell it.
    fn sitting(&self, reader: &Reader, cursor: &mut Cursor) -> Result<Sitting, Fault> {
        let stem = || self.file.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if cursor.session.is_empty() {
            cursor.session = recall::excerpt::cut(&reader.session().map_or_else(stem, str::to_owned), 99);
        }
        if cursor.cwd.is_empty() {
            reader.cwd().unwrap_or_default().clone_into(&mut cursor.cwd);
        }
        let cwd = if cursor.cwd.is_empty() {
            self.file.path.parent().unwrap_or(Path::new("/")).to_owned()
        } else {
            PathBuf::from(&cursor.cwd)
        };
        let place = match self.place {
            Some(place) => place.clone(),
            None => self.place_of(&cursor.session, &cwd)?,
        };
        Ok(Sitting { id: cursor.session.clone(), cwd, place })
    }

    /// The project that the conversation's folder tells, unless another one is on record: the folder may have changed.
    fn place_of(&self, session: &str, cwd: &Path) -> Result<Place, Fault> {
        let place = self.capture.place_of_folder(cwd);
        let recorded = self.capture.place_of_conversation(session)?;
        Ok(recorded.filter(|recorded| recorded.slug != place.slug).unwrap_or(place))
    }

    fn give(&mut self, step: Step) -> Result<(), Fault> {
        if (self.give)(step) { Ok(()) } else { Err(Fault::Stopped) }
    }
}

/// The digest of a file's first bytes.
fn head(file: &mut File, bytes: u64) -> io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    file.take(bytes).read_to_end(&mut head)?;
    Ok(sha256(&head))
}

/// The number of the line that begins at that offset, counted when somebody is to be told.
fn line_number(path: &Path, offset: u64) -> io::Result<u64> {
    let mut before = File::open(path)?.take(offset);
    let (mut buffer, mut lines) = (vec![0; BUFFER], 1);
    loop {
        match before.read(&mut buffer)? {
            0 => return Ok(lines),
            count => lines += memchr::memchr_iter(b'\n', &buffer[..count]).count() as u64,
        }
    }
}
