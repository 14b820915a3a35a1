//! Whole events against a real store: what the rows say afterwards.

pub(crate) mod desk;
mod forgetting;
mod intake;
mod lessons;
mod lifecycle;
mod others;
mod recall;
mod settled;
mod solutions;
mod tools;
mod turns;
mod visibility;
