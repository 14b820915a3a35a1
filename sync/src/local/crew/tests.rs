use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::*;
use crate::{Store, SystemClock};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
    (folder, store)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn a_question_that_is_taken_for_brief_holds_nobody_up_for_good() {
    let (_folder, store) = store();
    runtime().block_on(async {
        let (open, gate) = mpsc::channel::<()>();
        let (say, heard) = oneshot::channel();
        let holding = store.clone();
        let waits = tokio::spawn(async move {
            let wait = move |_: &ReadTx<'_>| {
                let _ = say.send(());
                Ok(gate.recv().is_err())
            };
            holding.read_brief_async(wait).await.unwrap()
        });
        heard.await.unwrap();
        let behind: Vec<_> = (0..32)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move { store.read_brief_async(move |_| Ok(number)).await.unwrap() })
            })
            .collect();
        for (number, answer) in behind.into_iter().enumerate() {
            assert_eq!(answer.await.unwrap(), number, "answered while the first is not");
        }
        drop(open);
        assert!(waits.await.unwrap());
    });
}

#[test]
fn a_thread_stays_awake_for_one_caller_who_asks_on_and_on_and_for_no_crowd() {
    let answered = Instant::now();
    let (soon, late) = (answered + AWAKE_FOR / 2, answered + AWAKE_FOR * 2);
    let mut state = State { ran_out: Some(answered), ..State::default() };
    let mut paces = |at, at_work| {
        state.at_work = at_work;
        state.note_pace(at);
        state.in_a_row
    };
    assert_eq!((1..=3).map(|_| paces(soon, 0)).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(paces(soon, 1), 0, "another one is being answered");
    assert_eq!((paces(soon, 0), paces(late, 0)), (1, 0), "it had something else to do");
}

#[test]
fn whoever_closes_finds_the_answers_given_and_no_log_left() {
    let (folder, store) = store();
    let answers: Vec<i64> = runtime().block_on(async {
        let asked: Vec<_> = (0..16)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move { store.read_async(move |_| Ok(number)).await.unwrap() })
            })
            .collect();
        let mut answers = Vec::new();
        for answer in asked {
            answers.push(answer.await.unwrap());
        }
        answers
    });
    assert_eq!(answers, (0..16).collect::<Vec<_>>());
    // A clone that lives on holds no file open, and what it asks is refused.
    let other = store.clone();
    store.close().unwrap();
    assert!(!folder.path().join("replica.db-wal").exists());
    let late = runtime().block_on(other.read_async(|_| Ok(())));
    assert!(matches!(late, Err(StoreError::Closed)), "{late:?}");
}

#[test]
fn long_questions_do_not_hold_up_short_ones() {
    let (_folder, store) = store();
    runtime().block_on(async {
        let (open, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let waits: Vec<_> = (0..MOST - 1)
            .map(|_| {
                let (store, gate) = (store.clone(), Arc::clone(&gate));
                tokio::spawn(async move {
                    store.read_async(move |_| Ok(gate.lock().unwrap().recv().is_err())).await.unwrap()
                })
            })
            .collect();
        let one = store.read_async(|tx| Ok(tx.connection().query_row("SELECT 1", [], |row| row.get::<_, i64>(0))?));
        assert_eq!(one.await.unwrap(), 1, "answered while seven others are not");
        drop(open);
        for wait in waits {
            assert!(wait.await.unwrap());
        }
    });
}

#[test]
fn what_is_committed_before_a_question_is_seen_by_it() {
    let (_folder, store) = store();
    let asked = Arc::new(AtomicUsize::new(0));
    runtime().block_on(async {
        let crowd: Vec<_> = (0..16)
            .map(|caller: i64| {
                let (store, asked) = (store.clone(), Arc::clone(&asked));
                tokio::spawn(async move {
                    for number in 0..40_i64 {
                        let name = format!("caller {caller}");
                        let put = name.clone();
                        store
                            .write_async(move |tx| {
                                let sql = "INSERT INTO ct_sync_state (name, value) VALUES (?1, ?2) \
                                           ON CONFLICT (name) DO UPDATE SET value = excluded.value";
                                tx.connection().execute(sql, (put, number.to_string()))?;
                                Ok(())
                            })
                            .await
                            .unwrap();
                        let seen = store
                            .read_async(move |tx| {
                                let sql = "SELECT value FROM ct_sync_state WHERE name = ?1";
                                Ok(tx.connection().query_row(sql, [name], |row| row.get::<_, String>(0))?)
                            })
                            .await
                            .unwrap();
                        assert_eq!(seen, number.to_string());
                        asked.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for caller in crowd {
            caller.await.unwrap();
        }
    });
    assert_eq!(asked.load(Ordering::Relaxed), 16 * 40);
}

#[test]
fn a_job_that_panics_or_fails_costs_nobody_else_an_answer() {
    let (_folder, store) = store();
    runtime().block_on(async {
        for _ in 0..2 * MOST {
            let lost: Result<(), _> = store.read_async(|_| panic!("on purpose")).await;
            assert!(matches!(lost, Err(StoreError::Closed)));
            let failed: Result<(), _> = store.read_async(|_| Err(StoreError::other("no"))).await;
            assert!(failed.is_err());
            assert_eq!(store.read_async(|_| Ok(7)).await.unwrap(), 7);
        }
    });
}
