//! What time costs: rounding, the least that is billed, the amount. Whole minutes and hundredths, never a float.

use std::num::NonZeroU16;

use serde::{Deserialize, Deserializer, de};

use crate::config;

const US_PER_MINUTE: u64 = 60_000_000;
const MINUTES_PER_HOUR: i64 = 60;
/// The most that the column takes (ten digits), in hundredths.
const MAX_RATE: i64 = 9_999_999_999;

/// Which way minutes are rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rounding {
    Up,
    Nearest,
}

/// An hourly rate in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) i64);

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).map(Rate).ok_or_else(|| de::Error::custom("must be a decimal in a text, like \"125.00\""))
    }
}

fn parse(text: &str) -> Option<i64> {
    let (whole, cents) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || cents.len() > 2 || !digits(whole) || !digits(cents) {
        return None;
    }
    let scaled = format!("{whole}{cents:0<2}").parse().ok()?;
    (scaled <= MAX_RATE).then_some(scaled)
}

/// How time becomes an entry.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(super) gap_us: u64,
    round: NonZeroU16,
    rounding: Rounding,
    minimum: u16,
    rate: Rate,
    /// Who works on this machine, where a session does not say.
    pub(super) user: String,
}

impl Rule {
    /// The rule of a configuration; None when no drafts are wanted.
    pub(crate) fn of(billing: &config::Billing, account: &str) -> Option<Rule> {
        billing.drafts.then(|| Rule {
            gap_us: u64::from(billing.merge_gap_minutes) * US_PER_MINUTE,
            round: billing.round_minutes,
            rounding: billing.rounding,
            minimum: billing.minimum_minutes,
            rate: billing.hourly_rate,
            user: billing.user.clone().unwrap_or_else(|| account.to_owned()),
        })
    }

    /// The minutes that are billed for this time; a minute that has begun counts.
    pub(super) fn minutes(&self, us: u64) -> i64 {
        let minutes = us.div_ceil(US_PER_MINUTE);
        let unit = u64::from(self.round.get());
        let rounded = match self.rounding {
            Rounding::Up => minutes.div_ceil(unit) * unit,
            Rounding::Nearest => (minutes + unit / 2) / unit * unit,
        };
        i32::try_from(rounded.max(self.minimum.into())).unwrap_or(i32::MAX).into()
    }

    /// The rate, and what so many minutes cost at it, in hundredths.
    pub(super) fn price(&self, minutes: i64, rate_of_client: Option<i64>) -> (i64, i64) {
        let rate = rate_of_client.unwrap_or(self.rate.0);
        (rate, (minutes.saturating_mul(rate) + MINUTES_PER_HOUR / 2) / MINUTES_PER_HOUR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(round: u16, rounding: Rounding, minimum: u16) -> Rule {
        let round_minutes = NonZeroU16::new(round).unwrap();
        let billing =
            config::Billing { round_minutes, rounding, minimum_minutes: minimum, ..config::Billing::default() };
        Rule::of(&billing, "dev").unwrap()
    }

    #[test]
    fn minutes_are_rounded_as_configured() {
        let minutes = |rule: &Rule, seconds: u64| rule.minutes(seconds * 1_000_000);
        let up = rule(15, Rounding::Up, 15);
        assert_eq!([0, 60, 900, 901, 3_600].map(|s| minutes(&up, s)), [15, 15, 15, 30, 60]);
        let nearest = rule(10, Rounding::Nearest, 0);
        assert_eq!([0, 240, 300, 840, 900].map(|s| minutes(&nearest, s)), [0, 0, 10, 10, 20]);
        let exact = rule(1, Rounding::Up, 0);
        assert_eq!([0, 1, 60, 61].map(|s| minutes(&exact, s)), [0, 1, 1, 2]);
        assert_eq!(exact.minutes(u64::MAX), i64::from(i32::MAX));
    }

    #[test]
    fn amounts_are_rounded_to_the_cent_and_the_clients_rate_goes_before_the_shops() {
        let rule = rule(1, Rounding::Up, 0);
        assert_eq!(rule.price(20, Some(10_000)), (10_000, 3_333));
        assert_eq!(rule.price(40, Some(10_000)), (10_000, 6_667));
        assert_eq!(rule.price(90, Some(0)), (0, 0));
        assert_eq!(rule.price(60, None), (0, 0));
    }

    #[test]
    fn rates_are_decimals_in_a_text() {
        let parsed: Vec<_> = ["125", "125.5", "125.50", "0", "99999999.99"].map(parse).into_iter().flatten().collect();
        assert_eq!(parsed, [12_500, 12_550, 12_550, 0, MAX_RATE]);
        for wrong in ["", ".5", "-1", "1.234", "1,5", "100000000", "99999999999999999999", "é"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_drafts_no_rule() {
        assert!(Rule::of(&config::Billing { drafts: false, ..config::Billing::default() }, "dev").is_none());
    }
}
