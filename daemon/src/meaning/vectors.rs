//! The vectors of one replica's memories, in two files beside it.
//!
//! `signs` has a record for each memory: its number, when it was made, and a bit for each number of its vector; a search
//! reads all of it, in blocks. `steps` has the same vectors with a byte for each number, of which a search reads the few that
//! are nearest by their signs. Both are read by position, so that what is not asked for takes no memory but 16 bytes a
//! vector. The record of a memory that is gone is overwritten with zeros.
//!
//! Architecture invariant: derived, and never the truth. Files of another model, of another form or damaged are made anew.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use embed::compact::{self, Compact};
use embed::positioned::{read_at, write_at};
use hooks::durable::{private_dir, private_file};
use serde::{Deserialize, Serialize};

use crate::files::write_private;

/// Written by this program and read by it; another number is another form.
const FORM: u32 = 1;
const HEAD: &str = "vectors.json";
/// Words of a record of signs before them: the memory's number, and when it was made.
const BEFORE_SIGNS: usize = 2;
/// Bytes of a record of steps before them: what the text was, the scale, a checksum.
const BEFORE_STEPS: usize = 16;
/// Records that are read in one go.
const BLOCK: u32 = 1_024;
/// Of how many the bytes decide, for each one that is wanted, and at least.
const RESCORED: usize = 4;
const RESCORED_LEAST: usize = 256;

#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Head {
    form: u32,
    identity: String,
    dimensions: usize,
}

/// A memory's number, when it was made (seconds since the Unix epoch), and what its text was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) key: u64,
    pub(crate) made: u32,
    pub(crate) text: u64,
}

/// The files in use.
#[derive(Debug)]
pub(crate) struct Vectors {
    dimensions: usize,
    signs: File,
    steps: File,
    places: HashMap<u64, u32>,
    free: Vec<u32>,
    records: u32,
}

impl Vectors {
    /// Opens the files of a folder when they are of that model; None when there are none that can be used.
    pub(crate) fn open(folder: &Path, identity: &str) -> Option<Vectors> {
        let head: Head = serde_json::from_slice(&fs::read(folder.join(HEAD)).ok()?).ok()?;
        if head.form != FORM || head.identity != identity || head.dimensions == 0 {
            return None;
        }
        let open = |name| private_file().read(true).write(true).open(folder.join(name)).ok();
        let (signs, steps) = (open("signs")?, open("steps")?);
        let mut vectors =
            Vectors { dimensions: head.dimensions, signs, steps, places: HashMap::new(), free: Vec::new(), records: 0 };
        vectors.read_places().ok()?;
        Some(vectors)
    }

    /// Makes empty files, in place of what is there.
    pub(crate) fn create(folder: &Path, identity: &str, dimensions: usize) -> io::Result<Vectors> {
        remove(folder)?;
        private_dir(folder)?;
        let make = |name| private_file().read(true).write(true).create_new(true).open(folder.join(name));
        let (signs, steps) = (make("signs")?, make("steps")?);
        let head = Head { form: FORM, identity: identity.to_owned(), dimensions };
        write_private(&folder.join(HEAD), &serde_json::to_vec(&head).map_err(io::Error::from)?)?;
        Ok(Vectors { dimensions, signs, steps, places: HashMap::new(), free: Vec::new(), records: 0 })
    }

    fn read_places(&mut self) -> io::Result<()> {
        let (size, record) = (self.signs.metadata()?.len(), self.sign_words() as u64 * 8);
        self.records = u32::try_from(size / record).map_err(io::Error::other)?;
        if self.steps.metadata()?.len() < u64::from(self.records) * self.step_bytes() as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (mut places, mut free) = (HashMap::new(), Vec::new());
        self.each_block(|first, block, words| {
            for (place, record) in (first..).zip(block.chunks_exact(words)) {
                match record[0] {
                    0 => free.push(place),
                    key => drop(places.insert(key, place)),
                }
            }
            Ok(())
        })?;
        (self.places, self.free) = (places, free);
        Ok(())
    }

    fn sign_words(&self) -> usize {
        BEFORE_SIGNS + self.dimensions.div_ceil(64)
    }

    fn step_bytes(&self) -> usize {
        BEFORE_STEPS + self.dimensions
    }

