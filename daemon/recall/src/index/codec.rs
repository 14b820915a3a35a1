//! How postings are written: blocks of 128 memories, their numbers as packed differences (Lemire and Boytsov, "Decoding
//! billions of integers per second through vectorization", 2015), followed by their impacts, a byte each; what is left
//! over as differences of seven bits a byte. Each block begins with its last number, so that it can be passed over. A term that very many memories hold is written as an impact for each memory,
//! held or not: those are added up many at a time.

use std::io;
use std::ops::Range;

use bitpacking::{BitPacker, BitPacker4x};

use crate::terms::Stem;

/// A term's share in a memory's score, without the term's weight: [`SCALE`] steps are 1.
pub type Impact = u8;

/// A term with the memories that hold it, in rising order, each with what the term says about it.
pub type Held = (Stem, Vec<(u32, Impact)>);

/// Memories of a block.
pub const BLOCK: usize = BitPacker4x::BLOCK_LEN;
/// Bytes that a block begins with: the number of its bits, the last of its memories.
const HEAD: usize = 1 + 4;
/// Bytes of a block at most: what it begins with, its memories, their impacts.
const MOST_BLOCK: usize = HEAD + 4 * BLOCK + BLOCK;
/// Bytes of a memory beside the blocks at most.
const MOST_SINGLE: usize = 6;
/// The first byte of an impact for each memory; other postings of a block or more begin with a number of bits.
const DENSE: u8 = 0xff;
/// One memory in so many must hold a term for that. It is then quicker to add up, and hardly takes more room.
const DENSE_FROM: usize = 4;
/// BM25's saturation of repeated terms.
const K1: f32 = 1.2;
/// BM25's correction for length.
const B: f32 = 0.75;
/// Words at which the correction is neutral.
const AVERAGE_WORDS: f32 = 150.0;
/// Steps of an impact for a contribution of 1; the greatest contribution is 2.2.
pub const SCALE: f32 = 255.0 / (K1 + 1.0);

/// The impact of a term that stands `count` times in a memory of so many words.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
pub fn impact(count: usize, words: usize) -> Impact {
    let (count, words) = (count as f32, words as f32);
    let norm = K1 * (1.0 - B + B * words / AVERAGE_WORDS);
    let contribution = count * (K1 + 1.0) / (count + norm);
    (contribution * SCALE).round().clamp(1.0, 255.0) as Impact
}

/// Appends postings, which are in strictly rising order.
pub fn write(postings: &[(u32, Impact)], out: &mut Vec<u8>) {
    let span = postings.last().map_or(0, |&(last, _)| last as usize + 1);
    if postings.len() >= BLOCK && postings.len() >= span / DENSE_FROM {
        out.push(DENSE);
        let start = out.len();
        out.resize(start + span, 0);
        for &(memory, impact) in postings {
            out[start + memory as usize] = impact;
        }
        return;
    }
    let coder = BitPacker4x::new();
    let mut last = None;
    let mut numbers = [0; BLOCK];
    let blocks = postings.chunks_exact(BLOCK);
    let rest = blocks.remainder();
    for block in blocks {
        for (number, (memory, _)) in numbers.iter_mut().zip(block) {
            *number = *memory;
        }
        let bits = coder.num_bits_strictly_sorted(last, &numbers);
        let mut packed = [0; BLOCK * 4];
        let length = coder.compress_strictly_sorted(last, &numbers, &mut packed, bits);
        out.push(bits);
        out.extend_from_slice(&numbers[BLOCK - 1].to_le_bytes());
        out.extend_from_slice(&packed[..length]);
        out.extend(block.iter().map(|(_, impact)| impact));
        last = Some(numbers[BLOCK - 1]);
    }
    for &(memory, impact) in rest {
        varint(memory - last.map_or(0, |last: u32| last + 1), out);
        out.push(impact);
        last = Some(memory);
    }
}

/// Reads `count` postings and hands each run of them on. Errors: the bytes end too early or hold what was never written.
pub fn read(bytes: &[u8], count: usize, each: impl FnMut(&[u32], &[Impact])) -> io::Result<()> {
    Runs::new(bytes, count)?.below(u64::MAX, each)
}

/// Where encoded postings come from.
pub trait Bytes {
    /// What comes next: at least so many bytes, fewer only at the end.
    fn peek(&mut self, wanted: usize) -> io::Result<&[u8]>;

    /// Leaves so many of them behind.
    fn skip(&mut self, count: usize);
}

impl Bytes for &[u8] {
    fn peek(&mut self, _wanted: usize) -> io::Result<&[u8]> {
        Ok(self)
    }

