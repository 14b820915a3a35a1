//! Ids: time-ordered for new rows, derived for rows that have a natural key.

use uuid::{NoContext, Timestamp, Uuid};

/// The namespace of derived ids: fixed for ever, drawn once, so that every machine derives the same.
const NAMESPACE: Uuid = Uuid::from_u128(0x9c5c_7f0a_55b5_5c2f_8f43_2f0e_6d1b_a7c4);

/// A new UUIDv7 for a moment (microseconds since the Unix epoch).
pub fn new_id(clock_us: u64) -> String {
    let nanos = u32::try_from(clock_us % 1_000_000).unwrap_or(0) * 1000;
    Uuid::new_v7(Timestamp::from_unix(NoContext, clock_us / 1_000_000, nanos)).to_string()
}

/// The UUIDv5 of a name within a table: two machines that meet the same thing while offline make the same row.
pub fn derived_id(table: &str, name: &str) -> String {
    Uuid::new_v5(&Uuid::new_v5(&NAMESPACE, table.as_bytes()), name.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ids_are_ordered_by_time_and_differ() {
        let (earlier, later) = (new_id(1_700_000_000_000_000), new_id(1_700_000_001_000_000));
        assert!(earlier < later);
        assert_ne!(new_id(1_700_000_000_000_000), new_id(1_700_000_000_000_000));
    }

    #[test]
    fn derived_ids_are_the_same_everywhere() {
        assert_eq!(derived_id("projects", "github.com/a/b"), derived_id("projects", "github.com/a/b"));
        assert_ne!(derived_id("projects", "github.com/a/b"), derived_id("sessions", "github.com/a/b"));
    }
}
