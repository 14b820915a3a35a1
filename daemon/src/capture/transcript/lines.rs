//! Whole lines of a file, with where they begin.

use std::io::{self, BufRead, Read as _};

/// Longer lines are passed over, in bytes: no prompt and no answer is that long.
const LINE_BYTES: u64 = 16 << 20;

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
