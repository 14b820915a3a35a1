//! What is learnt from a replica, with real files.

use sync::SystemClock;
use tempfile::TempDir;

use super::super::Meaning;
use super::super::source::Source;
use super::*;
use crate::memory::index::Index;
use crate::memory::{Query, search};
use crate::news::Next;

/// Two subjects, with words of their own.
const SUBJECTS: [[&str; 8]; 2] = [
    ["printer", "toner", "paper", "tray", "duplex", "spooler", "cartridge", "fuser"],
    ["router", "uplink", "latency", "packet", "gateway", "subnet", "firewall", "routing"],
];

struct World {
    folder: TempDir,
    store: Store,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
        World { folder, store }
    }

    /// Memories of the two subjects in turn, each with three words of its subject.
    fn save(&self, numbers: std::ops::Range<usize>) {
        let told = |number: usize| {
            let words = SUBJECTS[number % 2];
            let word = |step: usize| words[(number / 2 * step + step) % words.len()];
            format!(
                "INSERT INTO context_snippets (id, snippet_type, title, dense_content, created_at, updated_at)
                 VALUES ('m{number:04}', 'lesson_learned', '', '{} {} {}', '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:00.000000Z');",
                word(1),
                word(3),
                word(5)
            )
        };
        let sql: String = numbers.map(told).collect();
        self.store.write(move |tx| Ok(tx.connection().execute_batch(&sql)?)).unwrap();
    }

    fn vectors(&self) -> PathBuf {
        self.folder.path().join("vectors")
    }

    fn meaning(&self) -> Arc<Meaning> {
        let meaning = Meaning::new(self.store.clone(), self.vectors(), Some(Source::Own)).unwrap();
        let meaning = Arc::new(meaning);
        // The second time it is known what was learnt.
        catch_up(&meaning);
        catch_up(&meaning);
        meaning
    }

    fn learnt(&self) -> Vec<u8> {
        fs::read(file(&self.vectors())).unwrap()
    }
}

fn catch_up(meaning: &Meaning) {
    while meaning.step().unwrap() == Next::NOW {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_is_near_that_shares_no_word_with_the_question() {
    let world = World::new();
    world.save(0..400);
    let meaning = world.meaning();
    let index = Index::new(world.store.clone(), world.folder.path().join("index"));
    let index = index.with_meaning(Some(Arc::clone(&meaning)));
    index.step().unwrap();
    let question = meaning.ask("toner", super::super::PATIENCE).await.unwrap();
    let query = Query { text: "toner", limit: 200, index: Some(&index), meaning: Some(&question), ..Query::default() };
    let found = world.store.read(|tx| search(tx, &query)).unwrap();
    let of = |subject: usize| -> Vec<f64> {
        let without = found.iter().filter(|hit| !hit.text.contains("toner"));
        let own = without.filter(|hit| SUBJECTS[subject].iter().any(|word| hit.text.contains(word)));
        own.map(|hit| hit.score.meaning).collect()
    };
    let (near, far) = (of(0), of(1));
    assert!(!near.is_empty(), "{} found", found.len());
    assert!(near.iter().all(|near| far.iter().all(|far| near > far)), "{near:?} {far:?}");
    assert!(found.iter().all(|hit| hit.score.near.is_none()), "nearness alone lets nothing pass");
    assert!(found[0].text.contains("toner"), "words count more");
    assert!(meaning.report().model.contains("400"), "{}", meaning.report().model);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_few_memories_words_go_on_alone() {
    let world = World::new();
    world.save(0..20);
    let meaning = world.meaning();
    let report = meaning.report();
    assert_eq!((report.memories, report.trouble), (20, None));
    assert!(report.model.contains("50 memories"), "{}", report.model);
    assert_eq!(meaning.ask("toner", super::super::PATIENCE).await, Some(vec![0.0]));
    world.save(20..49);
    world.meaning();
    world.save(49..50);
    let report = world.meaning().report();
    assert!(report.model.contains("learnt from 50"), "{}", report.model);
}

#[test]
fn it_is_learnt_once_and_anew_when_it_is_damaged_or_outgrown_or_something_was_forgotten() {
    let world = World::new();
    world.save(0..250);
    world.meaning();
    let first = world.learnt();
    world.save(250..300);
    world.meaning();
    assert_eq!(world.learnt(), first, "a few more are no reason");
    fs::write(file(&world.vectors()), &first[..first.len() - 1]).unwrap();
    let meaning = world.meaning();
    let second = world.learnt();
    assert_ne!(second, first);
    meaning.forgotten();
    assert!(!file(&world.vectors()).exists(), "also if the daemon ends now");
    world
        .store
        .write(|tx| Ok(tx.connection().execute("DELETE FROM context_snippets WHERE id > 'm0260'", [])?))
        .unwrap();
    catch_up(&meaning);
    let third = world.learnt();
    assert_ne!(third, second);
    assert_eq!((meaning.report().memories, meaning.report().trouble), (261, None));
    world.save(1_000..1_300);
    world.meaning();
    assert_ne!(world.learnt(), third, "twice as many");
    assert!(Meaning::new(world.store.clone(), world.vectors(), None).is_none());
    assert!(!file(&world.vectors()).exists());
}
