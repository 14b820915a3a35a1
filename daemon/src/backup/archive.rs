//! The file: a tar archive packed with zstd. First `manifest.json`, which lists the others in their order.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BackupError, Doing, Progress, io_at};
use crate::server::guard::hex;

/// The one form that there is so far.
const FORMAT: u32 = 1;
/// Quick, and a third of the size; more effort wins little on a database.
const LEVEL: i32 = 3;
/// Bytes that are moved at once.
const PIECE: usize = 1 << 18;
/// More than any manifest has.
const MANIFEST_LIMIT: u64 = 1 << 20;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(super) format: u32,
    /// The version of the program that made it.
    pub(super) program: String,
    /// Moment of the copy, UTC.
    pub(crate) made_at: String,
    /// The machine's name.
    pub(crate) machine: String,
    /// Who that machine's replica was to central.
    pub(crate) replica_id: String,
    pub(crate) schema_version: u32,
    /// True when the settings name a central whose password was left out.
    pub(crate) password_left_out: bool,
    pub(super) files: Vec<Item>,
}

/// A file in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// The replica in the archive.
pub(super) const REPLICA: &str = "replica.db";
/// The settings.
pub(super) const SETTINGS: &str = "config.toml";
/// The vault's keys, wrapped.
pub(super) const KEYS: &str = "vault.keys.wrapped";

impl Manifest {
    pub(super) fn new(made_at: String, machine: String) -> Manifest {
        Manifest {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            made_at,
            machine,
            replica_id: String::new(),
            schema_version: 0,
            password_left_out: false,
            files: Vec::new(),
        }
    }

    /// Whether it has a file of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.files.iter().any(|item| item.name == name)
    }

    fn bytes(&self) -> u64 {
        self.files.iter().map(|item| item.bytes).sum()
    }
}

/// Something to be put in.
pub(super) enum Content {
    /// Text that is here.
    Text(String),
    /// A file, whatever its size.
    File(PathBuf),
}

/// Packs what there is into a new file, mode 0600, which is on disk for good when this returns. The manifest gets the list.
pub(super) fn pack(
    path: &Path,
    manifest: &mut Manifest,
    contents: &[(&str, Content)],
    progress: Progress<'_>,
) -> Result<(), BackupError> {
    for (name, content) in contents {
        manifest.files.push(item(name, content)?);
    }
    let total = manifest.bytes();
    let writing = || io_at("write", path);
    let file = hooks::durable::private_file().write(true).create_new(true).open(path).map_err(writing())?;
    let mut packed = zstd::Encoder::new(BufWriter::new(file), LEVEL).map_err(writing())?;
    packed.include_checksum(true).map_err(writing())?;
    let mut tar = tar::Builder::new(packed);
    let said = serde_json::to_vec_pretty(&*manifest).map_err(|error| writing()(error.into()))?;
    append(&mut tar, "manifest.json", said.len() as u64, &*said).map_err(writing())?;
    let mut done = 0;
    for ((_, content), item) in contents.iter().zip(&manifest.files) {
        let mut tell = |bytes| {
            done += bytes;
            progress(Doing::Packing, done, total);
        };
        let appended = match content {
            Content::Text(text) => append(&mut tar, &item.name, item.bytes, text.as_bytes()),
            Content::File(from) => {
                let from = File::open(from).map_err(io_at("read", from))?;
                append(&mut tar, &item.name, item.bytes, Told { inner: from, tell: &mut tell })
            }
        };
        appended.map_err(writing())?;
    }
    let packed = tar.into_inner().map_err(writing())?;
    let file = packed.finish().and_then(|buffer| buffer.into_inner().map_err(io::IntoInnerError::into_error));
    file.and_then(|file| file.sync_all()).map_err(writing())
}

fn item(name: &str, content: &Content) -> Result<Item, BackupError> {
    let (bytes, sha256) = match content {
        Content::Text(text) => (text.len() as u64, hex(&Sha256::digest(text))),
        Content::File(path) => {
            let inner = File::open(path).map_err(io_at("read", path))?;
            let mut file = Checked { inner, hash: Sha256::new() };
            let bytes = copy(&mut file, &mut io::sink(), &mut |_| {}).map_err(io_at("read", path))?;
            (bytes, hex(&file.hash.finalize()))
        }
    };
    Ok(Item { name: name.to_owned(), bytes, sha256 })
}

fn append(tar: &mut tar::Builder<impl Write>, name: &str, bytes: u64, content: impl Read) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    tar.append_data(&mut header, name, content)
}

/// A reader that says how much was read.
struct Told<'a, R> {
    inner: R,
    tell: &'a mut dyn FnMut(u64),
}

impl<R: Read> Read for Told<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        (self.tell)(count as u64);
        Ok(count)
    }
}

