//! From captured work to entries: what is contiguous becomes one, what a person has entered or decided is left out. Pure.

use super::rule::Rule;

/// One piece of captured work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) work_item: String,
    pub(super) session: String,
    pub(super) client: String,
    pub(super) user: String,
    /// The project's name.
    pub(super) project: String,
    pub(super) title: String,
    /// The work item's.
    pub(super) category: String,
    /// The client's hourly rate in hundredths.
    pub(super) rate: Option<i64>,
    pub(super) start_us: u64,
    pub(super) end_us: u64,
    /// It goes on.
    pub(super) open: bool,
}

/// Time of a user for a client that is settled: it is no draft's any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) client: String,
    pub(super) user: String,
    pub(super) start_us: u64,
    pub(super) end_us: u64,
}

/// Contiguous work of one user for one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// In order of their start; never empty.
    pub(super) spans: Vec<Span>,
    pub(super) start_us: u64,
    pub(super) end_us: u64,
    /// Nothing can be contiguous with it any more.
    pub(super) closed: bool,
}

/// The blocks of all this work, those that go on among them.
pub(super) fn blocks(spans: Vec<Span>, claims: &[Claim], rule: &Rule, now_us: u64) -> Vec<Block> {
    let mut spans: Vec<Span> = spans.into_iter().flat_map(|span| unclaimed(span, claims)).collect();
    spans.sort_by(|a, b| {
        (&a.client, &a.user, a.start_us, &a.work_item).cmp(&(&b.client, &b.user, b.start_us, &b.work_item))
    });
    let mut blocks: Vec<Block> = Vec::new();
    for span in spans {
        if let Some(block) = blocks.last_mut().filter(|block| block.takes(&span, claims, rule)) {
            block.end_us = block.end_us.max(span.end_us);
            block.spans.push(span);
        } else {
            let (start_us, end_us) = (span.start_us, span.end_us);
            blocks.push(Block { spans: vec![span], start_us, end_us, closed: false });
        }
    }
    for block in &mut blocks {
        let is_over = now_us > block.end_us.saturating_add(rule.gap_us);
        block.closed = is_over && !block.spans.iter().any(|span| span.open);
    }
    blocks
}

impl Block {
    /// Whether the work goes on with this piece. What is settled in between would be billed twice.
    fn takes(&self, span: &Span, claims: &[Claim], rule: &Rule) -> bool {
        let first = &self.spans[0];
        let is_between = |claim: &Claim| claim.start_us < span.start_us && claim.end_us > self.end_us;
        first.client == span.client
            && first.user == span.user
            && span.start_us <= self.end_us.saturating_add(rule.gap_us)
            && !claims.iter().any(|claim| claim.concerns(span) && is_between(claim))
    }
}

impl Claim {
    fn concerns(&self, span: &Span) -> bool {
        self.client == span.client && self.user == span.user
    }
}

/// What claims leave of a piece of work.
fn unclaimed(span: Span, claims: &[Claim]) -> Vec<Span> {
    let concerned: Vec<&Claim> = claims.iter().filter(|claim| claim.concerns(&span)).collect();
    concerned
        .into_iter()
        .fold(vec![span], |pieces, claim| pieces.into_iter().flat_map(|piece| without(piece, claim)).collect())
}

fn without(span: Span, claim: &Claim) -> Vec<Span> {
    if span.end_us < claim.start_us || span.start_us > claim.end_us {
        return vec![span];
    }
    let before = Span { end_us: claim.start_us, open: false, ..span.clone() };
    let after = Span { start_us: claim.end_us, ..span };
    [before, after].into_iter().filter(|piece| piece.start_us < piece.end_us).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Billing;

    const MINUTE: u64 = 60_000_000;
    const LATER: u64 = 1_000_000 * MINUTE;

    fn span(client: &str, from: u64, to: u64) -> Span {
        let text = |text: &str| text.to_owned();
        Span {
            work_item: format!("w{from}"),
            session: text("s"),
            client: text(client),
            user: text("dev"),
            project: text("p"),
            title: text("t"),
            category: text("development"),
            rate: None,
            start_us: from * MINUTE,
            end_us: to * MINUTE,
            open: false,
        }
    }

    fn claim(from: u64, to: u64) -> Claim {
        Claim { client: "a".into(), user: "dev".into(), start_us: from * MINUTE, end_us: to * MINUTE }
    }

    fn planned(spans: Vec<Span>, claims: &[Claim], now_us: u64) -> Vec<(u64, u64, bool)> {
        let rule = Rule::of(&Billing::default(), "dev").unwrap();
        let blocks = blocks(spans, claims, &rule, now_us);
        blocks.iter().map(|block| (block.start_us / MINUTE, block.end_us / MINUTE, block.closed)).collect()
    }

    #[test]
    fn work_with_short_pauses_or_overlap_is_one_block() {
        let spans = vec![span("a", 40, 50), span("a", 0, 10), span("a", 25, 30), span("a", 27, 35), span("a", 66, 70)];
        assert_eq!(planned(spans, &[], LATER), [(0, 50, true), (66, 70, true)]);
    }

    #[test]
    fn clients_and_users_are_kept_apart() {
        let other = Span { user: "eve".into(), ..span("a", 5, 15) };
        let spans = vec![span("a", 0, 10), span("b", 0, 10), other];
        assert_eq!(planned(spans, &[], LATER), [(0, 10, true), (5, 15, true), (0, 10, true)]);
    }

    #[test]
    fn a_block_is_closed_only_when_nothing_can_follow() {
        let spans = || vec![span("a", 0, 10)];
        assert_eq!(planned(spans(), &[], 25 * MINUTE), [(0, 10, false)]);
        assert_eq!(planned(spans(), &[], 25 * MINUTE + 1), [(0, 10, true)]);
        let going_on = vec![Span { open: true, ..span("a", 0, 10) }];
        assert_eq!(planned(going_on, &[], LATER), [(0, 10, false)]);
    }

    #[test]
    fn what_a_person_has_settled_is_left_out() {
        assert_eq!(planned(vec![span("a", 10, 20)], &[claim(10, 20)], LATER), []);
        assert_eq!(planned(vec![span("a", 10, 10)], &[claim(10, 20)], LATER), []);
        assert_eq!(planned(vec![span("a", 0, 60)], &[claim(20, 40)], LATER), [(0, 20, true), (40, 60, true)]);
        assert_eq!(planned(vec![span("a", 0, 30)], &[claim(20, 40)], LATER), [(0, 20, true)]);
        assert_eq!(planned(vec![span("a", 0, 60)], &[claim(20, 25)], LATER), [(0, 20, true), (25, 60, true)]);
        let anothers = Claim { client: "b".into(), ..claim(0, 60) };
        assert_eq!(planned(vec![span("a", 0, 30)], &[anothers], LATER), [(0, 30, true)]);
    }
}
