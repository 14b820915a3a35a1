//! The arguments of benchmarks: what follows an option, read or refused.

use crate::{Error, Result};

/// What follows an option.
pub fn value(arguments: &mut impl Iterator<Item = String>, usage: &str) -> Result<String> {
    arguments.next().ok_or_else(|| Error::new(format!("find a value; usage: {usage}")))
}

/// A number above 0.
pub fn number(text: &str) -> Result<usize> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| Error::new(format!("read {text} as a number above 0")))
}

/// Such numbers, with commas between them.
pub fn numbers(list: &str) -> Result<Vec<usize>> {
    list.split(',').map(number).collect()
}
