//! Drafts on a replica, from captured turns, with a clock that is set by hand.

use serde_json::json;

use super::{Rule, make};
use crate::capture::tests::desk::{Desk, HOUR, SECOND};
use crate::config::Billing;

const MINUTE: u64 = 60 * SECOND;
const CLIENT: &str = "INSERT INTO clients (id, name, client_type, default_hourly_rate, is_active, created_at, updated_at)
    VALUES ('00000000-0000-7000-8000-00000000000c', 'Acme', 'msp_client', 12000, 1, '2026-11-01T00:00:00.000000Z', '2026-11-01T00:00:00.000000Z');
    UPDATE projects SET client_id = '00000000-0000-7000-8000-00000000000c';";
const ENTRIES: &str = "SELECT substr(started_at, 12, 5) || '-' || substr(ended_at, 12, 5) || ' ' || duration_minutes || ' ' || total_amount
    || CASE WHEN is_billable THEN ' billable' WHEN invoice_reference = 'draft' THEN ' draft' ELSE ' settled' END
    FROM billable_time ORDER BY started_at";

/// A turn that takes so long.
async fn work(desk: &Desk, session: &str, prompt: &str, us: u64) {
    desk.prompt(session, prompt, &format!("Do {prompt}")).await;
    desk.pass(us);
    desk.fire("Stop", session, json!({"prompt_id": prompt, "last_assistant_message": "Done."})).await;
}

async fn drafted(desk: &Desk) -> usize {
    let rule = Rule::of(&Billing::default(), "dev").unwrap();
    make(&desk.store, rule, desk.now()).await.unwrap()
}

#[tokio::test]
async fn work_for_a_client_becomes_one_draft_once_it_is_over() {
    let desk = Desk::new();
    work(&desk, "s1", "p1", 20 * MINUTE).await;
    desk.pass(10 * MINUTE);
    work(&desk, "s2", "p2", 5 * MINUTE).await;
    assert_eq!(drafted(&desk).await, 0, "the project has no client");
    desk.sql(CLIENT);
    assert_eq!(drafted(&desk).await, 0, "more may follow");
    desk.pass(16 * MINUTE);
    assert_eq!(drafted(&desk).await, 1);
    assert_eq!(desk.column(ENTRIES), ["09:00-09:35 45 9000 draft"]);
    assert_eq!(
        desk.one("SELECT user_id || '|' || category || '|' || description FROM billable_time"),
        "dev|development|api: Do p1; Do p2"
    );
    assert_eq!(drafted(&desk).await, 0, "a second run makes nothing");
}

#[tokio::test]
async fn the_shops_own_projects_are_not_billed() {
    let desk = Desk::new();
    work(&desk, "s1", "p1", 20 * MINUTE).await;
    desk.sql(CLIENT);
    desk.sql("UPDATE clients SET client_type = 'internal'");
    desk.pass(HOUR);
    assert_eq!(drafted(&desk).await, 0);
}

#[tokio::test]
async fn an_untouched_draft_follows_what_is_known() {
    let desk = Desk::new();
    work(&desk, "s1", "p1", 20 * MINUTE).await;
    desk.sql(CLIENT);
    desk.pass(HOUR);
    drafted(&desk).await;
    desk.sql("UPDATE clients SET default_hourly_rate = 6000");
    assert_eq!(drafted(&desk).await, 2, "one is made, in place of one that is taken back");
    assert_eq!(desk.column(ENTRIES), ["09:00-09:20 30 3000 draft"]);
    desk.sql("UPDATE projects SET client_id = NULL");
    assert_eq!(drafted(&desk).await, 1);
    assert_eq!(desk.column(ENTRIES), [] as [&str; 0], "work for nobody is not drafted");
}

#[tokio::test]
async fn what_a_person_has_touched_stays_and_its_time_is_settled() {
    for (touch, left) in [
        ("UPDATE billable_time SET is_billable = 1, invoice_reference = NULL", "09:00-09:20 30 6000 billable"),
        ("UPDATE billable_time SET invoice_reference = NULL", "09:00-09:20 30 6000 settled"),
        ("UPDATE billable_time SET ended_at = started_at, duration_minutes = 5", "09:00-09:00 5 6000 draft"),
        ("DELETE FROM billable_time", ""),
    ] {
        let desk = Desk::new();
        work(&desk, "s1", "p1", 20 * MINUTE).await;
        desk.sql(CLIENT);
        desk.pass(HOUR);
        drafted(&desk).await;
        desk.sql(touch);
        desk.sql("UPDATE clients SET default_hourly_rate = 1");
        assert_eq!(drafted(&desk).await, 0, "{touch}");
        assert_eq!(desk.column(ENTRIES).concat(), left);
        work(&desk, "s1", "p2", 20 * MINUTE).await;
        desk.pass(HOUR);
        assert_eq!(drafted(&desk).await, 1, "later work is drafted apart: {touch}");
    }
}

