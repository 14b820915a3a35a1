use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use sync::{Store, SystemClock};
use tempfile::TempDir;

use super::*;
use crate::memory::{Query, search as recall_search};

/// A replica with its index.
struct World {
    folder: TempDir,
    store: Store,
    index: Arc<Index>,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
        let index = Arc::new(Index::new(store.clone(), folder.path().join("index")));
        World { folder, store, index }
    }

    fn ready() -> World {
        let world = World::new();
        world.step();
        world
    }

    fn step(&self) {
        self.index.step().unwrap();
        assert!(self.index.report().ready);
    }

    /// As after a new start of the daemon.
    fn restart(&mut self) {
        self.index = Arc::new(Index::new(self.store.clone(), self.folder.path().join("index")));
        self.step();
    }

    fn save(&self, id: u32, text: &str) {
        let (id, text) = (name(id), text.to_owned());
        let insert = "INSERT INTO context_snippets (id, snippet_type, title, dense_content, created_at, updated_at)
                      VALUES (?1, 'lesson_learned', ?1, ?2, '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:00.000000Z')";
        let update = "UPDATE context_snippets SET dense_content = ?2 WHERE id = ?1";
        let save = move |tx: &mut sync::local::WriteTx<'_>| {
            if tx.connection().execute(update, (&id, &text))? == 0 {
                tx.connection().execute(insert, (&id, &text))?;
            }
            Ok(())
        };
        self.store.write(save).unwrap();
    }

    fn remove(&self, id: u32) {
        let id = name(id);
        let sql = "DELETE FROM context_snippets WHERE id = ?1";
        self.store.write(move |tx| Ok(tx.connection().execute(sql, [id]).map(drop)?)).unwrap();
    }

    fn find(&self, text: &str) -> BTreeSet<String> {
        let query = Query { text, limit: 50, index: Some(&self.index), ..Query::default() };
        let hits = self.store.read(|tx| recall_search(tx, &query)).unwrap();
        hits.into_iter().map(|hit| hit.source_id).collect()
    }
}

fn name(id: u32) -> String {
    format!("00000000-0000-7000-8000-{id:012}")
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let listed = std::fs::read_dir(folder.join("index")).unwrap();
    listed.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "seg")).collect()
}

#[test]
fn a_memory_is_found_as_soon_as_it_is_saved_and_not_when_it_is_gone() {
    let world = World::ready();
    world.save(1, "the staging database listens on port 5544");
    assert_eq!(world.find("staging port").len(), 1);
    world.save(1, "the staging database has moved to the harbour");
    assert_eq!((world.find("5544").len(), world.find("harbour").len()), (0, 1));
    world.remove(1);
    assert!(world.find("staging database").is_empty());
}

#[test]
fn what_a_memory_counts_is_known_as_soon_as_it_changes() {
    let world = World::ready();
    world.save(1, "the staging database listens on port 5544");
    world.save(2, "the staging database listens on port 5544");
    world.step();
    for (better, change) in [(1, "usage_count = 900"), (2, "relevance_score = 1000"), (1, "relevance_score = 1000")] {
        let raise = format!("UPDATE context_snippets SET {change} WHERE id = ?1");
        world.store.write(move |tx| Ok(tx.connection().execute(&raise, [name(better)]).map(drop)?)).unwrap();
        let query = Query { text: "staging port", limit: 1, index: Some(&world.index), ..Query::default() };
        let packed = world.store.read(|tx| crate::memory::recall(tx, &query, 100)).unwrap();
        let ids: Vec<String> = packed.memories.into_iter().map(|hit| hit.source_id).collect();
        assert_eq!(ids, [name(better)], "after {change}");
    }
}

#[test]
fn the_newest_is_found_though_the_log_is_long() {
    let world = World::ready();
    world
        .store
        .write(|tx| {
            for id in 10..1_000 {
                let sql = "INSERT INTO context_snippets (id, snippet_type, title, dense_content, created_at, updated_at)
                           VALUES (?1, 'lesson_learned', '', 'filler', '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:00.000000Z')";
                tx.connection().execute(sql, [name(id)])?;
            }
            Ok(())
        })
        .unwrap();
    world.save(5, "a needle");
    assert_eq!(world.find("needle").len(), 1);
    while world.index.report().memories < 991 {
        world.step();
    }
    assert_eq!((world.find("needle").len(), world.index.report().memories), (1, 991));
}

#[test]
fn what_is_damaged_is_made_anew() {
    let mut world = World::new();
    for id in 0..20 {
        world.save(id, &format!("memory mark{id}"));
    }
    world.step();
    let [file] = files(world.folder.path()).try_into().unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    for at in [0, bytes.len() / 2, bytes.len() - 1] {
        bytes[at] ^= 0x55;
        std::fs::write(&file, &bytes).unwrap();
        world.restart();
        assert_eq!(world.find("mark7"), BTreeSet::from([name(7)]), "byte {at}");
        assert_eq!(files(world.folder.path()).len(), 1);
        bytes = std::fs::read(&files(world.folder.path())[0]).unwrap();
        std::fs::write(&file, &bytes).unwrap();
    }
    std::fs::remove_dir_all(world.folder.path().join("index")).unwrap();
    world.restart();
    assert_eq!(world.find("mark7").len(), 1);
}

#[test]
fn files_of_another_state_of_the_replica_are_not_used() {
    let mut world = World::ready();
    world.save(1, "kept since the beginning");
    world.restart();
    let before = world.folder.path().join("before.db");
    #[expect(clippy::disallowed_methods, reason = "VACUUM INTO needs a connection without a transaction")]
    let db = rusqlite::Connection::open(world.folder.path().join("replica.db")).unwrap();
    db.execute("VACUUM INTO ?1", [before.to_str()]).unwrap();
    for id in 2..2_000 {
        world.save(id, "written later");
    }
    while world.index.report().segments == 0 {
        world.step();
    }
    let store = Store::open(&before, Arc::new(SystemClock)).unwrap();
    let index = Arc::new(Index::new(store.clone(), world.folder.path().join("index")));
    let restored = World { folder: world.folder, store, index };
    restored.step();
    assert_eq!((restored.find("later").len(), restored.find("beginning").len()), (0, 1));
    assert_eq!(restored.index.report().memories, 1);
}

#[derive(Debug, Clone)]
enum Act {
    Save(u32, u32),
    Remove(u32),
    Step,
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0_u32..12, 0_u32..5).prop_map(|(id, word)| Act::Save(id, word)),
        3 => (0_u32..12).prop_map(Act::Remove),
        2 => Just(Act::Step),
        1 => Just(Act::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_what_the_replica_holds(acts in proptest::collection::vec(act(), 1..60)) {
        let mut world = World::ready();
        let mut kept: BTreeMap<u32, u32> = BTreeMap::new();
        for act in acts {
            match act {
                Act::Save(id, word) => {
                    world.save(id, &format!("word{word}"));
                    kept.insert(id, word);
                }
                Act::Remove(id) => {
                    world.remove(id);
                    kept.remove(&id);
                }
                Act::Step => world.index.write_all(),
                Act::Restart => world.restart(),
            }
            for word in 0..5 {
                let expected: BTreeSet<String> =
                    kept.iter().filter(|(_, kept)| **kept == word).map(|(id, _)| name(*id)).collect();
                prop_assert_eq!(world.find(&format!("word{word}")), expected);
            }
            prop_assert_eq!(world.index.report().memories, kept.len() as u64);
        }
    }
}
