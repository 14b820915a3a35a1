//! The files of the index: segments, and a list of those that belong together. What is not on the list is of an earlier
//! list, and goes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use embed::positioned::read_at;
use hooks::durable::private_dir;
use recall::index::{Dead, Segment, SegmentError, Source};
use serde::{Deserialize, Serialize};

use super::IndexError;
use super::state::InUse;
use crate::files::write_private;

const LIST: &str = "segments.json";
/// Written by this program and read by it; another number is another form.
const FORM: u32 = 1;

/// The files that belong together, and the state of the replica that they hold.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct List {
    form: u32,
    /// Stands in the replica since the log was cut off up to `applied`.
    pub(super) token: String,
    /// Stood there before: the replica may not have been told yet.
    pub(super) former: String,
    /// The log is held up to here.
    pub(super) applied: i64,
    segments: Vec<Line>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    file: String,
    dead: Vec<u32>,
}

impl List {
    pub(super) fn new(token: String, former: String, applied: i64, segments: &[InUse]) -> List {
        let line = |part: &InUse| Line { file: part.file.clone(), dead: part.dead.places().collect() };
        List { form: FORM, token, former, applied, segments: segments.iter().map(line).collect() }
    }

    /// The list of a folder; None when there is none that can be used.
    pub(super) fn load(folder: &Path) -> Option<List> {
        let list: List = serde_json::from_slice(&fs::read(folder.join(LIST)).ok()?).ok()?;
        (list.form == FORM).then_some(list)
    }

    /// Writes it, all or nothing.
    pub(super) fn save(&self, folder: &Path) -> Result<(), IndexError> {
        private_dir(folder).map_err(doing("make the folder", folder))?;
        let path = folder.join(LIST);
        let text = serde_json::to_vec(self).map_err(io::Error::from);
        text.and_then(|text| write_private(&path, &text)).map_err(doing("write", &path))
    }

    /// Opens its segments.
    pub(super) fn open(&self, folder: &Path) -> Result<Vec<InUse>, IndexError> {
        let open = |line: &Line| {
            let mut dead = Dead::default();
            line.dead.iter().for_each(|&place| {
                dead.insert(place);
            });
            open(folder, &line.file, dead)
        };
        self.segments.iter().map(open).collect()
    }
}

/// A segment's bytes.
#[derive(Debug)]
struct SegmentFile(File);

impl Source for SegmentFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        read_at(&self.0, at, buffer)
    }
}

fn open(folder: &Path, name: &str, dead: Dead) -> Result<InUse, IndexError> {
    let path = folder.join(name);
    let file = File::open(&path).map_err(doing("open", &path))?;
    let bytes = file.metadata().map_err(doing("open", &path))?.len();
    let segment = Segment::open(Box::new(SegmentFile(file)))?;
    Ok(InUse { segment: Arc::new(segment), file: name.to_owned(), bytes, dead })
}

/// Writes a segment to a new file and opens it. It counts from the list on that names it.
pub(super) fn make(
    folder: &Path,
    name: &str,
    write: impl FnOnce(BufWriter<&File>, &mut File) -> Result<(), SegmentError>,
) -> Result<InUse, IndexError> {
    private_dir(folder).map_err(doing("make the folder", folder))?;
    let path = folder.join(name);
    let spool_path = folder.join(format!("{name}.tmp"));
    let file = new_file(&path)?;
    let mut spool = new_file(&spool_path)?;
    write(BufWriter::new(&file), &mut spool)?;
    drop(spool);
    file.sync_all().map_err(doing("write", &path))?;
    fs::remove_file(&spool_path).map_err(doing("remove", &spool_path))?;
    open(folder, name, Dead::default())
}

fn new_file(path: &Path) -> Result<File, IndexError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(doing("write", path))
}

/// Removes what no list names. What cannot be removed (some systems keep open files) is tried again next time.
pub(super) fn sweep(folder: &Path, segments: &[InUse]) {
    let Ok(files) = fs::read_dir(folder) else { return };
    for file in files.flatten() {
        let name = file.file_name();
        if name != LIST && !segments.iter().any(|part| name == part.file.as_str()) {
            let _ = fs::remove_file(file.path()); // the next sweep finds it again
        }
    }
}

fn doing(what: &str, path: &Path) -> impl FnOnce(io::Error) -> IndexError {
    let doing = format!("{what} {}", PathBuf::from(path).display());
    move |source| IndexError::File { doing, source }
}
