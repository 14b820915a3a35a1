//! Builds and centrals of several versions: nothing is lost, and what one does not know it leaves alone.
//!
//! A newer central is one to which a step of the future was applied by SQL; an older one is made from fewer steps, or
//! lacks what a step brings. Both are what a machine of another version would see. In [`builds`] the other version is a
//! real one.

mod builds;
mod killed;
mod migrate;
mod newer;
mod older;

use merge::{Key, Row};

use crate::reconcile::Machine;

/// A round. The first that meets an upgrade in its middle is given up and tried again.
async fn settle(machine: &Machine) {
    for _ in 0..3 {
        match machine.engine.round().await {
            Ok(_) => return,
            Err(error) => assert!(error.to_string().contains("upgraded this very moment"), "{error}"),
        }
    }
    panic!("it does not settle");
}

async fn get(machine: &Machine, entity: &'static migrations::Entity, key: &str) -> Option<Row> {
    let key = Key::new(key);
    machine.store.read_async(move |tx| tx.get(entity, &key)).await.unwrap()
}
