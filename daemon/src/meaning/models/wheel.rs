//! Reading a wheel, which is a zip file: its list, and single files of it, stored or deflated.
//!
//! Only files whose checksum is in this program get here, so that less is needed than of a reader of all zip files: no
//! encryption, no files above 4 GiB, no parts.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use flate2::read::DeflateDecoder;

/// The end of a zip file: its list's size and place, and a comment of at most 64 KiB.
const END: &[u8; 4] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const LONGEST_COMMENT: u64 = 1 << 16;
const LISTED: &[u8; 4] = b"PK\x01\x02";
const LISTED_BYTES: usize = 46;
const LOCAL: &[u8; 4] = b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// A file in a wheel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    method: u16,
    packed: u64,
    pub(super) bytes: u64,
    at: u64,
}

/// What is in a wheel. Errors: it is no zip file.
pub(super) fn list(file: &mut File) -> io::Result<Vec<Entry>> {
    let size = file.metadata()?.len();
    let tail = size.min(LONGEST_COMMENT + END_BYTES as u64);
    let bytes = read(file, size - tail, tail)?;
    let end = bytes.windows(END_BYTES).rposition(|window| window.starts_with(END)).ok_or_else(broken)?;
    let (length, at) = (long(&bytes, end + 12)?, long(&bytes, end + 16)?);
    if at + length > size {
        return Err(broken());
    }
    let bytes = read(file, at, length)?;
    let mut entries = Vec::new();
    let mut at = 0;
    while bytes.get(at..).is_some_and(|rest| rest.starts_with(LISTED)) {
        let name_length = usize::from(short(&bytes, at + 28)?);
        let name = bytes.get(at + LISTED_BYTES..at + LISTED_BYTES + name_length).ok_or_else(broken)?;
        entries.push(Entry {
            name: String::from_utf8_lossy(name).into_owned(),
            method: short(&bytes, at + 10)?,
            packed: long(&bytes, at + 20)?,
            bytes: long(&bytes, at + 24)?,
            at: long(&bytes, at + 42)?,
        });
        let beside = usize::from(short(&bytes, at + 30)?) + usize::from(short(&bytes, at + 32)?);
        at += LISTED_BYTES + name_length + beside;
    }
    Ok(entries)
}

/// A file's content, unpacked as it is read, and never longer than listed.
pub(super) fn open<'a>(file: &'a mut File, entry: &Entry) -> io::Result<Box<dyn Read + 'a>> {
    let head = read(file, entry.at, LOCAL_BYTES as u64)?;
    if !head.starts_with(LOCAL) {
        return Err(broken());
    }
    let skip = u64::from(short(&head, 26)?) + u64::from(short(&head, 28)?);
    file.seek(SeekFrom::Start(entry.at + LOCAL_BYTES as u64 + skip))?;
    let packed = file.take(entry.packed);
    match entry.method {
        STORED => Ok(Box::new(packed)),
        DEFLATED => Ok(Box::new(DeflateDecoder::new(packed).take(entry.bytes))),
        _ => Err(broken()),
    }
}

fn read(file: &mut File, at: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(broken()) }
}

fn short(bytes: &[u8], at: usize) -> io::Result<u16> {
    let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk()).ok_or_else(broken)?;
    Ok(u16::from_le_bytes(*bytes))
}

fn long(bytes: &[u8], at: usize) -> io::Result<u64> {
    let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk()).ok_or_else(broken)?;
    Ok(u64::from(u32::from_le_bytes(*bytes)))
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not a zip file that is understood")
}

/// A zip file of some files, every other one deflated.
#[cfg(test)]
pub(super) fn pack(files: &[(&str, &[u8])]) -> Vec<u8> {
    use std::io::Write;
    let (mut out, mut listed) = (Vec::new(), Vec::new());
    for (number, (name, content)) in files.iter().enumerate() {
        let is_deflated = number % 2 == 1;
        let mut packed = content.to_vec();
        if is_deflated {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(content).unwrap();
            packed = encoder.finish().unwrap();
        }
        let long = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
        let method = [if is_deflated { 8 } else { 0 }, 0];
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        let at = out.len();
        let common =
            [&[20, 0, 0, 0][..], &method, &[0; 8], &long(packed.len()), &long(content.len()), &length].concat();
        out.extend([LOCAL, &common[..], &[0, 0], name.as_bytes(), &packed].concat());
        listed.extend([LISTED, &[20, 0][..], &common, &[0; 12], &long(at), name.as_bytes()].concat());
    }
    let (at, length) = (u32::try_from(out.len()).unwrap(), u32::try_from(listed.len()).unwrap());
    out.extend(listed);
    out.extend([END, &[0; 8][..], &length.to_le_bytes(), &at.to_le_bytes(), &[0, 0]].concat());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_listed_and_read_however_they_are_packed() {
        let long = "weights ".repeat(5_000);
        let bytes = pack(&[("a/config.json", b"{}"), ("a/model", long.as_bytes()), ("b", b"")]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.whl");
        std::fs::write(&path, &bytes).unwrap();
        let mut file = File::open(&path).unwrap();
        let entries = list(&mut file).unwrap();
        let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["a/config.json", "a/model", "b"]);
        let mut read = |at: usize| {
            let mut text = String::new();
            open(&mut file, &entries[at]).unwrap().read_to_string(&mut text).unwrap();
            text
        };
        assert_eq!((read(0), read(1), read(2)), ("{}".to_owned(), long, String::new()));
        for cut in [0, 10, bytes.len() - 30] {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            assert!(list(&mut File::open(&path).unwrap()).is_err(), "{cut}");
        }
    }
}
