//! What holds for any rows at all.

use std::collections::BTreeSet;

use merge::{
    Case, Change, Decision, FieldConflict, HybridTime, Input, Outcome, Row, Rule, Side, Value, Winner, decide,
};
use migrations::{Column, Entity, MergeRule};
use proptest::prelude::*;
use proptest::sample::select;

use crate::generate::{Situation, TWO_WAY, all, situation};

fn any_two_way() -> impl Strategy<Value = Situation> {
    select(TWO_WAY).prop_flat_map(situation)
}

fn uncounted() -> Vec<&'static Entity> {
    let counts = |column: &Column| column.merge == MergeRule::Counter;
    TWO_WAY.iter().copied().filter(|entity| !entity.columns.iter().any(counts)).collect()
}

fn any_table() -> impl Strategy<Value = Situation> {
    select(all()).prop_flat_map(situation)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Whichever side asks, the row becomes the same, and the same is kept of the losers.
    #[test]
    fn commutes(situation in any_two_way()) {
        let (one, other) = (decide(&situation.input()), decide(&situation.mirrored().input()));
        prop_assert_eq!(&one.outcome, &other.outcome);
        prop_assert_eq!((one.write_local, one.write_remote), (other.write_remote, other.write_local));
        prop_assert_eq!(one.case, mirrored_case(other.case));
        let mirrored: Vec<_> = other.conflicts.into_iter().map(mirrored_conflict).collect();
        prop_assert_eq!(one.conflicts, mirrored);
    }

    /// Once both sides hold the outcome there is nothing to do.
    #[test]
    fn is_idempotent(situation in any_table()) {
        let decision = decide(&situation.input());
        let again = decide(&settled(&decision));
        prop_assert!(matches!(again.case, Case::Settled | Case::Left), "{:?}", again.case);
        prop_assert!(!again.write_local && !again.write_remote);
        prop_assert_eq!(again.conflicts, []);
        prop_assert_eq!(again.outcome, decision.outcome);
    }

    /// Where nothing is counted, it does no harm to decide a second time on the base of the first.
    #[test]
    fn bears_repetition_without_counters(situation in select(uncounted()).prop_flat_map(situation)) {
        let decision = decide(&situation.input());
        let repeated = decide(&Input { base: situation.base.as_ref(), ..settled(&decision) });
        prop_assert!(!repeated.write_local && !repeated.write_remote);
        prop_assert_eq!(&repeated.outcome, &decision.outcome);
    }

    /// A write is asked for exactly where a side does not hold the outcome.
    #[test]
    fn writes_what_differs_and_nothing_else(situation in any_table()) {
        let decision = decide(&situation.input());
        prop_assume!(decision.case != Case::Left);
        let held = |side: Side<'_>| side.row() == decision.outcome.row();
        prop_assert_eq!(decision.write_local, !held(situation.local.side()));
        prop_assert_eq!(decision.write_remote, !held(situation.remote.side()));
    }

    /// Every value of the outcome is one that somebody wrote, or what its rule makes of those.
    #[test]
    fn invents_nothing(situation in any_table()) {
        let decision = decide(&situation.input());
        let Outcome::Row(row) = &decision.outcome else { return Ok(()) };
        let sources = sources(&situation);
        for (position, column) in situation.entity.columns.iter().enumerate() {
            let written: Vec<&Value> = sources.iter().map(|source| source.at(position)).collect();
            prop_assert!(explained(column, row.at(position), &written), "{}.{}", situation.entity.name, column.name);
        }
        for group in situation.entity.atomic {
            let of = |row: &Row| group.iter().map(|name| row.get(name).clone()).collect::<Vec<_>>();
            prop_assert!(sources.iter().any(|source| of(source) == of(row)), "a mix in {group:?}");
        }
    }

    /// What a side wrote is in the outcome, or in the record.
    #[test]
    fn loses_nothing_silently(situation in any_two_way()) {
        let decision = decide(&situation.input());
        for side in [situation.local.side(), situation.remote.side()] {
            let change = Change::of(situation.base.as_ref(), &side);
            match (side.row(), &decision.outcome) {
                (Some(row), Outcome::Row(kept)) => {
                    for (position, column) in situation.entity.columns.iter().enumerate() {
                        let before = situation.base.as_ref().map_or(&Value::Null, |base| base.at(position));
                        let (value, kept) = (row.at(position), kept.at(position));
                        let safe = value == before || carried(column, before, value, kept) || recorded(&decision, column, value);
                        prop_assert!(safe, "{}.{} was lost", situation.entity.name, column.name);
                    }
                }
                (Some(row), Outcome::Gone) if matches!(change, Change::Created | Change::Edited) => {
                    let whole = decision.conflicts.iter().any(|conflict| conflict.loser == row.values());
                    prop_assert!(whole, "the buried row is not in the record");
                }
                _ => {}
            }
        }
    }

    /// Both sides' steps from an agreed count are in the outcome.
    #[test]
    fn counts_every_step(situation in any_two_way()) {
        let decision = decide(&situation.input());
        let (local, remote) = (situation.local.side(), situation.remote.side());
        let (Some(base), Some(local), Some(remote)) = (&situation.base, local.row(), remote.row()) else { return Ok(()) };
        let Outcome::Row(row) = &decision.outcome else { return Ok(()) };
        for (position, column) in situation.entity.columns.iter().enumerate() {
            if column.merge == MergeRule::Counter {
                let of = |row: &Row| row.at(position).as_int().unwrap_or_default();
                prop_assert_eq!(of(row) - of(base), of(local) - of(base) + of(remote) - of(base));
            }
        }
    }

    /// A delete that is overruled is in the record, and no row comes back without one.
    #[test]
    fn revives_nothing_silently(situation in any_two_way()) {
        let decision = decide(&situation.input());
        let deleted = |side: Side<'_>| Change::of(situation.base.as_ref(), &side) == Change::Deleted;
        let one_deleted = deleted(situation.local.side()) || deleted(situation.remote.side());
        let told = decision.conflicts.iter().any(|conflict| conflict.rule == Rule::DeleteVsEdit);
        if one_deleted && decision.outcome != Outcome::Gone {
            prop_assert!(told, "came back in silence");
        }
        prop_assert!(one_deleted || !told, "a delete that nobody made");
    }

    /// A record is made only of what two sides changed to different values.
    #[test]
    fn cries_no_wolf(situation in any_two_way()) {
        let decision = decide(&situation.input());
        for conflict in &decision.conflicts {
            prop_assert_ne!(&conflict.loser, &conflict.kept);
            let one_wrote_nothing = |row: &Row| {
                let of_row: Vec<&Value> = conflict.columns.iter().map(|name| row.get(name)).collect();
                conflict.loser.iter().eq(of_row.iter().copied()) || conflict.kept.iter().eq(of_row)
            };
            if conflict.rule != Rule::DeleteVsEdit {
                prop_assert!(!situation.base.as_ref().is_some_and(one_wrote_nothing), "{:?}", conflict.columns);
            }
        }
    }
}

