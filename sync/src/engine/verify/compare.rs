//! One table: from digests of large ranges down to the rows that differ.
//!
//! The ranges are cut at the replica's own keys. One that differs is cut again, the digests of all its pieces asked for
//! in one statement, until a piece is small enough to compare it row by row; what central has beyond that comes in pages.
//! So memory is bounded by a page and a piece, however much differs.

use merge::{Key, RowId};
use migrations::Entity;

use super::super::SyncError;
use super::judge::Judge;
use crate::central::Central;
use crate::digest::{Digest, KeyRange};
use crate::local::{self, Piece, Store};

/// Rows of a statement at central: about half a second of its work.
const STRETCH: usize = 65_536;
/// Pieces that a range is cut into.
const FAN: u64 = 32;
/// Rows of a piece that is compared row by row.
const LEAF: u64 = 128;
/// Rows that are looked at again together.
const SUSPECTS: usize = 256;

/// A table that is being compared.
pub(super) struct Comparison<'a> {
    pub(super) central: &'a Central,
    pub(super) store: &'a Store,
    pub(super) entity: &'static Entity,
    pub(super) judge: Judge<'a>,
    suspects: Vec<RowId>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(judge: Judge<'a>) -> Self {
        Self { central: judge.central, store: judge.store, entity: judge.entity, judge, suspects: Vec::new() }
    }

    /// Compares the stretch from a key on; the key that the next one starts from, None at the end.
    pub(super) async fn stretch(&mut self, from: Option<String>) -> Result<Option<String>, SyncError> {
        let entity = self.entity;
        let pieces = self.store.scan_async(move |tx| {
            let range = local::stretch(tx, entity, from, STRETCH)?;
            local::pieces(tx, entity, &range, u64::MAX)
        });
        let mut next = None;
        for piece in pieces.await? {
            self.judge.findings.rows += piece.digest.rows;
            next.clone_from(&piece.range.until);
            let there = self.central.digest(entity, &piece.range).await?;
            self.narrow(piece, there).await?;
        }
        Ok(next)
    }

    /// Has the last suspects judged.
    pub(super) async fn finish(mut self) -> Result<Judge<'a>, SyncError> {
        self.look(1).await?;
        Ok(self.judge)
    }

    async fn narrow(&mut self, piece: Piece, there: Digest) -> Result<(), SyncError> {
        let entity = self.entity;
        let mut open = vec![(piece, there)];
        while let Some((piece, there)) = open.pop() {
            if piece.digest == there {
                continue;
            }
            let rows = piece.digest.rows;
            if there.rows == 0 || rows <= LEAF {
                self.row_by_row(piece.range, there.rows).await?;
                continue;
            }
            let range = piece.range.clone();
            let size = (rows / FAN).max(LEAF / 2);
            let parts = self.store.scan_async(move |tx| local::pieces(tx, entity, &range, size)).await?;
            let cuts: Vec<String> = parts.iter().skip(1).filter_map(|part| part.range.from.clone()).collect();
            if cuts.is_empty() {
                self.row_by_row(piece.range, there.rows).await?;
                continue;
            }
            let theirs = self.central.digests(entity, &piece.range, &cuts).await?;
            open.extend(parts.into_iter().zip(theirs).rev());
        }
        Ok(())
    }

    async fn row_by_row(&mut self, range: KeyRange, there: u64) -> Result<(), SyncError> {
        let (entity, local_range) = (self.entity, range.clone());
        let mut here = self.store.scan_async(move |tx| local::hashes(tx, entity, &local_range)).await?;
        let mut after: Option<Key> = None;
        let mut last = there == 0;
        while !last {
            let (page, is_last) = self.central.row_hashes(entity, &range, after.as_ref()).await?;
            last = is_last;
            after = page.last().map(|(key, _)| key.clone());
            for (key, hash) in page {
                if here.remove(&key) != Some(hash) {
                    self.suspects.push(RowId::new(entity, key));
                }
            }
            self.look(SUSPECTS).await?;
        }
        self.suspects.extend(here.into_keys().map(|key| RowId::new(entity, key)));
        self.look(SUSPECTS).await
    }

    /// Has the suspects judged, while there are at least so many.
    async fn look(&mut self, at_least: usize) -> Result<(), SyncError> {
        while !self.suspects.is_empty() && self.suspects.len() >= at_least {
            let start = self.suspects.len().saturating_sub(SUSPECTS);
            let some = self.suspects.split_off(start);
            self.judge.look(some).await?;
        }
        Ok(())
    }
}
