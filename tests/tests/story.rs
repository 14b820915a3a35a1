//! The story that all of this is for, with nothing but the model played: what Claude Code learns on one machine is in
//! the model's request on the other.

use world::claude::Client;
use world::{Machine, MariaDb};

use crate::replica::Replica;

#[test]
fn what_is_said_on_one_machine_is_known_on_the_other() {
    let server = MariaDb::start().unwrap();
    let url = server.url("story");
    let (a, b) = (Machine::new("a").unwrap(), Machine::new("b").unwrap());
    a.cli(&["central", "init", &url]).unwrap().ok().unwrap();
    for machine in [&a, &b] {
        machine.setup(Some(&url)).unwrap();
    }
    // Two clones of one remote, which is written in two ways.
    let on_a = a.project("src/lighthouse", "git@git.example.invalid:acme/lighthouse.git").unwrap();
    let on_b = b.project("work/clones/lh", "https://git.example.invalid/acme/lighthouse").unwrap();
    let (on_a, on_b) = (Client::new(&a, &on_a).unwrap(), Client::new(&b, &on_b).unwrap());

    let told = "The beacon API of the lighthouse listens on port 4317. [[say:Noted: the beacon API is on port 4317.]]";
    on_a.prompt(told).unwrap().ok().unwrap();
    share(&[&a, &b]);
    let asked = on_b.prompt("On which port does the beacon API listen?").unwrap().ok().unwrap();
    assert!(asked.model_saw("4317"), "{:#?}", asked.run);

    server.stop().unwrap();
    let told = "The keeper of the lighthouse wants its logs in Esperanto. [[say:Understood, logs in Esperanto.]]";
    on_a.prompt(told).unwrap().ok().unwrap();
    let alone = on_a.prompt("In which language does the keeper want logs?").unwrap().ok().unwrap();
    assert!(alone.model_saw("Esperanto"), "its own memory needs no central");
    let refused = a.cli(&["sync", "--wait"]).unwrap();
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(!refused.stderr.is_empty(), "{refused:?}");

    server.restart().unwrap();
    share(&[&a, &b]);
    let asked = on_b.prompt("In which language does the keeper want logs?").unwrap().ok().unwrap();
    assert!(asked.model_saw("Esperanto"), "{:#?}", asked.run);

    share(&[&a, &b, &a]);
    let (everything_on_a, everything_on_b) = (Replica::of(&a).everything(), Replica::of(&b).everything());
    assert!(everything_on_a.len() > 10, "{everything_on_a:#?}");
    assert_eq!(everything_on_a, everything_on_b);
}

/// A round of every machine, one after the other.
fn share(machines: &[&Machine]) {
    for machine in machines {
        let round = machine.cli(&["sync", "--wait"]).unwrap();
        // 3: done, with something for the user to see. Two homes on one host have the same host name, and one gives it up.
        assert!(matches!(round.code, 0 | 3), "{round:?}");
    }
}
