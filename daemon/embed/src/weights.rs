//! A model's weights: what every text needs in memory, the table of words in its file.

use std::fs::File;
use std::io;
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use crate::ModelError;
use crate::positioned::read_at;

/// The most that the description of the tensors may take: a file that claims more is not one of ours.
const LONGEST_HEADER: u64 = 1 << 20;

/// A file of weights.
#[derive(Debug)]
pub(crate) struct Weights {
    file: File,
    header: Metadata,
    /// Where the values begin.
    start: u64,
    /// What all names begin with.
    prefix: &'static str,
}

impl Weights {
    /// Opens a `.safetensors` file and reads what it holds. Errors: it is none, or it is cut off.
    pub(crate) fn open(path: &Path) -> Result<Weights, ModelError> {
        let file = File::open(path).map_err(ModelError::reading(path))?;
        let size = file.metadata().map_err(ModelError::reading(path))?.len();
        let mut length = [0; 8];
        read_at(&file, 0, &mut length).map_err(ModelError::reading(path))?;
        let length = u64::from_le_bytes(length);
        if length > LONGEST_HEADER {
            return Err(ModelError::unfit(path, "it is not a file of weights"));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        read_at(&file, 8, &mut bytes).map_err(ModelError::reading(path))?;
        let header: Metadata = serde_json::from_slice(&bytes).map_err(|error| ModelError::unfit(path, error))?;
        let end = header.tensors().values().map(|tensor| tensor.data_offsets.1 as u64).max().unwrap_or(0);
        if 8 + length + end > size {
            return Err(ModelError::unfit(path, "it is cut off"));
        }
        // Some files hold the sentence model with another's name before each of its own.
        let prefix = if header.info("bert.embeddings.word_embeddings.weight").is_some() { "bert." } else { "" };
        Ok(Weights { file, header, start: 8 + length, prefix })
    }

    /// A tensor's values. Errors: it is missing, or of another shape.
    pub(crate) fn load(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        let info = self.info(name, shape)?;
        let mut values = vec![0.0; shape.iter().product()];
        self.read(info.data_offsets.0 as u64, &mut values)
            .map_err(|source| ModelError::Read { what: name.to_owned(), source })?;
        Ok(values)
    }

    /// A table of so many rows, which are read one at a time.
    pub(crate) fn table(self, name: &str, rows: usize, length: usize) -> Result<Table, ModelError> {
        let at = self.info(name, &[rows, length])?.data_offsets.0 as u64;
        Ok(Table { weights: self, at, rows, length })
    }

    fn info(&self, name: &str, shape: &[usize]) -> Result<&TensorInfo, ModelError> {
        let full = format!("{}{name}", self.prefix);
        let info = self.header.info(&full).ok_or_else(|| ModelError::Missing(full.clone()))?;
        if info.dtype != Dtype::F32 || info.shape != shape {
            let is = format!("{full} is {:?} of {:?}, not F32 of {shape:?}", info.shape, info.dtype);
            return Err(ModelError::Missing(is));
        }
        Ok(info)
    }

    fn read(&self, at: u64, values: &mut [f32]) -> io::Result<()> {
        let mut bytes = vec![0; values.len() * 4];
        read_at(&self.file, self.start + at, &mut bytes)?;
        for (value, bytes) in values.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *value = f32::from_le_bytes(*bytes);
        }
        Ok(())
    }
}

/// Rows that stay in their file.
#[derive(Debug)]
pub(crate) struct Table {
    weights: Weights,
    at: u64,
    rows: usize,
    length: usize,
}

impl Table {
    /// Reads one row.
    pub(crate) fn row(&self, row: u32, values: &mut [f32]) -> io::Result<()> {
        let row = (row as usize).min(self.rows.saturating_sub(1));
        self.weights.read(self.at + (row * self.length * 4) as u64, values)
    }
}