fn settled(decision: &Decision) -> Input<'_> {
    let side = match decision.outcome.row() {
        Some(row) => Side::Present { row, time: HybridTime(9) },
        None => Side::Absent,
    };
    Input { id: decision.id.clone(), base: decision.outcome.row(), local: side, remote: side }
}

fn mirrored_case(case: Case) -> Case {
    match case {
        Case::Upload => Case::Download,
        Case::Download => Case::Upload,
        same => same,
    }
}

fn mirrored_conflict(conflict: FieldConflict) -> FieldConflict {
    let winner = match conflict.winner {
        Winner::Local => Winner::Remote,
        Winner::Remote => Winner::Local,
    };
    FieldConflict { winner, ..conflict }
}

/// All that anybody ever wrote under the id, as far as the input tells.
fn sources(situation: &Situation) -> Vec<&Row> {
    let sides = [situation.local.side(), situation.remote.side()];
    let of_sides = sides.into_iter().flat_map(|side| [side.row(), side.image()]);
    of_sides.chain([situation.base.as_ref()]).flatten().collect()
}

/// True when the value is one of those written, or of the kind that its rule may make of them.
fn explained(column: &Column, value: &Value, written: &[&Value]) -> bool {
    let elements: BTreeSet<String> = written.iter().flat_map(|value| elements(value)).collect();
    match column.merge {
        _ if written.contains(&value) => true,
        MergeRule::Counter => value.as_int().is_some(),
        MergeRule::Set => elements.is_superset(&self::elements(value)),
        MergeRule::Lww | MergeRule::Max | MergeRule::Min => false,
    }
}

/// True when the change of a side from `before` to `value` lives on in the kept value, by the rule of its column.
fn carried(column: &Column, before: &Value, value: &Value, kept: &Value) -> bool {
    match column.merge {
        _ if value == kept => true,
        MergeRule::Lww => false,
        MergeRule::Max => kept >= value,
        MergeRule::Min => value.is_null() || kept <= value,
        MergeRule::Set => {
            let (before, value, kept) = (elements(before), elements(value), elements(kept));
            let mut removed = before.difference(&value);
            value.difference(&before).all(|added| kept.contains(added)) && !removed.any(|gone| kept.contains(gone))
        }
        // Needs both sides: see `counts_every_step`.
        MergeRule::Counter => true,
    }
}

fn recorded(decision: &Decision, column: &Column, value: &Value) -> bool {
    let lost = |conflict: &FieldConflict| {
        let mut pairs = conflict.columns.iter().zip(&conflict.loser);
        pairs.any(|(name, loser)| *name == column.name && loser == value)
    };
    decision.conflicts.iter().any(lost)
}

fn elements(value: &Value) -> BTreeSet<String> {
    let list: Vec<serde_json::Value> =
        value.as_text().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    list.iter().map(ToString::to_string).collect()
}

/// The tables under test have every rule, or the properties prove less than they say.
#[test]
fn every_rule_is_under_test() {
    let has = |rule| TWO_WAY.iter().flat_map(|entity: &&Entity| entity.columns).any(|column| column.merge == rule);
    for rule in [MergeRule::Lww, MergeRule::Max, MergeRule::Min, MergeRule::Counter, MergeRule::Set] {
        assert!(has(rule), "{rule:?}");
    }
    assert!(TWO_WAY.iter().any(|entity| entity.atomic.len() > 1));
}
