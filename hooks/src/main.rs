//! The hook client.
fn main() {}
