//! Why it was decided so, in words that need no knowledge of the reconciliation.

use super::record::Loser;

/// The rule of a record in a sentence. Rules that this build does not know are named as they are.
pub(super) fn explanation(rule: &str, winner: &str, loser: Loser) -> String {
    let side = if winner == "local" { "this machine's" } else { "central's" };
    match (rule, loser) {
        ("last writer", _) => format!("both sides changed it; the later change stands, which was {side}"),
        ("atomic group", _) => {
            format!(
                "both sides changed columns that belong together; the later set stands as a whole, which was {side}"
            )
        }
        ("delete against edit", Loser::Delete) => {
            format!("one side deleted the row while the other edited it; the edit stands, which was {side}")
        }
        ("delete against edit", _) => {
            "one side deleted the row while the other edited it; in this table a delete stands".into()
        }
        ("central only", _) => "this table is written at central only; what this machine wrote was given up".into(),
        ("written once", _) => "rows of this table are written once; a later change of it was given up".into(),
        ("lesser right", _) => {
            "two machines granted different rights to the same user; the lesser one stands until somebody decides"
                .into()
        }
        ("kept key", _) => "two machines made the same thing; they became one row, which kept its own key".into(),
        ("same key", _) => {
            "two machines made the same thing; they became one row, and this one's id was given up".into()
        }
        ("cycle", _) => "two moves would have made a row its own ancestor; the later one was undone".into(),
        ("unique key", _) => "another row holds that key at central; this machine's change of it was taken back".into(),
        ("renamed", _) => "another row had the same name; this one got a suffix so that both stay".into(),
        ("revived", _) => {
            "the row was deleted elsewhere while this machine made rows that belong to it; it was brought back".into()
        }
        ("orphan emptied", _) => "the row that it referred to was deleted elsewhere; the reference was emptied".into(),
        ("orphan dropped", _) => "the row that it belonged to was deleted elsewhere; it went with it".into(),
        ("merged by hand", _) => "somebody said that two rows are one; this one was merged into the other".into(),
        ("rotated", _) => "new secrets took the place of these".into(),
        ("discarded", _) => "this machine's version was given up by hand (sync quarantine discard)".into(),
        ("repaired", _) => {
            "central was found with an earlier state of the row, as after a restored backup; that one stands".into()
        }
        ("check" | "condition", _) => {
            "together, both sides' changes broke a condition of the table; the columns that it is about were given up"
                .into()
        }
        ("unknown", _) => {
            format!("decided by a rule that a newer claudetools has and this one does not know; {side} side stands")
        }
        (other, _) => format!("decided by the rule “{other}”; {side} side stands"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_of_the_planner_has_words_of_its_own() {
        for rule in merge::Rule::ALL {
            for loser in [Loser::Values, Loser::Row, Loser::Delete] {
                let said = explanation(&rule.to_string(), "local", loser);
                assert!(!said.contains("decided by the rule"), "{rule}: {said}");
            }
        }
        assert!(explanation("of tomorrow", "remote", Loser::Row).contains("of tomorrow"));
    }

    #[test]
    fn both_ends_of_a_delete_against_an_edit_are_told_apart() {
        let kept = explanation("delete against edit", "local", Loser::Delete);
        let buried = explanation("delete against edit", "remote", Loser::Row);
        assert!(kept.contains("the edit stands") && buried.contains("a delete stands"), "{kept} / {buried}");
    }
}
