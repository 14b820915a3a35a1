//! How often somebody may try to log in: some attempts a minute for one account, more for all together.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

const WINDOW_US: u64 = 60_000_000;
/// Attempts a window for one account.
const OF_ONE: u32 = 10;
/// Attempts a window for all accounts together.
const OF_ALL: u32 = 60;

/// Counts attempts.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<Window>);

#[derive(Default)]
struct Window {
    since_us: u64,
    all: u32,
    of: HashMap<String, u32>,
}

impl Throttle {
    /// Counts an attempt; the seconds to wait when there were too many.
    pub(crate) fn attempt(&self, account: &str, now_us: u64) -> Result<(), u16> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let age = now_us.saturating_sub(window.since_us);
        if age >= WINDOW_US || now_us < window.since_us {
            *window = Window { since_us: now_us, ..Window::default() };
        }
        window.all += 1;
        let all = window.all;
        // No more accounts are counted than attempts are let through.
        let one = if all > OF_ALL {
            OF_ONE
        } else {
            *window.of.entry(account.to_owned()).and_modify(|n| *n += 1).or_insert(1)
        };
        if all > OF_ALL || one > OF_ONE {
            let seconds = WINDOW_US.saturating_sub(age) / 1_000_000;
            return Err(u16::try_from(seconds).unwrap_or(u16::MAX).clamp(1, 60));
        }
        Ok(())
    }

    /// The account's attempts are forgotten: it was its owner.
    pub(crate) fn succeeded(&self, account: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).of.remove(account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_account_is_stopped_and_comes_back_later() {
        let throttle = Throttle::default();
        for _ in 0..OF_ONE {
            assert_eq!(throttle.attempt("a", 1_000_000_000), Ok(()));
        }
        assert_eq!(throttle.attempt("a", 1_010_000_000), Err(50));
        assert_eq!(throttle.attempt("b", 1_010_000_000), Ok(()));
        assert_eq!(throttle.attempt("a", 1_060_000_000), Ok(()));
    }

    #[test]
    fn many_accounts_together_are_stopped_too() {
        let throttle = Throttle::default();
        let let_through = (0..200).filter(|n| throttle.attempt(&n.to_string(), 5_000_000).is_ok()).count();
        assert_eq!(let_through, OF_ALL as usize);
    }

    #[test]
    fn success_forgets_the_attempts() {
        let throttle = Throttle::default();
        for _ in 0..3 * OF_ONE {
            assert_eq!(throttle.attempt("a", 5_000_000), Ok(()));
            throttle.succeeded("a");
        }
    }
}
