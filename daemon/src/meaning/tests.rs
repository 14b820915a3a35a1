//! Vectors that follow a replica, with a stand-in for the model and real files.

use std::path::Path;
use std::sync::atomic::AtomicUsize;

use sync::SystemClock;
use tempfile::TempDir;

use super::*;
use crate::memory::index::Index;
use crate::memory::{Hit, Query, search};
use crate::news::Next;

/// Knows a few words that mean the same; remembers what it was given.
#[derive(Default)]
struct Toy {
    given: Mutex<Vec<String>>,
    asked: AtomicUsize,
    away: AtomicBool,
    slow: AtomicBool,
    is_service: bool,
}

const MEANINGS: [&[&str]; 4] =
    [&["car", "automobile", "vehicle"], &["port", "listens"], &["paint", "colour"], &["boat"]];

impl Toy {
    fn vector(text: &str) -> Vec<f32> {
        let count = |words: &&[&str]| words.iter().filter(|word| text.contains(*word)).count();
        let mut vector: Vec<f32> =
            MEANINGS.iter().map(|words| f32::from(u8::try_from(count(words)).unwrap())).collect();
        vector.extend([0.2, 0.1, 0.3, 0.1]);
        let size = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.into_iter().map(|value| value / size).collect()
    }

    fn there(&self) -> Result<(), EmbedError> {
        if self.away.load(Ordering::SeqCst) { Err(EmbedError::Service("it is away".into())) } else { Ok(()) }
    }
}

impl Embedder for Toy {
    fn identity(&self) -> Result<String, EmbedError> {
        Ok("toy".into())
    }

    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        self.there()?;
        self.given.lock().unwrap().extend(texts.iter().cloned());
        Ok(texts.iter().map(|text| Toy::vector(text)).collect())
    }

    fn ask(&self, text: &str, patience: Duration) -> Result<Vec<f32>, EmbedError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.there()?;
        let until = std::time::Instant::now() + 4 * patience;
        crate::wait::until(4 * patience, || {
            (!self.slow.load(Ordering::SeqCst) || std::time::Instant::now() >= until).then_some(())
        });
        Ok(Toy::vector(text))
    }

    fn batch(&self) -> usize {
        2
    }

    fn is_service(&self) -> bool {
        self.is_service
    }

    fn rest(&self) {}

    fn name(&self) -> String {
        "toy".into()
    }
}

struct World {
    folder: TempDir,
    store: Store,
    toy: Arc<Toy>,
    meaning: Arc<Meaning>,
    index: Index,
}

impl World {
    fn new(toy: Toy) -> World {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
        let toy = Arc::new(toy);
        let (meaning, index) = World::start(folder.path(), &store, &toy);
        World { folder, store, toy, meaning, index }
    }

    fn start(folder: &Path, store: &Store, toy: &Arc<Toy>) -> (Arc<Meaning>, Index) {
        let toy: Arc<dyn Embedder> = Arc::clone(toy) as Arc<dyn Embedder>;
        let meaning = Arc::new(Meaning::with(store.clone(), folder.join("vectors"), toy));
        let index = Index::new(store.clone(), folder.join("index")).with_meaning(Some(Arc::clone(&meaning)));
        index.step().unwrap();
        (meaning, index)
    }

    /// As after a new start of the daemon.
    fn restart(&mut self) {
        (self.meaning, self.index) = World::start(self.folder.path(), &self.store, &self.toy);
        self.catch_up();
    }

    fn catch_up(&self) {
        while self.meaning.step().unwrap() == Next::NOW {}
    }

    fn sql(&self, sql: &str) {
        let sql = sql.to_owned();
        self.store.write(move |tx| Ok(tx.connection().execute_batch(&sql)?)).unwrap();
    }

    fn save(&self, id: &str, project: &str, text: &str) {
        self.sql(&format!(
            "INSERT INTO context_snippets (id, project_id, snippet_type, title, dense_content, created_at, updated_at)
             VALUES ('{id}', {project}, 'lesson_learned', '', '{text}', '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:00.000000Z')"
        ));
    }

    fn find(&self, text: &str, project: Option<&str>) -> Vec<Hit> {
        let vector = Toy::vector(text);
        let query =
            Query { text, project, limit: 5, index: Some(&self.index), meaning: Some(&vector), ..Query::default() };
        self.store.read(|tx| search(tx, &query)).unwrap()
    }

    fn first(&self, text: &str) -> Option<String> {
        self.find(text, None).first().map(|hit| hit.source_id.clone())
    }
}

fn three(world: &World) {
    world.save("a", "NULL", "the automobile is in the garage");
    world.save("b", "NULL", "the staging database listens on 5544");
    world.save("c", "NULL", "we chose another colour for the logo");
    world.catch_up();
}

#[test]
fn what_says_the_same_in_other_words_is_found() {
    let world = World::new(Toy::default());
    three(&world);
    let found = world.find("where is my vehicle", None);
    assert_eq!(found[0].source_id, "a");
    assert!(found[0].score.near.unwrap() > 0.9 && found[0].score.meaning > 0.0 && found[0].found.is_empty());
    let report = world.meaning.report();
    assert_eq!((report.memories, report.waiting, report.trouble), (3, 0, None));
}

