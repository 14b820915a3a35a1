//! A model of this machine: read when it is needed, and let go when nobody has asked for a while.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use embed::Model;

use super::embedder::{EmbedError, Embedder};
use super::models;

/// Pieces of a question that are read: each takes about half a millisecond, and who asks waits for it.
const QUESTION_PIECES: usize = 64;
/// How long a model stays in memory after its last use.
const IDLE: Duration = Duration::from_mins(5);

/// A model in a folder.
pub(crate) struct Local {
    folder: PathBuf,
    loaded: Mutex<Option<(Arc<Model>, Instant)>>,
    identity: Mutex<Option<String>>,
}

impl Local {
    pub(crate) fn new(folder: PathBuf) -> Local {
        Local { folder, loaded: Mutex::default(), identity: Mutex::default() }
    }

    fn model(&self) -> Result<Arc<Model>, EmbedError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let model = match &*loaded {
            Some((model, _)) => Arc::clone(model),
            None => Arc::new(Model::open(&self.folder).map_err(broken)?),
        };
        *loaded = Some((Arc::clone(&model), Instant::now()));
        Ok(model)
    }
}

fn broken(error: impl std::fmt::Display) -> EmbedError {
    EmbedError::Model(error.to_string())
}

impl Embedder for Local {
    /// Reads all of the weights once: a model that was changed since it was pulled is not used.
    fn identity(&self) -> Result<String, EmbedError> {
        let mut identity = self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(identity) = &*identity {
            return Ok(identity.clone());
        }
        let found = models::verified(&self.folder).map_err(broken)?;
        Ok(identity.insert(found).clone())
    }

    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let model = self.model()?;
        texts.iter().map(|text| model.embed(text).map_err(broken)).collect()
    }

    fn ask(&self, text: &str, _: Duration) -> Result<Vec<f32>, EmbedError> {
        self.model()?.embed_start(text, QUESTION_PIECES).map_err(broken)
    }

    fn batch(&self) -> usize {
        1
    }

    fn is_service(&self) -> bool {
        false
    }

    fn rest(&self) {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.take_if(|(_, used)| used.elapsed() > IDLE);
    }

    fn name(&self) -> String {
        self.folder.file_name().unwrap_or(self.folder.as_os_str()).to_string_lossy().into_owned()
    }
}
