//! The hook client.