    fn skip(&mut self, count: usize) {
        *self = &self[count.min(self.len())..];
    }
}

/// What a block begins with.
struct Head {
    bits: u8,
    /// The last of its memories.
    last: u32,
}

/// Postings that are read piece by piece.
pub struct Runs<B> {
    coder: BitPacker4x,
    bytes: B,
    /// The bytes are an impact for each memory.
    is_dense: bool,
    last: Option<u32>,
    /// Postings that were not decoded yet.
    left: usize,
    numbers: [u32; BLOCK],
    impacts: [Impact; BLOCK],
    /// What was decoded and not handed on.
    decoded: Range<usize>,
}

impl<B> std::fmt::Debug for Runs<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runs").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<B: Bytes> Runs<B> {
    /// So many postings.
    pub fn new(mut bytes: B, count: usize) -> io::Result<Self> {
        let is_dense = count >= BLOCK && bytes.peek(1)?.first() == Some(&DENSE);
        bytes.skip(usize::from(is_dense));
        let (numbers, impacts) = ([0; BLOCK], [0; BLOCK]);
        Ok(Self {
            coder: BitPacker4x::new(),
            bytes,
            is_dense,
            last: None,
            left: count,
            numbers,
            impacts,
            decoded: 0..0,
        })
    }

    /// True when the bytes are, after the first, an impact for each memory from the first one on, 0 for one that does not
    /// hold the term.
    pub fn is_dense(&self) -> bool {
        self.is_dense
    }

    /// Hands on, in runs, those whose numbers are below this one and were not handed on before. Errors: see [`read`].
    pub fn below(&mut self, end: u64, mut each: impl FnMut(&[u32], &[Impact])) -> io::Result<()> {
        loop {
            let (numbers, impacts) = (&self.numbers[self.decoded.clone()], &self.impacts[self.decoded.clone()]);
            let run = match numbers.last() {
                Some(&last) if u64::from(last) >= end => numbers.partition_point(|&number| u64::from(number) < end),
                _ => numbers.len(),
            };
            if run > 0 {
                each(&numbers[..run], &impacts[..run]);
            }
            self.decoded.start += run;
            if !self.decoded.is_empty() || self.left == 0 {
                return Ok(());
            }
            self.decode()?;
        }
    }

    /// Leaves blocks behind that end before this number, without decoding them. Errors: see [`read`].
    pub fn skip_to(&mut self, number: u32) -> io::Result<()> {
        if self.numbers[self.decoded.clone()].last().is_some_and(|&last| last >= number) {
            return Ok(());
        }
        self.decoded = 0..0;
        while !self.is_dense && self.left >= BLOCK {
            let (head, block) = block(&mut self.bytes)?;
            if head.last >= number {
                break;
            }
            let length = HEAD + block.len();
            self.bytes.skip(length);
            self.last = Some(head.last);
            self.left -= BLOCK;
        }
        Ok(())
    }

    fn decode(&mut self) -> io::Result<()> {
        let count = self.left.min(BLOCK);
        if self.is_dense {
            self.decode_dense(count)?;
        } else if count == BLOCK {
            self.decode_block()?;
        } else {
            self.decode_rest(count)?;
        }
        self.left -= count;
        self.decoded = 0..count;
        Ok(())
    }

    fn decode_dense(&mut self, count: usize) -> io::Result<()> {
        for at in 0..count {
            let mut number = self.last.map_or(0, |last| last + 1);
            let impact = loop {
                match self.bytes.peek(1)?.first().ok_or(io::ErrorKind::InvalidData)? {
                    0 => number = number.checked_add(1).ok_or(io::ErrorKind::InvalidData)?,
                    impact => break *impact,
                }
                self.bytes.skip(1);
            };
            self.bytes.skip(1);
            (self.numbers[at], self.impacts[at], self.last) = (number, impact, Some(number));
        }
        Ok(())
    }

    fn decode_block(&mut self) -> io::Result<()> {
        let (head, block) = block(&mut self.bytes)?;
        let (packed, impacts) = block.split_at(block.len() - BLOCK);
        self.impacts.copy_from_slice(impacts);
        self.coder.decompress_strictly_sorted(self.last, packed, &mut self.numbers, head.bits);
        self.last = Some(head.last);
        let length = HEAD + block.len();
        self.bytes.skip(length);
        Ok(())
    }

    fn decode_rest(&mut self, count: usize) -> io::Result<()> {
        for at in 0..count {
            let mut rest = self.bytes.peek(MOST_SINGLE)?;
            let before = rest.len();
            let one = read_single(&mut rest, self.last).ok_or(io::ErrorKind::InvalidData)?;
            let used = before - rest.len();
            self.bytes.skip(used);
            (self.numbers[at], self.impacts[at], self.last) = (one.0, one.1, Some(one.0));
        }
        Ok(())
    }
}

