//! The reconciliation in virtual time: seeds that once failed, and some that nobody has seen.
//!
//! The longer runs are commands: `cargo run -p tests --release --bin simulate -- --help`.

use world::sim::{campaign, run};

/// Each once failed, with what was wrong.
const PINNED: [(u64, &str); 31] = [
    (2, "a delete was pushed, refused and taken back for ever while a child came from another machine"),
    (1, "a refused delete was not tried again after the last child had gone"),
    (34, "a local edit that only its own delete knew of counted as known"),
    (86, "a parent that was deleted and made anew under its name waited for its child, and the child for it"),
    (87, "a name that a deleted row still held at central was not tried again after that had gone"),
    (95, "a central that was restored within a round took back what had been agreed on before"),
    (124, "a delete of a disk that was lost"),
    (226, "a link to a tag that became another"),
    (279, "an edit that a restored central had forgotten went with a delete, off the record"),
    (157, "a row that a copy sent once more came back older than it was deleted"),
    (206, "an edit of a row that a restored central lacked was taken for what both had agreed on"),
    (550, "a link to a tag that became another pointed at a parent that had gone"),
    (796, "an edited row came back when its name was taken, and vanished"),
    (799, "an edited row came back when its name was taken, and vanished"),
    (978, "a link was deleted on the page on which its tag became another"),
    (1459, "rows of two tables got one place in the journal after central was restored, and stopped every round"),
    (1470, "a row whose parent was refused seemed to be refused by a condition"),
    (1912, "a row that refers to itself could not be deleted"),
    (2124, "a refused row waited for years after the clock was set back"),
    (2144, "a child that followed its parent found its name taken, and stopped every round"),
    (2309, "a row that a restored machine had deleted before it knew of that came back off the record"),
    (2543, "a name that a refused row still holds"),
    (10_697, "a row that a restored machine had deleted in its first round came back off the record"),
    (4062, "a row that one machine folded into another, and another one brought back"),
    (4830, "a link whose tag became another, and then came back"),
    (6243, "a row went back to a parent that had been deleted since"),
    (9863, "a link whose tag became two others on two machines"),
    (1020, "a change that was taken back found its old place taken, and stopped every round"),
    (1059, "a link that two machines made under two names of one tag"),
    (1299, "a change that was taken back found its old place taken, and stopped every round"),
    (10_143, "a parent that came back took its namesake's children while references dangled, and stopped every round"),
];

/// Fresh seeds: few enough for every run of the tests.
const FRESH: std::ops::Range<u64> = 20_000..20_060;

#[test]
fn nothing_is_lost_and_all_come_together() {
    let seeds: Vec<u64> = PINNED.iter().map(|(seed, _)| *seed).chain(FRESH).collect();
    let found = campaign(&seeds, 2, None, || ());
    assert_eq!(found.seeds, seeds.len() as u64);
    assert!(found.failed.is_empty(), "replay with `simulate --seed N`: {:#?}", found.failed);
    assert!(found.tally.acknowledged > 1000 && found.tally.faults.len() > 8, "{:?}", found.tally);
}

#[test]
fn one_seed_is_one_history() {
    assert_eq!(run(3).hash, run(3).hash);
}