fn copy(from: &mut impl Read, to: &mut impl Write, tell: &mut dyn FnMut(u64)) -> io::Result<u64> {
    let (mut piece, mut total) = (vec![0; PIECE], 0);
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(total),
            count => {
                to.write_all(&piece[..count])?;
                total += count as u64;
                tell(count as u64);
            }
        }
    }
}

type Opened = tar::Archive<zstd::Decoder<'static, BufReader<File>>>;

fn open(path: &Path) -> Result<Opened, BackupError> {
    let file = File::open(path).map_err(io_at("read", path))?;
    Ok(tar::Archive::new(zstd::Decoder::new(file).map_err(io_at("read", path))?))
}

fn damaged(path: &Path) -> impl Fn(String) -> BackupError {
    let path = path.to_owned();
    move |what| BackupError::Damaged { path: path.clone(), what }
}

/// What a backup says of itself.
pub(super) fn manifest(path: &Path) -> Result<Manifest, BackupError> {
    read_manifest(path, &mut open(path)?)
}

fn read_manifest(path: &Path, archive: &mut Opened) -> Result<Manifest, BackupError> {
    let damaged = damaged(path);
    let first = archive.entries().and_then(|mut entries| entries.next().transpose());
    let first = first.map_err(|error| damaged(error.to_string()))?.ok_or_else(|| damaged("it is empty".into()))?;
    let mut text = Vec::new();
    first.take(MANIFEST_LIMIT).read_to_end(&mut text).map_err(|error| damaged(error.to_string()))?;
    let said: serde_json::Value =
        serde_json::from_slice(&text).map_err(|_| damaged("it does not begin with a manifest".into()))?;
    if said["format"].as_u64().is_some_and(|format| format > FORMAT.into()) {
        let program = said["program"].as_str().unwrap_or("?").chars().take(40).collect();
        return Err(BackupError::Newer { path: path.to_owned(), program });
    }
    serde_json::from_value(said).map_err(|error| damaged(format!("its manifest says: {error}")))
}

/// Where an entry goes.
pub(super) enum Goes {
    /// Into this new file.
    To(PathBuf),
    /// To be given back.
    Here,
    /// It is only compared.
    Nowhere,
}

/// Unpacks a backup, comparing every entry with what the manifest says of it; the texts that are to be given back, by name.
/// `goes` says where each goes. An error leaves half a file, which is the caller's to remove.
pub(super) fn unpack(
    path: &Path,
    goes: impl Fn(&str) -> Goes,
    doing: Doing,
    progress: Progress<'_>,
) -> Result<Vec<(String, String)>, BackupError> {
    let (damaged, mut archive) = (damaged(path), open(path)?);
    let manifest = manifest(path)?;
    let (mut texts, mut done, total) = (Vec::new(), 0, manifest.bytes());
    let mut entries = archive.entries().map_err(|error| damaged(error.to_string()))?.skip(1);
    for item in &manifest.files {
        let entry = entries.next().transpose().map_err(|error| damaged(error.to_string()))?;
        let entry = entry.ok_or_else(|| damaged(format!("{} is missing", item.name)))?;
        let mut tell = |bytes| {
            done += bytes;
            progress(doing, done, total);
        };
        // One byte more than it may have, to see that it has more.
        let mut checked = Checked { inner: entry.take(item.bytes + 1), hash: Sha256::new() };
        let mut text = Vec::new();
        let moved = match goes(&item.name) {
            Goes::To(target) => {
                let file = hooks::durable::private_file().write(true).create_new(true).open(&target);
                let mut file = file.map_err(io_at("write", &target))?;
                let moved = copy(&mut checked, &mut file, &mut tell);
                moved.and_then(|bytes| file.sync_all().map(|()| bytes))
            }
            Goes::Here => copy(&mut checked, &mut text, &mut tell),
            Goes::Nowhere => copy(&mut checked, &mut io::sink(), &mut tell),
        };
        let bytes = moved.map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull => BackupError::Io { doing: "unpack", path: path.to_owned(), source: error },
            _ => damaged(error.to_string()),
        })?;
        if bytes != item.bytes || hex(&checked.hash.finalize()) != item.sha256 {
            return Err(damaged(format!("{} is not as it was written", item.name)));
        }
        if let (false, Ok(text)) = (text.is_empty(), String::from_utf8(text)) {
            texts.push((item.name.clone(), text));
        }
    }
    drop(entries);
    // To the end, where the packing has a sum of its own.
    copy(&mut archive.into_inner(), &mut io::sink(), &mut |_| {}).map_err(|error| damaged(error.to_string()))?;
    Ok(texts)
}

/// A reader that hashes what it reads.
struct Checked<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

/// The size of a file.
pub(super) fn size(path: &Path) -> Result<u64, BackupError> {
    Ok(fs::metadata(path).map_err(io_at("look at", path))?.len())
}
