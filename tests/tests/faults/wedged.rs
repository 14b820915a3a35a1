//! Something that holds the daemon's place and does nothing: it takes connections and never answers, or takes none.

use std::io::Read as _;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use world::Machine;

use super::{assert_saved, taken_in, talk, told, waiting};
use crate::conversation::Conversation;
use crate::replica::Replica;

/// A machine whose socket the test itself listens on.
fn wedged(name: &str) -> (Machine, std::path::PathBuf, UnixListener) {
    let machine = Machine::new(name).unwrap();
    std::fs::create_dir_all(machine.home().root()).unwrap();
    let listener = UnixListener::bind(machine.home().socket()).unwrap();
    let project = machine.project("project", &format!("https://git.example.invalid/acme/{name}.git")).unwrap();
    (machine, project, listener)
}

/// What was kept meanwhile is taken in by a daemon that works.
fn recovers(machine: &Machine, words: &[&str]) {
    machine.start_daemon().unwrap();
    taken_in(machine);
    let replica = Replica::of(machine);
    for word in words {
        assert_saved(&replica, word);
    }
}

#[test]
fn a_daemon_that_reads_and_never_answers_is_given_up_in_time() {
    let (machine, project, listener) = wedged("wedged");
    let connections = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let swallowing = scope.spawn(|| {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept() {
                let mut first = [0];
                let asked = stream.read(&mut first).is_ok_and(|length| length == 1 && first == *b"P");
                if !asked {
                    return; // the test's own sign that it is over
                }
                connections.fetch_add(1, Ordering::Relaxed);
                open.push(stream);
            }
        });
        let answers = talk(&Conversation::new(&machine, &project).impatient(), &["granite", "heliodor"]);
        drop(std::os::unix::net::UnixStream::connect(machine.home().socket()).unwrap());
        swallowing.join().unwrap();
        let told = told(&answers);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("did not answer within"), "{told:?}");
    });
    assert_eq!((connections.into_inner(), waiting(&machine)), (6, 6));
    drop(listener);
    recovers(&machine, &["granite", "heliodor"]);
}

#[test]
fn a_daemon_that_takes_no_connections_is_given_up_in_time() {
    let (machine, project, listener) = wedged("full-backlog");
    rustix::net::listen(&listener, 0).unwrap();
    let _in_the_queue = std::os::unix::net::UnixStream::connect(machine.home().socket()).unwrap();
    let answers = talk(&Conversation::new(&machine, &project).impatient(), &["iolite"]);
    assert_eq!(told(&answers).len(), 1, "{answers:?}");
    assert_eq!(waiting(&machine), 3);
    drop(listener);
    recovers(&machine, &["iolite"]);
}