/// The next block: what it begins with, and its memories and impacts.
fn block(bytes: &mut impl Bytes) -> io::Result<(Head, &[u8])> {
    let wrong = io::ErrorKind::InvalidData;
    let (head, after) = bytes.peek(MOST_BLOCK)?.split_first_chunk::<HEAD>().ok_or(wrong)?;
    let &[bits, a, b, c, d] = head;
    let length = if bits <= 32 { usize::from(bits) * BLOCK / 8 } else { return Err(wrong.into()) };
    let block = after.get(..length + BLOCK).ok_or(wrong)?;
    Ok((Head { bits, last: u32::from_le_bytes([a, b, c, d]) }, block))
}

/// A memory that is left over from the blocks, with its impact.
fn read_single(rest: &mut &[u8], last: Option<u32>) -> Option<(u32, Impact)> {
    let difference = read_varint(rest)?;
    let (&impact, after) = rest.split_first()?;
    *rest = after;
    let number = match last {
        None => difference,
        Some(last) => difference.checked_add(last)?.checked_add(1)?,
    };
    Some((number, impact))
}

fn varint(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn read_varint(rest: &mut &[u8]) -> Option<u32> {
    let mut value = 0_u32;
    for shift in (0..35).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(postings: &[(u32, Impact)]) -> Vec<(u32, Impact)> {
        let mut bytes = Vec::new();
        write(postings, &mut bytes);
        let mut back = Vec::new();
        read(&bytes, postings.len(), |numbers, impacts| {
            back.extend(numbers.iter().copied().zip(impacts.iter().copied()));
        })
        .unwrap();
        let (mut pieces, mut runs) = (Vec::new(), Runs::new(bytes.as_slice(), postings.len()).unwrap());
        for end in [1, 1, 130, 1_000, 70_000, u64::from(u32::MAX), u64::MAX] {
            runs.below(end, |numbers, _| pieces.extend_from_slice(numbers)).unwrap();
            assert_eq!(pieces.len(), postings.iter().filter(|(number, _)| u64::from(*number) < end).count());
        }
        assert!(pieces.iter().eq(postings.iter().map(|(number, _)| number)));
        for step in [1, 300, 40_000] {
            let mut runs = Runs::new(bytes.as_slice(), postings.len()).unwrap();
            for number in postings.iter().step_by(step).map(|&(number, _)| number) {
                runs.skip_to(number).unwrap();
                runs.below(u64::from(number), |_, _| {}).unwrap();
                let mut at = Vec::new();
                runs.below(u64::from(number) + 1, |numbers, _| at.extend_from_slice(numbers)).unwrap();
                assert_eq!(at, [number]);
            }
        }
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end], postings.len(), |_, _| {}).is_err(), "cut at {end}");
        }
        back
    }

    #[test]
    fn what_is_written_is_read() {
        for count in [1_usize, 2, 127, 128, 129, 300] {
            for step in [1_u32, 2, 1_000, 9_999_999] {
                let postings: Vec<_> = (0..count)
                    .map(|at| (u32::try_from(at).unwrap() * step + step / 3, Impact::try_from(at % 255 + 1).unwrap()))
                    .collect();
                assert_eq!(round_trip(&postings), postings);
            }
        }
        assert_eq!(round_trip(&[(0, 1), (u32::MAX, 2)]), [(0, 1), (u32::MAX, 2)]);
    }

    #[test]
    fn what_most_memories_hold_is_an_impact_for_each() {
        let dense = |postings: &[(u32, Impact)]| {
            let mut bytes = Vec::new();
            write(postings, &mut bytes);
            Runs::new(bytes.as_slice(), postings.len()).unwrap().is_dense().then(|| bytes.split_off(1))
        };
        let every = |step: u32| -> Vec<(u32, Impact)> { (1..=400).map(|at| (at * step, 7)).collect() };
        let impacts = dense(&every(3)).unwrap();
        assert_eq!((impacts.len(), impacts[1200], impacts[1199]), (1201, 7, 0));
        assert_eq!((dense(&every(5)), dense(&every(1)[..BLOCK - 1])), (None, None));
    }

    #[test]
    fn an_impact_grows_with_the_count_and_falls_with_the_length() {
        assert!(impact(2, 100) > impact(1, 100));
        assert!(impact(1, 50) > impact(1, 500));
        assert_eq!((impact(1_000_000, 10), impact(1, 1_000_000)), (255, 1));
    }
}
