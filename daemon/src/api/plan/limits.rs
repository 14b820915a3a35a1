//! The bounds of a number, read from the table's conditions: `x >= 0`, `x >= 0 AND x <= 100`, `x BETWEEN 1 AND 10`.

use migrations::entity::Check;
use migrations::{Column, Entity};

/// The least and the greatest value of a column; None where no condition bounds it.
pub(super) fn range(entity: &Entity, column: &Column) -> (Option<i64>, Option<i64>) {
    let checks = entity.checks.iter().filter_map(|check| bounds(check, column.name));
    checks.fold((None, None), |range, bounds| (range.0.or(bounds.0), range.1.or(bounds.1)))
}

/// The bounds that one condition gives, None when it is about something else. Decimals are compared in the replica's form,
/// in which they are whole numbers.
fn bounds(check: &Check, column: &str) -> Option<(Option<i64>, Option<i64>)> {
    let words: Vec<&str> = check.sqlite.unwrap_or(check.sql).split_whitespace().collect();
    let number = |word: &str| word.parse::<i64>().ok();
    match words.as_slice() {
        [name, ">=", low] if *name == column => Some((Some(number(low)?), None)),
        [name, ">=", low, "AND", again, "<=", high] if *name == column && again == name => {
            Some((Some(number(low)?), Some(number(high)?)))
        }
        [name, "BETWEEN", low, "AND", high] if *name == column => Some((Some(number(low)?), Some(number(high)?))),
        _ => None,
    }
}
