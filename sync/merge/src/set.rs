//! JSON arrays as sets.

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use crate::Value;

/// The set that two concurrent changes of one add up to: what either added to the base, and of the base what neither
/// removed, sorted. Equal lists stay as they are written. NULL is the empty set. None when a value is not a JSON array:
/// then one of the two has to stand.
pub(crate) fn merge(base: &Value, local: &Value, remote: &Value) -> Option<Value> {
    if local == remote {
        return Some(local.clone());
    }
    let (base, local, remote) = (elements(base).unwrap_or_default(), elements(local)?, elements(remote)?);
    let merged: BTreeSet<&str> = local
        .union(&remote)
        .copied()
        .filter(|element| !base.contains(element) || (local.contains(element) && remote.contains(element)))
        .collect();
    let joined: Vec<&str> = merged.into_iter().collect();
    Some(Value::Text(format!("[{}]", joined.join(","))))
}

/// The elements as they are written: canonical text is equal when values are, and a number that no float can hold stays
/// itself.
fn elements(value: &Value) -> Option<BTreeSet<&str>> {
    match value {
        Value::Null => Some(BTreeSet::new()),
        Value::Text(text) => {
            let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            Some(elements.into_iter().map(RawValue::get).collect())
        }
        Value::Int(_) | Value::Blob(_) => None,
    }
}
