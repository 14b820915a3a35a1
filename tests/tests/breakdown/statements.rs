//! The network breaks at every statement of a round, in every way.
//!
//! A round with work in all its phases is recorded first; then the same kind of round is run once for each statement and
//! each kind of fault, struck exactly there. One database serves all of them in turn: what an earlier fault left behind is
//! the ground of the next.

use migrations::Entity;
use migrations::catalogue::{CLIENTS, CONVERSATION_CONTEXTS};
use world::mariadb::shared;
use world::proxy::{At, Fault, Kind, Proxy, Rule, Statement};

use super::{Stage, recover};
use crate::compare::shared_tables;
use crate::reconcile::central;
use crate::record::{Summary, everything};

/// What the work of a round touches.
const TABLES: [&Entity; 2] = [CLIENTS, CONVERSATION_CONTEXTS];
/// The kinds that each statement is struck by in an ordinary run; `--all` takes all of them.
const USUAL_KINDS: usize = 1;
/// Statements that a round may have beyond the recorded one: not every round has the same work.
const SLACK: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn the_network_breaks_at_every_statement_of_a_round() {
    let central = central().await;
    let proxy = Proxy::start(shared().unwrap()).unwrap();
    let url = proxy.url(&central.database);
    let mut stage = Stage::new(central, &url).await;
    let recorded = record(&mut stage, &proxy).await;
    let phases = phases(&recorded);
    for phase in ["connect", "sequence", "pull", "push"] {
        let count = phases.iter().filter(|there| **there == phase).count();
        println!("{phase}: {count} statements");
        assert!(count > 2, "a round without {phase}: {recorded:#?}");
    }
    let (mut case, mut struck) = (10, [0_usize; 2]);
    for number in 0..recorded.len() + SLACK {
        for kind in kinds(number) {
            let before: u64 = proxy.injected().values().sum();
            strike(&mut stage, &proxy, case, Rule { at: At::Number(number), fault: Fault::of(kind) }).await;
            let hit = proxy.injected().values().sum::<u64>() > before;
            struck[usize::from(hit)] += 1;
            case += 1;
        }
    }
    let mut summary: Summary = stage.settle(&shared_tables()).await;
    summary.injected_by(&proxy);
    println!("{} rounds were struck, {} were shorter than the statement's number", struck[1], struck[0]);
    assert!(struck[1] >= (recorded.len() - SLACK) * kinds(0).len(), "too few were struck: {struck:?}");
    summary.report("the network breaks at every statement");
}

/// The kinds for a statement: in an ordinary run other ones for each, so that all come about.
fn kinds(number: usize) -> Vec<Kind> {
    if everything() {
        return Kind::ALL.to_vec();
    }
    // Stepping by 3 through 7 kinds visits all of them.
    (0..USUAL_KINDS).map(|step| Kind::ALL[(number * USUAL_KINDS + step) * 3 % Kind::ALL.len()]).collect()
}

/// The statements of a whole round, from connecting on.
async fn record(stage: &mut Stage<'_>, proxy: &Proxy) -> Vec<Statement> {
    for case in 0..5 {
        work(stage, case).await;
        proxy.cut_all();
        recover(&stage.a).await;
        stage.b.round().await;
    }
    work(stage, 5).await;
    proxy.cut_all();
    proxy.arm(Vec::new());
    recover(&stage.a).await;
    proxy.statements()
}

/// A round with work, struck once; then what follows must go through and leave both sides equal.
async fn strike(stage: &mut Stage<'_>, proxy: &Proxy, case: usize, rule: Rule) {
    work(stage, case).await;
    proxy.cut_all();
    let context = format!("case {case}, {rule:?}");
    proxy.arm(vec![rule]);
    // Whether the round itself goes through depends on the fault.
    let outcome = stage.a.engine.round().await;
    proxy.arm(Vec::new());
    let summary = stage.settle(&TABLES).await;
    assert!(summary.diverged.is_empty(), "{context}, which gave {outcome:?}: {}", summary.diverged.join("\n"));
    assert!(summary.lost.is_empty(), "{context}, which gave {outcome:?}: {:?}", summary.lost);
}

/// Something to do in every phase: rows made, changed and deleted on both sides, a counter, and a column that both
/// change.
async fn work(stage: &mut Stage<'_>, case: usize) {
    let before = |back: usize| format!("{}", case.wrapping_sub(back));
    stage.write_here(&format!("a{case}"), "notes").await;
    stage.write_here(&format!("a{}", before(1)), "domain_name").await;
    stage.delete_here(&format!("a{}", before(3))).await;
    stage.count().await;
    stage.write_there(&format!("s{case}"), "notes").await;
    stage.write_there(&format!("a{}", before(1)), "notes").await;
    stage.write_here(&format!("s{}", before(1)), "notes").await;
    stage.delete_there(&format!("s{}", before(3))).await;
    if case.is_multiple_of(3) {
        stage.write_there("shared", "notes").await;
        stage.write_here("shared", "notes").await;
    }
}

/// Which phase of the round each statement belongs to.
fn phases(statements: &[Statement]) -> Vec<&'static str> {
    let mut phase = "connect";
    let mut found: Vec<&'static str> = Vec::with_capacity(statements.len());
    for statement in statements {
        let text = statement.text.as_str();
        let marks = [
            ("FROM ct_sync_counter WHERE id = 1 FOR UPDATE", "sequence"),
            ("CONSISTENT SNAPSHOT", "pull"),
            ("SELECT batch_no, ", "push"),
        ];
        if let Some((_, marked)) = marks.into_iter().find(|(mark, _)| text.contains(mark)) {
            // The statement that opened the transaction belongs to it.
            if let Some(last) = found.last_mut().filter(|_| phase == "between") {
                *last = marked;
            }
            phase = marked;
        }
        found.push(phase);
        if phase != "connect" && (text.starts_with("COMMIT") || text.starts_with("ROLLBACK")) {
            phase = "between";
        }
    }
    found
}
