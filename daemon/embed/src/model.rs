//! A model as it lies in a folder, and the vector that it gives a text.

use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::layer::{Layer, Norm, Shape};
use crate::weights::{Table, Weights};
use crate::wordpiece::WordPiece;

/// Pieces of a text that are read where the model's folder does not say how many it was trained on.
const MOST_PIECES: usize = 256;

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file of it is out of reach.
    #[error("read {what}: {source}")]
    Read {
        /// The file, or the part of the weights.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("use {}: {why}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The weights lack a part, or have another form than the configuration says.
    #[error("use the model's weights: there is no {0}")]
    Missing(String),
}

impl ModelError {
    pub(crate) fn reading(path: &Path) -> impl FnOnce(io::Error) -> ModelError + '_ {
        |source| ModelError::Read { what: path.display().to_string(), source }
    }

    pub(crate) fn unfit(path: &Path, why: impl Display) -> ModelError {
        ModelError::Unfit { path: path.to_path_buf(), why: why.to_string() }
    }
}

/// `config.json`
#[derive(Debug, Deserialize)]
struct Config {
    model_type: String,
    hidden_act: String,
    hidden_size: usize,
    intermediate_size: usize,
    num_attention_heads: usize,
    num_hidden_layers: usize,
    max_position_embeddings: usize,
    vocab_size: usize,
    layer_norm_eps: f32,
}

/// `sentence_bert_config.json`
#[derive(Debug, Deserialize)]
struct Sentence {
    max_seq_length: usize,
}

/// A model in memory, but for its table of words.
#[derive(Debug)]
pub struct Model {
    tokenizer: WordPiece,
    words: Table,
    /// Added to the word at each place, with what the first of two texts gets.
    places: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    width: usize,
    most: usize,
}

impl Model {
    /// Reads the model of a folder. Errors: a file is missing, damaged, or of a kind of model that is not understood.
    pub fn open(folder: &Path) -> Result<Model, ModelError> {
        let path = folder.join("config.json");
        let config: Config = read_json(&path)?;
        let fits = config.model_type == "bert"
            && config.hidden_act == "gelu"
            && (1..=4_096).contains(&config.hidden_size)
            && config.num_attention_heads > 0
            && config.hidden_size.is_multiple_of(config.num_attention_heads)
            && (1..=48).contains(&config.num_hidden_layers)
            && (4..=8_192).contains(&config.max_position_embeddings);
        if !fits {
            return Err(ModelError::unfit(&path, "only BERT models with gelu are understood (such as MiniLM)"));
        }
        let path = folder.join("vocab.txt");
        let vocabulary = fs::read_to_string(&path).map_err(ModelError::reading(&path))?;
        let tokenizer =
            WordPiece::new(&vocabulary).map_err(|piece| ModelError::unfit(&path, format!("{piece} is not in it")))?;
        let path = folder.join("sentence_bert_config.json");
        let most = read_json(&path).map_or(MOST_PIECES, |sentence: Sentence| sentence.max_seq_length);
        let most = most.clamp(4, config.max_position_embeddings);
        Model::load(&folder.join("model.safetensors"), tokenizer, &config, most)
    }

    fn load(path: &Path, tokenizer: WordPiece, config: &Config, most: usize) -> Result<Model, ModelError> {
        let weights = Weights::open(path)?;
        let width = config.hidden_size;
        let shape = Shape {
            width,
            heads: config.num_attention_heads,
            inner: config.intermediate_size,
            epsilon: config.layer_norm_eps,
        };
        let mut places =
            weights.load("embeddings.position_embeddings.weight", &[config.max_position_embeddings, width])?;
        places.truncate(most * width);
        let kinds = weights.load("embeddings.token_type_embeddings.weight", &[2, width])?;
        for place in places.chunks_exact_mut(width) {
            for (value, kind) in place.iter_mut().zip(&kinds) {
                *value += kind;
            }
        }
        let norm = Norm::load(&weights, "embeddings.LayerNorm", shape)?;
        let layers = (0..config.num_hidden_layers)
            .map(|number| Layer::load(&weights, number, shape))
            .collect::<Result<_, _>>()?;
        let words = weights.table("embeddings.word_embeddings.weight", config.vocab_size, width)?;
        Ok(Model { tokenizer, words, places, norm, layers, width, most })
    }

    /// Numbers of a vector.
    pub fn dimensions(&self) -> usize {
        self.width
    }

    /// The direction of a text, of length 1. Errors: the table of words cannot be read.
    pub fn embed(&self, text: &str) -> Result<Vec<f32>, ModelError> {
        self.embed_start(text, self.most)
    }

    /// The direction of a text's first pieces, at most so many: a piece more takes about half a millisecond more. Errors: as
    /// [`Model::embed`].
    #[expect(clippy::cast_precision_loss, reason = "a few hundred words")]
    pub fn embed_start(&self, text: &str, pieces: usize) -> Result<Vec<f32>, ModelError> {
        let ids = self.tokenizer.encode(text, pieces.clamp(2, self.most));
        let mut words = vec![0.0; ids.len() * self.width];
        for (word, &id) in words.chunks_exact_mut(self.width).zip(&ids) {
            self.words
                .row(id, word)
                .map_err(|source| ModelError::Read { what: "the table of words".into(), source })?;
        }
        for (value, place) in words.iter_mut().zip(&self.places) {
            *value += place;
        }
        self.norm.apply(&mut words);
        for layer in &self.layers {
            layer.apply(&mut words);
        }
        let mut mean = vec![0.0; self.width];
        for word in words.chunks_exact(self.width) {
            for (mean, value) in mean.iter_mut().zip(word) {
                *mean += value / ids.len() as f32;
            }
        }
        let length = mean.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        Ok(mean.into_iter().map(|value| value / length).collect())
    }
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, ModelError> {
    let text = fs::read(path).map_err(ModelError::reading(path))?;
    serde_json::from_slice(&text).map_err(|error| ModelError::unfit(path, error))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use safetensors::tensor::{Dtype, TensorView};

    use super::*;

    const CONFIG: &str = r#"{"model_type":"bert","hidden_act":"gelu","hidden_size":8,"intermediate_size":16,
        "num_attention_heads":2,"num_hidden_layers":1,"max_position_embeddings":16,"vocab_size":7,"layer_norm_eps":1e-12}"#;