    /// Numbers of a vector.
    pub(crate) fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Memories that have one.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Their numbers, in order.
    pub(crate) fn keys(&self) -> Vec<u64> {
        let mut keys: Vec<u64> = self.places.keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    /// Bytes of the files.
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.records) * (self.sign_words() * 8 + self.step_bytes()) as u64
    }

    /// What the text was of which a memory's vector is.
    pub(crate) fn text_of(&self, key: u64) -> io::Result<Option<u64>> {
        let Some(&place) = self.places.get(&key) else { return Ok(None) };
        let mut bytes = [0; 8];
        read_at(&self.steps, u64::from(place) * self.step_bytes() as u64, &mut bytes)?;
        Ok(Some(u64::from_le_bytes(bytes)))
    }

    /// Gives a memory its vector, in place of the one that it had.
    pub(crate) fn put(&mut self, mark: Mark, vector: &[f32]) -> io::Result<()> {
        let place = self.places.get(&mark.key).copied().or_else(|| self.free.pop()).unwrap_or(self.records);
        let compact = Compact::of(vector);
        let mut bytes = Vec::with_capacity(self.step_bytes());
        bytes.extend_from_slice(&mark.text.to_le_bytes());
        bytes.extend_from_slice(&compact.scale.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend(compact.steps.iter().map(|step| step.cast_unsigned()));
        let sum = checksum(mark.key, &bytes);
        bytes[12..16].copy_from_slice(&sum.to_le_bytes());
        // The signs come last: a memory counts from then on.
        write_at(&self.steps, u64::from(place) * self.step_bytes() as u64, &bytes)?;
        let mut words = vec![mark.key, u64::from(mark.made)];
        words.extend(compact::signs(vector));
        self.write_signs(place, &words)?;
        self.records = self.records.max(place + 1);
        self.places.insert(mark.key, place);
        Ok(())
    }

    /// Takes a memory's vector away, out of the files too.
    pub(crate) fn remove(&mut self, key: u64) -> io::Result<()> {
        let Some(place) = self.places.remove(&key) else { return Ok(()) };
        self.write_signs(place, &vec![0; self.sign_words()])?;
        write_at(&self.steps, u64::from(place) * self.step_bytes() as u64, &vec![0; self.step_bytes()])?;
        self.free.push(place);
        Ok(())
    }

    fn write_signs(&self, place: u32, words: &[u64]) -> io::Result<()> {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        write_at(&self.signs, u64::from(place) * bytes.len() as u64, &bytes)
    }

    fn each_block(&self, mut take: impl FnMut(u32, &[u64], usize) -> io::Result<()>) -> io::Result<()> {
        let words = self.sign_words();
        let most = BLOCK as usize * words;
        let (mut bytes, mut block) = (vec![0; most * 8], Vec::with_capacity(most));
        let mut first = 0;
        while first < self.records {
            let count = (self.records - first).min(BLOCK) as usize;
            let bytes = &mut bytes[..count * words * 8];
            read_at(&self.signs, u64::from(first) * words as u64 * 8, bytes)?;
            block.clear();
            block.extend(bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)));
            take(first, &block, words)?;
            first += BLOCK;
        }
        Ok(())
    }

    /// The memories that are nearest to a question, best first, with how near each is. `counts` says what a memory of that
    /// number, made then, counts: 0 when it is not wanted.
    pub(crate) fn nearest(
        &self,
        question: &[f32],
        counts: &dyn Fn(u64, u32) -> f32,
        most: usize,
    ) -> io::Result<Vec<(u64, f32)>> {
        let asked = compact::signs(question);
        let pool = (most * RESCORED).max(RESCORED_LEAST);
        let mut best: Vec<(f32, u64, u32)> = Vec::with_capacity(2 * pool);
        let mut bar = f32::NEG_INFINITY;
        let mut differences = Vec::with_capacity(BLOCK as usize);
        #[expect(clippy::cast_precision_loss, reason = "a few thousand signs")]
        self.each_block(|first, block, words| {
            compact::differences(&asked, block, BEFORE_SIGNS, &mut differences);
            let records = block.chunks_exact(words).zip(&differences);
            for (place, (record, &differ)) in (first..).zip(records) {
                let near = 1.0 - 2.0 * differ as f32 / self.dimensions as f32;
                // What counts less than 1 can only fall: most are passed over before anything is looked up.
                if near <= bar || record[0] == 0 {
                    continue;
                }
                let worth = near * counts(record[0], u32::try_from(record[1]).unwrap_or(u32::MAX));
                if worth > bar && worth > 0.0 {
                    best.push((worth, record[0], place));
                    if best.len() == 2 * pool {
                        best.select_nth_unstable_by(pool - 1, |a, b| b.0.total_cmp(&a.0));
                        best.truncate(pool);
                        bar = best[pool - 1].0;
                    }
                }
            }
            Ok(())
        })?;
        best.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        best.truncate(pool);
        let mut near: Vec<(f32, u64, f32)> = Vec::with_capacity(best.len());
        for (_, key, place) in best {
            let likeness = self.likeness_at(question, key, place)?;
            near.push((likeness * counts(key, 0), key, likeness));
        }
        near.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
        near.truncate(most);
        Ok(near.into_iter().map(|(_, key, likeness)| (key, likeness)).collect())
    }

    /// How near a memory is; None when it has no vector.
    pub(crate) fn likeness(&self, question: &[f32], key: u64) -> io::Result<Option<f32>> {
        let Some(&place) = self.places.get(&key) else { return Ok(None) };
        self.likeness_at(question, key, place).map(Some)
    }

    fn likeness_at(&self, question: &[f32], key: u64, place: u32) -> io::Result<f32> {
        let mut bytes = vec![0; self.step_bytes()];
        read_at(&self.steps, u64::from(place) * self.step_bytes() as u64, &mut bytes)?;
        let word = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        let (scale, sum) = (f32::from_le_bytes(word(8)), u32::from_le_bytes(word(12)));
        bytes[12..16].fill(0);
        if checksum(key, &bytes) != sum {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a vector is damaged"));
        }
        let steps: Vec<i8> = bytes[BEFORE_STEPS..].iter().map(|byte| byte.cast_signed()).collect();
        Ok(compact::likeness(question, &steps, scale))
    }
}