#[test]
fn vectors_follow_what_is_changed_and_what_is_gone() {
    let mut world = World::new(Toy::default());
    three(&world);
    world.sql("UPDATE context_snippets SET dense_content = 'the boat is in the garage' WHERE id = 'a'");
    world.sql("DELETE FROM context_snippets WHERE id = 'b'");
    world.catch_up();
    assert_eq!(world.first("boat").as_deref(), Some("a"));
    assert_eq!(world.meaning.report().memories, 2);
    let given = world.toy.given.lock().unwrap().len();
    // What changed while nobody followed, and was cut off the log.
    world.sql("DELETE FROM context_snippets WHERE id = 'c'; DELETE FROM ct_memory_log;");
    world.save("d", "NULL", "the paint of the car");
    world.restart();
    assert_eq!((world.meaning.report().memories, world.first("automobile").as_deref()), (2, Some("d")));
    assert_eq!(world.toy.given.lock().unwrap().len(), given + 1, "only what is new is made anew");
}

#[test]
fn damaged_files_are_made_anew_and_words_go_on() {
    let world = World::new(Toy::default());
    three(&world);
    let path = world.folder.path().join("vectors/steps");
    let damaged: Vec<u8> = std::fs::read(&path).unwrap().into_iter().map(|byte| !byte).collect();
    std::fs::write(&path, damaged).unwrap();
    assert_eq!(world.first("staging database").as_deref(), Some("b"));
    assert_eq!(world.meaning.report().memories, 0);
    world.catch_up();
    assert_eq!((world.meaning.report().memories, world.first("vehicle").as_deref()), (3, Some("a")));
}

#[test]
fn another_clients_memory_is_not_found_by_its_meaning() {
    let world = World::new(Toy::default());
    world.sql(
        "INSERT INTO clients (id, name, client_type, is_active, created_at, updated_at) VALUES
             ('c1', 'One', 'msp_client', 1, '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:00.000000Z'),
             ('c2', 'Two', 'msp_client', 1, '2026-11-20T09:00:00.000000Z', '2026-11-20T09:00:00.000000Z');
         INSERT INTO projects (id, name, slug, client_id) VALUES ('p1', 'one', 'one', 'c1'), ('p2', 'two', 'two', 'c2');",
    );
    world.save("a", "'p1'", "the automobile is in the garage");
    world.save("b", "'p2'", "the boat has no paint");
    world.catch_up();
    let ids = |project| -> Vec<String> {
        world.find("vehicle", Some(project)).into_iter().map(|hit| hit.source_id).collect()
    };
    assert_eq!((ids("one"), ids("two")), (vec!["a".to_owned()], vec!["b".to_owned()]));
}

#[test]
fn what_held_a_secret_is_not_sent_to_a_service() {
    let world = World::new(Toy { is_service: true, ..Toy::default() });
    world.save("a", "NULL", "the car opens with [redacted:password] only");
    world.save("b", "NULL", "the boat has none");
    world.catch_up();
    let given = world.toy.given.lock().unwrap().join("\n");
    assert!(given.contains("boat") && !given.contains("car"), "{given}");
    let report = world.meaning.report();
    assert_eq!((report.memories, report.kept_back, report.waiting), (1, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_away_leaves_words_and_is_reported_until_it_is_back() {
    let world = World::new(Toy { is_service: true, ..Toy::default() });
    three(&world);
    world.toy.away.store(true, Ordering::SeqCst);
    world.save("d", "NULL", "a boat");
    assert!(world.meaning.step().is_err());
    assert_eq!(world.meaning.ask("boat", PATIENCE).await, None);
    let report = world.meaning.report();
    assert_eq!((report.asked, report.late, report.waiting), (1, 1, 1));
    assert!(report.trouble.unwrap().reason.contains("away"));
    let query = Query { text: "boat", limit: 5, index: Some(&world.index), ..Query::default() };
    assert_eq!(world.store.read(|tx| search(tx, &query)).unwrap()[0].source_id, "d");
    world.toy.away.store(false, Ordering::SeqCst);
    world.catch_up();
    assert_eq!((world.meaning.report().trouble, world.meaning.report().memories), (None, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vector_that_is_not_there_in_time_is_done_without_and_counted() {
    let world = World::new(Toy::default());
    assert_eq!(world.meaning.ask("car", PATIENCE).await, None, "there is nothing to compare it with");
    assert_eq!(world.toy.asked.load(Ordering::SeqCst), 0);
    three(&world);
    assert!(world.meaning.ask("car", PATIENCE).await.is_some());
    world.toy.slow.store(true, Ordering::SeqCst);
    assert_eq!(world.meaning.ask("car", Duration::from_millis(5)).await, None);
    assert_eq!((world.meaning.report().asked, world.meaning.report().late), (2, 1));
}

#[test]
fn without_a_source_no_vectors_are_kept() {
    let world = World::new(Toy::default());
    three(&world);
    let folder = world.folder.path().join("vectors");
    assert!(folder.join("steps").exists());
    assert!(Meaning::new(world.store.clone(), folder.clone(), None).is_none());
    assert!(!folder.exists());
}
