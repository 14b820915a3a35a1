//! Many transcripts: one thread reads, parses and takes out secrets, the other writes.
//!
//! A part is made so large that writing it takes about [`STEP`]: large enough that the commit to disk does not count,
//! small enough that an event of a hook, which waits for it, is saved in time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use sync::StoreError;

use super::Transcript;
use super::file::{Fault, Read, Reading, Step};
use crate::capture::{Capture, Imported, Part, Place};

/// How long the writing of one part is meant to take.
const STEP: Duration = Duration::from_millis(20);
/// Exchanges of a part, at first, and within which bounds.
const FIRST_PART: usize = 16;
const MOST_OF_A_PART: usize = 1_024;
/// Parts that are read ahead.
const AHEAD: usize = 2;

/// How transcripts are taken in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taking {
    /// Only find out what is new.
    pub(crate) dry_run: bool,
    /// The project of all of it.
    pub(crate) place: Option<Place>,
    /// There are many: their text is indexed afterwards.
    pub(crate) in_bulk: bool,
}

/// What is told of each file, in order.
#[derive(Debug)]
pub(crate) enum Seen<'a> {
    /// Exchanges of a file were taken in, and so many of its bytes are behind them.
    Part { file: &'a Transcript, part: &'a Part, outcome: Imported, bytes: u64 },
    /// A line was passed over.
    Damaged { file: &'a Transcript, line: u64, reason: String },
    /// The file is done.
    Done { file: &'a Transcript, is_unchanged: bool, is_growing: bool, bookkeeping: u64, redactions: u64 },
    /// It could not be read to its end.
    Failed { file: &'a Transcript, reason: String },
}

enum Message<'a> {
    Step(&'a Transcript, Step),
    Done(&'a Transcript, Result<Read, Fault>),
}

/// Takes the files in; `see` is told what came of each, and ends it all with false. Runs on threads for blocking work.
pub(crate) fn take(
    capture: &Capture,
    files: &[Transcript],
    taking: &Taking,
    see: &mut dyn FnMut(Seen<'_>) -> bool,
) -> Result<(), StoreError> {
    let size = AtomicUsize::new(FIRST_PART);
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(AHEAD);
        let size = &size;
        scope.spawn(move || read_all(capture, files, taking, size, &sender));
        // The reader ends when nobody listens any more.
        write_all(capture, &receiver, taking, size, see)
    })
}

fn read_all<'a>(
    capture: &Capture,
    files: &'a [Transcript],
    taking: &Taking,
    size: &AtomicUsize,
    sender: &SyncSender<Message<'a>>,
) {
    for file in files {
        let reading = Reading {
            capture,
            file,
            place: taking.place.as_ref(),
            in_bulk: taking.in_bulk,
            part: &|| size.load(Ordering::Relaxed),
            give: &mut |step| sender.send(Message::Step(file, step)).is_ok(),
        };
        let read = reading.run();
        if matches!(read, Err(Fault::Stopped)) || sender.send(Message::Done(file, read)).is_err() {
            return;
        }
    }
}

fn write_all(
    capture: &Capture,
    messages: &Receiver<Message<'_>>,
    taking: &Taking,
    size: &AtomicUsize,
    see: &mut dyn FnMut(Seen<'_>) -> bool,
) -> Result<(), StoreError> {
    let mut has_begun = false;
    while let Ok(message) = messages.recv() {
        let goes_on = match message {
            Message::Step(file, Step::Part(mut part, bytes)) => {
                part.has_begun = has_begun;
                let begun = Instant::now();
                let outcome = capture.import_part(Part::clone(&part), taking.dry_run)?;
                adapt(size, part.exchanges.len(), begun.elapsed());
                has_begun |= outcome.created > 0;
                see(Seen::Part { file, part: &part, outcome, bytes })
            }
            Message::Step(file, Step::Damaged(line, reason)) => see(Seen::Damaged { file, line, reason }),
            Message::Done(file, read) => {
                has_begun = false;
                match read {
                    Ok(Read { is_unchanged, bookkeeping, is_growing, redactions }) => {
                        see(Seen::Done { file, is_unchanged, is_growing, bookkeeping, redactions })
                    }
                    Err(Fault::Store(error)) => return Err(error),
                    Err(fault) => see(Seen::Failed { file, reason: fault.to_string() }),
                }
            }
        };
        if !goes_on {
            return Ok(());
        }
    }
    Ok(())
}

/// Brings the size of a part to what takes as long as it is meant to.
fn adapt(size: &AtomicUsize, exchanges: usize, took: Duration) {
    let now = size.load(Ordering::Relaxed);
    if took > STEP * 2 {
        size.store((now / 2).max(1), Ordering::Relaxed);
    } else if took < STEP / 2 && exchanges >= now {
        size.store((now * 2).min(MOST_OF_A_PART), Ordering::Relaxed);
    }
}
