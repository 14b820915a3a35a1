//! What makes vectors, whoever does it.

use std::path::Path;
use std::time::Duration;

use sync::Store;

use super::local::Local;
use super::own::Own;
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
    /// The daemon ends before it is done.
    #[error("the daemon stops")]
    Stopping,
}

impl EmbedError {
    /// What its reader can do.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            EmbedError::Model(_) => "get it anew: claudetools model pull   (or do without: claudetools model use off)",
            EmbedError::Service(_) | EmbedError::Resting | EmbedError::Stopping => {
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
    /// What it counts beside the evidence of words, as a share of what a sentence model does.
    fn trust(&self) -> f64 {
        1.0
    }
    /// True when it was learnt from the memories themselves: then nearness alone says too little to inject a memory for it.
    fn is_learnt(&self) -> bool {
        false
    }
    /// True when it is to be asked for its identity anew, and all vectors are to be made again if that has changed.
    fn is_outgrown(&self) -> bool {
        false
    }
    /// Memories were forgotten on purpose.
    fn forgotten(&self) {}
    /// What takes long is to end soon.
    fn stop(&self) {}
}

/// What the configuration names, for the vectors of a replica in that folder.
pub(crate) fn of(source: Source, store: &Store, vectors: &Path) -> Box<dyn Embedder> {
    match source {
        Source::Own => Box::new(Own::new(store.clone(), vectors)),
        Source::Folder(folder) => Box::new(Local::new(folder)),
        Source::Service { url, model, key_env } => Box::new(Service::new(url, model, key_env.as_deref())),
    }
}
