//! One chain, from its start to its end: what does not fit, and what was done to it.

use std::collections::BTreeSet;

use merge::Row;
use vault::{ChainKey, Keyring, Link};

use super::heads::Head;
use super::rows::{Linked, at_position, link_of};
use super::{Broken, Chain, What};
use crate::audit::credential::record_of;

/// Rows that do not fit of which it is tried whether they only changed places; with more of them, they count as altered.
const TRIED: usize = 32;

/// What is not as it was written, in the order of the chain.
pub(super) fn verify(chain: &str, rows: &Chain, head: &Head, keys: &Keyring) -> Vec<Broken> {
    let walk = Walk { chain, rows, head, keys };
    let mut found = walk.found();
    walk.tell_moved(&mut found);
    let machine = head.machine.clone().or_else(|| walk.machine());
    found.into_iter().map(|broken| Broken { machine: machine.clone(), ..broken }).collect()
}

/// None when the key is not here. After a gap a row is taken on trust: the one that follows shows whether it is whole.
pub(super) fn fits(linked: &Linked, chain: &str, previous: Option<&Link>, keys: &Keyring) -> Option<bool> {
    let key = keys.get(linked.key.parse().ok()?).ok()?;
    let Some(previous) = previous else { return Some(true) };
    let link = ChainKey::new(key, chain).link(previous, record_of(&linked.row).as_bytes());
    Some(link_of(&linked.row) == Some(link))
}

struct Walk<'a> {
    chain: &'a str,
    rows: &'a Chain,
    head: &'a Head,
    keys: &'a Keyring,
}

impl Walk<'_> {
    fn found(&self) -> Vec<Broken> {
        let mut found = Vec::new();
        let last = self.head.position.max(self.rows.keys().next_back().copied().unwrap_or(0));
        // What the next row follows; None when that is not to be known.
        let mut previous: Option<Link> = Some([0; 32]);
        let mut before: Option<&Row> = None;
        let mut position = 1;
        while position <= last {
            let Some(here) = self.rows.get(&position) else {
                let next = self.rows.range(position..).next();
                found.push(self.removed(position, before, next.and_then(|(_, rows)| rows.first())));
                previous = None;
                // However much is missing in one place, it is told once.
                position = next.map_or(last + 1, |(next, _)| *next);
                continue;
            };
            for linked in here {
                found.extend(self.judged(linked, position, previous.as_ref()));
            }
            previous = here.first().and_then(|linked| link_of(&linked.row));
            before = here.first().map(|linked| &linked.row);
            position += 1;
        }
        found
    }

    /// What is wrong with a row, if anything.
    fn judged(&self, linked: &Linked, position: u64, previous: Option<&Link>) -> Option<Broken> {
        let is_seen = position <= self.head.position;
        let what = match fits(linked, self.chain, previous, self.keys) {
            // Linked anew by somebody who has the key.
            Some(true) if position == self.head.position && link_of(&linked.row) != Some(self.head.link) => {
                What::Altered
            }
            Some(true) => return None,
            None if !is_seen => What::Unverifiable,
            Some(false) | None => What::Altered,
        };
        let text = |name: &str| linked.row.text(name).map(str::to_owned);
        Some(Broken { id: text("id"), at: text("created_at"), ..self.broken(what, position) })
    }

    fn removed(&self, position: u64, before: Option<&Row>, next: Option<&Linked>) -> Broken {
        let text = |row: Option<&Row>, name: &str| row.and_then(|row| row.text(name)).map(str::to_owned);
        Broken {
            after: text(before, "id"),
            before: text(next.map(|linked| &linked.row), "id"),
            at: text(before, "created_at"),
            ..self.broken(What::Removed, position)
        }
    }

    fn broken(&self, what: What, position: u64) -> Broken {
        Broken { chain: Some(self.chain.to_owned()), position: Some(position), ..Broken::of(what) }
    }

    /// What a row of the chain calls its machine, where the chain was never seen whole.
    fn machine(&self) -> Option<String> {
        self.rows.values().flatten().find_map(|linked| linked.row.text("machine")).map(str::to_owned)
    }

    /// Rows that are whole but for their place were not altered: they changed places with others.
    fn tell_moved(&self, found: &mut [Broken]) {
        let failing = self.failing(found);
        if failing.len() > TRIED {
            return;
        }
        let places: BTreeSet<u64> = found.iter().filter_map(|broken| broken.position).collect();
        let ids: Vec<&str> = failing.iter().filter_map(|linked| linked.row.text("id")).collect();
        let previous: BTreeSet<Link> = self.links_before(&places, &failing);
        for broken in found.iter_mut().filter(|broken| broken.what == What::Altered) {
            let linked = failing.iter().find(|linked| linked.row.text("id") == broken.id.as_deref());
            let Some(linked) = linked else { continue };
            let elsewhere = places.iter().filter_map(|place| at_position(&linked.row, *place));
            let renamed = ids.iter().map(|id| linked.row.clone().with("id", *id));
            let mut variants = elsewhere.chain(renamed).map(|row| Linked { row, key: linked.key.clone() });
            let fits_after =
                |row: &Linked| previous.iter().any(|link| fits(row, self.chain, Some(link), self.keys) == Some(true));
            if variants.any(|row| fits_after(&row)) {
                broken.what = What::Reordered;
            }
        }
    }

    fn failing(&self, found: &[Broken]) -> Vec<&Linked> {
        let altered = found.iter().filter(|broken| broken.what == What::Altered);
        let rows = altered.filter_map(|broken| {
            let here = self.rows.get(&broken.position?)?;
            here.iter().find(|linked| linked.row.text("id") == broken.id.as_deref())
        });
        rows.collect()
    }

    /// What a row in one of these places may have followed.
    fn links_before(&self, places: &BTreeSet<u64>, failing: &[&Linked]) -> BTreeSet<Link> {
        let ahead = places.iter().filter_map(|place| self.rows.get(&place.checked_sub(1)?)?.first());
        let links = ahead.chain(failing.iter().copied()).filter_map(|linked| link_of(&linked.row));
        links.chain(places.contains(&1).then_some([0; 32])).collect()
    }
}
