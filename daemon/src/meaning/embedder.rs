//! What makes vectors, whoever does it.

use std::time::Duration;

use super::local::Local;
use super::service::Service;
use super::source::Source;

/// Why there is no vector.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum EmbedError {
    /// The model cannot be used as it lies there.
    #[error("{0}")]
    Model(String),
    /// The service is away, or refuses.
    #[error("{0}")]
    Service(String),
    /// The service was away a moment ago, and is left alone until it may be back.
    #[error("it was away a moment ago")]
    Resting,
}

impl EmbedError {
    /// What its reader can do.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            EmbedError::Model(_) => "get it anew: claudetools model pull   (or do without: claudetools model use off)",
            EmbedError::Service(_) | EmbedError::Resting => {
                "start the service, or correct [recall] in config.toml; it is tried again by itself"
            }
        }
    }
}

/// Makes vectors of length 1. It may block, and is asked by several threads.
pub(crate) trait Embedder: Send + Sync {
    /// What a vector can be compared with: vectors of another identity are of no use. May take a moment the first time.
    fn identity(&self) -> Result<String, EmbedError>;
    /// Of texts, in the background.
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError>;
    /// Of a question, as quickly as can be.
    fn ask(&self, text: &str, patience: Duration) -> Result<Vec<f32>, EmbedError>;
    /// Texts that are best given at once.
    fn batch(&self) -> usize;
    /// True when texts leave this machine's programs for it: nothing that ever held a secret goes there.
    fn is_service(&self) -> bool;
    /// Lets go of what is not needed until the next question.
    fn rest(&self);
    /// How it is called in a report.
    fn name(&self) -> String;
}

/// What the configuration names.
pub(crate) fn of(source: Source) -> Box<dyn Embedder> {
    match source {
        Source::Folder(folder) => Box::new(Local::new(folder)),
        Source::Service { url, model, key_env } => Box::new(Service::new(url, model, key_env.as_deref())),
    }
}
