//! The ledger's sums, by project and day: `claudetools stats` and `GET /api/stats`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::local::ReadTx;
use sync::{StoreError, datetime_text};

const US_PER_DAY: u64 = 86_400 * 1_000_000;
/// What each figure counts, with the figures.
const COUNTED: &str = "Of this machine, days in UTC. prompts: what people sent, as hooks told it. injections: texts that hooks \
    gave to the model; memories: the memories in them; tokens: of these texts, estimated at 4 characters each. used: memories \
    whose rare terms, or whose id, the assistant took up in an answer or a tool call of the same conversation, counted on the \
    day when they were given. history: tokens of all memories of the project but the conversation's own, counted once for each \
    conversation, at its first injection; saved = history - tokens.";

/// What memory cost, and what it was worth.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct StatsReport {
    /// The first day that is counted.
    pub(crate) since: String,
    /// The last one.
    pub(crate) until: String,
    /// All of it.
    pub(crate) total: Sums,
    /// By project, the one with the most injected tokens first.
    pub(crate) projects: Vec<ProjectStats>,
    /// What each figure counts.
    pub(crate) counted: String,
}

/// One project.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ProjectStats {
    /// Its slug.
    pub(crate) project: String,
    pub(crate) total: Sums,
    /// Days on which something was, in order.
    pub(crate) days: Vec<DayStats>,
}

/// One day of a project.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct DayStats {
    /// `2026-11-20`
    pub(crate) day: String,
    #[serde(flatten)]
    pub(crate) sums: Sums,
}

/// Sums.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Sums {
    pub(crate) prompts: u64,
    /// Conversations with their first injection.
    pub(crate) sessions: u64,
    pub(crate) injections: u64,
    pub(crate) memories: u64,
    pub(crate) used: u64,
    pub(crate) tokens: u64,
    pub(crate) history: u64,
    /// history - tokens; below 0 when more was given than the project's memory holds.
    pub(crate) saved: i64,
    /// used / memories; `null` when none was given.
    pub(crate) used_share: Option<f64>,
}

impl Sums {
    fn add(&mut self, more: &Sums) {
        self.prompts += more.prompts;
        self.sessions += more.sessions;
        self.injections += more.injections;
        self.memories += more.memories;
        self.used += more.used;
        self.tokens += more.tokens;
        self.history += more.history;
        *self = self.reckoned();
    }

    /// With what follows from the counts.
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than a few digits")]
    fn reckoned(self) -> Self {
        let saved = self.history.cast_signed() - self.tokens.cast_signed();
        let share = (self.memories > 0).then(|| (self.used as f64 / self.memories as f64 * 1000.0).round() / 1000.0);
        Self { saved, used_share: share, ..self }
    }
}

/// What is asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// A slug; None for all.
    pub(crate) project: Option<String>,
    /// So many days, today included.
    pub(crate) days: u64,
}

/// The sums. On a connection of a caller who sees some clients' projects only, those.
pub(crate) fn gather(tx: &ReadTx<'_>, asked: &Asked, now_us: u64) -> Result<StatsReport, StoreError> {
    let first_us = now_us.saturating_sub(asked.days.saturating_sub(1).saturating_mul(US_PER_DAY));
    let day = |us: u64| datetime_text(us)[..10].to_owned();
    let (since, until) = (day(first_us), day(now_us));
    let mut statement = tx.connection().prepare_cached(
        "SELECT project, day, prompts, sessions, injections, memories, used, tokens, history FROM ct_usage_days
          WHERE day >= ?1 AND (?2 IS NULL OR project = ?2)
            AND EXISTS (SELECT 1 FROM projects WHERE projects.slug = ct_usage_days.project)
          ORDER BY project, day",
    )?;
    let rows = statement.query_map((&since, &asked.project), |row| {
        let number = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
        let sums = Sums {
            prompts: number(2)?,
            sessions: number(3)?,
            injections: number(4)?,
            memories: number(5)?,
            used: number(6)?,
            tokens: number(7)?,
            history: number(8)?,
            ..Sums::default()
        };
        Ok((row.get::<_, String>(0)?, DayStats { day: row.get(1)?, sums: sums.reckoned() }))
    })?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let counted = COUNTED.to_owned();
    Ok(StatsReport { since, until, counted, ..summed(rows) })
}

/// Days by project, in their order.
fn summed(rows: Vec<(String, DayStats)>) -> StatsReport {
    let mut report = StatsReport { total: Sums::default().reckoned(), ..StatsReport::default() };
    for (project, day) in rows {
        report.total.add(&day.sums);
        if report.projects.last().is_none_or(|last| last.project != project) {
            report.projects.push(ProjectStats { project, ..ProjectStats::default() });
        }
        if let Some(last) = report.projects.last_mut() {
            last.total.add(&day.sums);
            last.days.push(day);
        }
    }
    report.projects.sort_by_key(|project| std::cmp::Reverse(project.total.tokens));
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: &str, tokens: u64, history: u64, memories: u64, used: u64) -> DayStats {
        let sums = Sums { prompts: 1, injections: 1, tokens, history, memories, used, ..Sums::default() };
        DayStats { day: day.to_owned(), sums: sums.reckoned() }
    }

    #[test]
    fn sums_shares_and_what_was_saved() {
        let report = summed(vec![
            ("a".into(), day("2026-11-19", 100, 5_000, 3, 1)),
            ("a".into(), day("2026-11-20", 50, 0, 1, 1)),
            ("b".into(), day("2026-11-20", 900, 400, 0, 0)),
        ]);
        let order: Vec<(&str, usize)> = report.projects.iter().map(|it| (it.project.as_str(), it.days.len())).collect();
        assert_eq!(order, [("b", 1), ("a", 2)]);
        let (b, a) = (&report.projects[0].total, &report.projects[1].total);
        assert_eq!((a.tokens, a.history, a.saved, a.used_share), (150, 5_000, 4_850, Some(0.5)));
        assert_eq!((b.saved, b.used_share), (-500, None));
        assert_eq!((report.total.prompts, report.total.saved, report.total.used_share), (3, 4_350, Some(0.5)));
        assert_eq!(summed(Vec::new()).total, Sums::default());
    }
}
