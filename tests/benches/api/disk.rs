//! What the disk gives to one writer that makes each write durable before the next.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use world::{Error, Result};

/// As large as a page of the replica.
const WRITE_BYTES: usize = 4096;
/// Writes go round in so many places. They were written before: no block has to be found for them, which would make each
/// slower, and the goal easier.
const PLACES: usize = 1024;

/// A file beside the replica.
pub(crate) struct Disk {
    file: File,
}

impl Disk {
    pub(crate) fn new(folder: &Path) -> Result<Disk> {
        let path = folder.join("durable");
        let made = File::create(&path).and_then(|mut file| {
            file.write_all(&vec![1; WRITE_BYTES * PLACES])?;
            file.sync_all()?;
            Ok(file)
        });
        Ok(Disk { file: made.map_err(Error::doing(format!("write {}", path.display())))? })
    }

    /// The times of durable writes, one after the other, for this long.
    pub(crate) fn writes(&mut self, during: Duration) -> Result<Vec<Duration>> {
        let (started, mut times) = (Instant::now(), Vec::new());
        while started.elapsed() < during {
            let at = times.len() % PLACES;
            let began = Instant::now();
            self.write(at).map_err(Error::doing("write durably"))?;
            times.push(began.elapsed());
        }
        Ok(times)
    }

    fn write(&mut self, at: usize) -> std::io::Result<()> {
        self.file.seek(SeekFrom::Start((at * WRITE_BYTES) as u64))?;
        self.file.write_all(&[2; WRITE_BYTES])?;
        self.file.sync_data()
    }
}
