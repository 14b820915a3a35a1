//! Where the client keeps its transcripts: in its own folder, and in that of every settings file that setup has changed.

use std::path::{Path, PathBuf};

use hooks::home::Home;

use crate::setup::client_folder;
use crate::setup::record::Record;
use crate::transcripts::FOLDER;

/// All of them, whether or not they are there.
pub(super) fn of_client(home: &Home) -> Vec<PathBuf> {
    let settings = Record::read(home).unwrap_or_default().settings;
    let own = client_folder(None);
    let folders = settings.iter().filter_map(|file| file.parent().map(Path::to_path_buf)).chain(own);
    let mut found: Vec<PathBuf> = folders.map(|folder| folder.join(FOLDER)).collect();
    found.sort();
    found.dedup();
    found
}