/// Removes all files of a folder.
pub(crate) fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// True when there is something to remove.
pub(crate) fn exist(folder: &Path) -> bool {
    PathBuf::from(folder).join(HEAD).exists()
}

fn checksum(key: u64, record: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&key.to_le_bytes());
    sum.update(record);
    sum.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = "a model";

    fn direction(at: usize) -> Vec<f32> {
        let raw: Vec<f32> = (0..70)
            .map(|n| if n == at % 70 { 8.0 } else { f32::from(u8::try_from((n * at) % 7).unwrap()) / 7.0 - 0.45 })
            .collect();
        let size = raw.iter().map(|value| value * value).sum::<f32>().sqrt();
        raw.into_iter().map(|value| value / size).collect()
    }

    fn mark(key: u64) -> Mark {
        Mark { key, made: 1_000 + u32::try_from(key).unwrap(), text: key * 3 }
    }

    fn filled(folder: &Path, count: u64) -> Vectors {
        let mut vectors = Vectors::create(folder, MODEL, 70).unwrap();
        for key in 1..=count {
            vectors.put(mark(key), &direction(usize::try_from(key).unwrap())).unwrap();
        }
        vectors
    }

    fn nearest(vectors: &Vectors, at: usize, counts: &dyn Fn(u64, u32) -> f32) -> Vec<u64> {
        vectors.nearest(&direction(at), counts, 3).unwrap().into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn the_nearest_are_found_among_those_that_count() {
        let folder = tempfile::tempdir().unwrap();
        let vectors = filled(folder.path(), 2_000);
        assert_eq!(nearest(&vectors, 33, &|key, _| if key < 70 { 1.0 } else { 0.0 })[0], 33);
        assert!(!nearest(&vectors, 33, &|key, _| if key == 33 { 0.0 } else { 1.0 }).contains(&33));
        assert!(nearest(&vectors, 33, &|_, made| if made < 1_011 { 1.0 } else { 0.0 }).iter().all(|&key| key < 11));
        assert!(nearest(&vectors, 33, &|_, _| 0.0).is_empty());
        assert!((vectors.likeness(&direction(33), 33).unwrap().unwrap() - 1.0).abs() < 0.02);
        assert_eq!(vectors.likeness(&direction(33), 9_999).unwrap(), None);
    }

    #[test]
    fn files_are_taken_over_and_what_is_gone_is_out_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut vectors = filled(folder.path(), 1_500);
        let steps = vectors.step_bytes();
        vectors.remove(7).unwrap();
        vectors.remove(7_777).unwrap();
        drop(vectors);
        let bytes = fs::read(folder.path().join("steps")).unwrap();
        assert!(bytes[6 * steps..7 * steps].iter().all(|&byte| byte == 0));
        let mut vectors = Vectors::open(folder.path(), MODEL).unwrap();
        assert_eq!((vectors.len(), vectors.text_of(8).unwrap(), vectors.text_of(7).unwrap()), (1_499, Some(24), None));
        let before = vectors.bytes();
        vectors.put(mark(5_000), &direction(7)).unwrap();
        assert_eq!((vectors.bytes(), vectors.len()), (before, 1_500), "the place is used again");
        assert_eq!(nearest(&vectors, 7, &|key, _| if key > 4_000 { 1.0 } else { 0.0 }), [5_000]);
    }

    #[test]
    fn what_is_foreign_cut_off_or_damaged_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let vectors = filled(folder.path(), 20);
        assert!(Vectors::open(folder.path(), "another model").is_none());
        let path = folder.path().join("steps");
        let mut bytes = fs::read(&path).unwrap();
        bytes[vectors.step_bytes() * 4 + 20] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(vectors.likeness(&direction(3), 5).is_err() && vectors.likeness(&direction(3), 6).is_ok());
        fs::write(&path, &bytes[..100]).unwrap();
        assert!(Vectors::open(folder.path(), MODEL).is_none());
    }
}