#[tokio::test]
async fn time_that_was_entered_by_hand_is_not_drafted_again() {
    let desk = Desk::new();
    work(&desk, "s1", "p1", 29 * MINUTE).await;
    desk.sql(CLIENT);
    desk.sql(
        "INSERT INTO billable_time (id, client_id, user_id, category, description, started_at, duration_minutes,
           hourly_rate, total_amount, is_billable, is_invoiced, created_at, updated_at)
         SELECT '00000000-0000-7000-8000-0000000000b1', id, 'dev', 'support', 'by hand', '2026-11-20T08:55:00.000000Z', 20,
           0, 0, 1, 0, created_at, updated_at FROM clients",
    );
    desk.pass(HOUR);
    assert_eq!(drafted(&desk).await, 1);
    assert_eq!(desk.column(ENTRIES)[1], "09:15-09:29 15 3000 draft");
}

#[tokio::test]
async fn a_draft_of_which_nothing_is_on_record_is_never_written_over() {
    let desk = Desk::new();
    work(&desk, "s1", "p1", 20 * MINUTE).await;
    desk.sql(CLIENT);
    desk.pass(HOUR);
    drafted(&desk).await;
    desk.sql("DELETE FROM ct_time_drafts; UPDATE billable_time SET duration_minutes = 7");
    assert_eq!(drafted(&desk).await, 0);
    assert_eq!(desk.column(ENTRIES), ["09:00-09:20 7 6000 draft"]);
}

#[tokio::test]
async fn work_beyond_the_edge_of_what_is_looked_at_changes_nothing() {
    let desk = Desk::new();
    work(&desk, "s1", "p1", 20 * MINUTE).await;
    desk.sql(CLIENT);
    desk.pass(HOUR);
    drafted(&desk).await;
    desk.pass(60 * 24 * HOUR);
    assert_eq!(drafted(&desk).await, 0);
    assert_eq!(desk.column(ENTRIES).len(), 1);
}

#[tokio::test]
async fn what_was_confirmed_elsewhere_is_not_changed_by_a_late_update_and_later_minutes_are_a_new_draft() {
    let desk = Desk::new();
    work(&desk, "s1", "p1", 20 * MINUTE).await;
    desk.sql(CLIENT);
    desk.pass(HOUR);
    drafted(&desk).await;
    // Another machine has the draft, and a person confirms it there.
    desk.sql("CREATE TABLE elsewhere AS SELECT * FROM billable_time");
    desk.sql("UPDATE elsewhere SET is_billable = 1, invoice_reference = NULL");
    // Meanwhile more becomes known here of the same work.
    desk.sql("UPDATE work_items SET completed_at = '2026-11-20T09:30:00.000000Z'");
    assert_eq!(drafted(&desk).await, 2);
    assert_eq!(desk.column(ENTRIES), ["09:00-09:30 30 6000 draft"]);
    assert_eq!(desk.one("SELECT count(*) FROM billable_time JOIN elsewhere USING (id)"), "0", "another row, always");
    // An edit stands against a delete: the confirmed row comes back.
    desk.sql("INSERT INTO billable_time SELECT * FROM elsewhere");
    assert_eq!(drafted(&desk).await, 2);
    assert_eq!(desk.column(ENTRIES), ["09:00-09:20 30 6000 billable", "09:20-09:30 15 3000 draft"]);
    assert_eq!(drafted(&desk).await, 0);
}

#[tokio::test]
async fn a_draft_says_when_another_machine_has_drafted_the_same_time_of_the_same_user() {
    let desk = Desk::new();
    work(&desk, "s1", "p1", 20 * MINUTE).await;
    desk.sql(CLIENT);
    desk.pass(HOUR);
    drafted(&desk).await;
    let description = "SELECT description FROM billable_time WHERE session_id IS NOT NULL";
    assert_eq!(desk.one(description), "api: Do p1");
    let other = |id: &str, user: &str, from: &str, to: &str| {
        let sql = format!(
            "INSERT INTO billable_time (id, client_id, user_id, category, description, started_at, ended_at, duration_minutes,
               hourly_rate, total_amount, is_billable, is_invoiced, invoice_reference, created_at, updated_at)
             SELECT '00000000-0000-7000-8000-0000000000{id}', id, '{user}', 'support', 'x', '2026-11-20T{from}:00.000000Z',
               '2026-11-20T{to}:00.000000Z', 20, 0, 0, 0, 0, 'draft', created_at, updated_at FROM clients"
        );
        desk.store.write(move |tx| Ok(tx.connection().execute_batch(&sql)?)).unwrap();
    };
    other("b1", "somebody", "09:00", "09:20");
    other("b2", "dev", "09:21", "09:40");
    assert_eq!(drafted(&desk).await, 0, "another user's, and time that only follows");
    other("b3", "dev", "09:10", "09:30");
    assert_eq!(drafted(&desk).await, 2);
    assert_eq!(desk.one(description), "api: Do p1\nOverlaps drafts of another machine: 2026-11-20 09:10-09:30");
    assert_eq!(drafted(&desk).await, 0, "and stays so");
    desk.sql("DELETE FROM billable_time WHERE id LIKE '%b3'");
    assert_eq!(drafted(&desk).await, 2);
    assert_eq!(desk.one(description), "api: Do p1");
}
