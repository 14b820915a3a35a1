//! What anybody must pay who reads transcripts: the bytes, and the JSON in them.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use world::{Error, Result};

/// Reads every line of every file below the folder, parses it when that is asked for, and drops it.
pub(crate) fn read(folder: &Path, parse: bool) -> Result<Duration> {
    let begun = Instant::now();
    visit(folder, parse).map_err(Error::doing("read the transcripts"))?;
    Ok(begun.elapsed())
}

fn visit(folder: &Path, parse: bool) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            visit(&path, parse)?;
            continue;
        }
        let (mut file, mut line) = (BufReader::with_capacity(1 << 20, File::open(&path)?), Vec::new());
        while file.read_until(b'\n', &mut line)? > 0 {
            if parse {
                std::hint::black_box(serde_json::from_slice::<Value>(&line)?);
            }
            line.clear();
        }
    }
    Ok(())
}