    /// A model of a few numbers that mean nothing, without one of its parts.
    fn small(folder: &Path, without: &str) {
        let layer = "encoder.layer.0.";
        let mut shapes: Vec<(String, Vec<usize>)> = vec![
            ("embeddings.word_embeddings.weight".into(), vec![7, 8]),
            ("embeddings.position_embeddings.weight".into(), vec![16, 8]),
            ("embeddings.token_type_embeddings.weight".into(), vec![2, 8]),
        ];
        let mut pair = |name: String, outputs: usize, inputs: &[usize]| {
            shapes.push((format!("{name}.weight"), [&[outputs], inputs].concat()));
            shapes.push((format!("{name}.bias"), vec![outputs]));
        };
        pair("embeddings.LayerNorm".into(), 8, &[]);
        for part in ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"] {
            pair(format!("{layer}{part}"), 8, &[8]);
        }
        pair(format!("{layer}intermediate.dense"), 16, &[8]);
        pair(format!("{layer}output.dense"), 8, &[16]);
        pair(format!("{layer}attention.output.LayerNorm"), 8, &[]);
        pair(format!("{layer}output.LayerNorm"), 8, &[]);
        shapes.retain(|(name, _)| name != without);
        let mut at = 0_u32;
        let bytes: HashMap<&str, Vec<u8>> = shapes
            .iter()
            .map(|(name, shape)| {
                let mut next = || {
                    at = at.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (f32::from(u16::try_from(at >> 16).unwrap()) / 32_768.0 - 1.0).to_le_bytes()
                };
                (name.as_str(), (0..shape.iter().product()).flat_map(|_| next()).collect())
            })
            .collect();
        let views = shapes.iter().map(|(name, shape)| {
            (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), &bytes[name.as_str()]).unwrap())
        });
        let weights = safetensors::serialize(views, None).unwrap();
        fs::write(folder.join("model.safetensors"), weights).unwrap();
        fs::write(folder.join("config.json"), CONFIG).unwrap();
        fs::write(folder.join("vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\nport\nopen\nshut").unwrap();
    }

    fn likeness(one: &[f32], other: &[f32]) -> f32 {
        one.iter().zip(other).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn a_vector_has_length_one_and_depends_on_words_and_their_order() {
        let folder = tempfile::tempdir().unwrap();
        small(folder.path(), "");
        let model = Model::open(folder.path()).unwrap();
        let of = |text: &str| model.embed(text).unwrap();
        let open = of("port open");
        assert_eq!((open.len(), model.dimensions()), (8, 8));
        assert!((likeness(&open, &open) - 1.0).abs() < 1e-5);
        assert_eq!(open, of("Port  OPEN"));
        assert_ne!(open, of("port shut"));
        assert_ne!(open, of("open port"));
        assert_eq!(of(&"port ".repeat(16)), of(&"port ".repeat(500)), "what does not fit is left out");
        assert!(of("").iter().all(|value| value.is_finite()));
    }

    #[test]
    fn a_model_that_is_not_whole_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        small(folder.path(), "encoder.layer.0.output.dense.bias");
        let said = Model::open(folder.path()).unwrap_err().to_string();
        assert!(said.contains("encoder.layer.0.output.dense.bias"), "{said}");
        small(folder.path(), "");
        let path = folder.path().join("model.safetensors");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 4]).unwrap();
        let said = Model::open(folder.path()).unwrap_err().to_string();
        assert!(said.contains("cut off"), "{said}");
        fs::write(&path, "not weights").unwrap();
        Model::open(folder.path()).unwrap_err();
        fs::write(folder.path().join("config.json"), CONFIG.replace("bert", "gpt2")).unwrap();
        let said = Model::open(folder.path()).unwrap_err().to_string();
        assert!(said.contains("config.json") && said.contains("BERT"), "{said}");
    }

    /// The first numbers were computed from the same files with Python and numpy, in double precision.
    #[test]
    #[ignore = "needs the model: claudetools model pull; then CLAUDETOOLS_MODEL=~/…/models/all-minilm-l6-v2 cargo test -p claudetools-embed -- --ignored"]
    fn minilm_gives_what_the_reference_gives() {
        let folder = std::env::var_os("CLAUDETOOLS_MODEL").expect("CLAUDETOOLS_MODEL names the model's folder");
        let model = Model::open(Path::new(&folder)).unwrap();
        let memory = model.embed("the staging database listens on port 5544").unwrap();
        for (text, first, near) in [
            ("Which port does the staging database listen on?", [0.047_684, -0.047_357, -0.133_894], 0.895_173),
            ("Café naïve — `fn main()` 数据库 ünïcode_name v2.1.0", [-0.015_299, -0.034_915, -0.004_727], 0.024_67),
            ("we painted the server room blue", [0.007_996, 0.040_834, 0.022_377], 0.149_343),
        ] {
            let vector = model.embed(text).unwrap();
            for (value, expected) in vector.iter().zip(first) {
                assert!((value - expected).abs() < 1e-5, "{text}: {value} is not {expected}");
            }
            assert!((likeness(&vector, &memory) - near).abs() < 1e-5, "{text}");
        }
    }
}
