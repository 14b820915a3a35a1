//! What comes in: [`value`] takes one value of JSON or of a URL, [`row`] the fields of a body, [`parameters`] the URL,
//! [`body`] the bytes. Each says what is wrong by field, and never with the value.

pub(crate) mod body;
mod form;
mod id;
mod name;
pub(crate) mod parameters;
pub(crate) mod row;
pub(crate) mod time;
pub(crate) mod value;

pub(crate) use form::formed;
pub(crate) use id::Id;
pub(crate) use name::{shown, shown_in};
