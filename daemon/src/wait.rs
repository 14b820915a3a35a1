//! Waiting for a condition of another process, with a deadline: the one place of this crate that sleeps.

use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(15);

/// Asks `condition` until it gives something or `limit` has passed; it is asked at least once.
pub(crate) fn until<T>(limit: Duration, condition: impl FnMut() -> Option<T>) -> Option<T> {
    until_each(PAUSE, limit, condition)
}

/// The same with another pause between two questions.
#[expect(
    clippy::disallowed_methods,
    reason = "polls a condition that another process makes true; bounded by a deadline"
)]
pub(crate) fn until_each<T>(pause: Duration, limit: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = condition() {
            return Some(found);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_until_there_is_an_answer_and_gives_up_at_the_deadline() {
        let mut asked = 0;
        let found = until(Duration::from_secs(5), || {
            asked += 1;
            (asked == 3).then_some(asked)
        });
        assert_eq!(found, Some(3));
        assert_eq!(until(Duration::ZERO, || None::<()>), None);
    }
}
