//! The audit trail: who did what with which credential, in a chain that shows what was altered or removed ([`credential`],
//! [`chain`]), and every write request ([`request`]). Never a value, only names of fields.

pub(crate) mod chain;
pub(crate) mod credential;
pub(crate) mod request;
