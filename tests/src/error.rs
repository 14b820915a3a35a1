//! The one error of the test world: a sentence for whoever reads the failed test.

use std::fmt;

/// What could not be done, as a lower-case fragment that fits "failed to {error}".
#[derive(Debug)]
pub struct Error(String);

/// Result of everything that builds or drives a world.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with its whole text.
    pub fn new(text: impl Into<String>) -> Error {
        Error(text.into())
    }

    /// For `map_err`: what was being done, and what the cause says.
    pub fn doing<E: fmt::Display>(what: impl fmt::Display) -> impl FnOnce(E) -> Error {
        move |cause| Error(format!("{what}: {cause}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
