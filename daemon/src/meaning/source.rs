//! `[recall]` of the configuration: what makes vectors of texts, if anything does.

use std::path::PathBuf;

use hooks::home::Home;
use serde::Deserialize;

/// How vectors that are learnt from the memories are called, on the command line too.
pub(crate) const OWN: &str = "own";

/// `[recall]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Recall {
    /// `own`, a model in `models/` by name, the path of a model's folder, or the address of an OpenAI-compatible service.
    /// Absent: off.
    pub(crate) embedding: Option<String>,
    /// What the service calls its model.
    pub(crate) model: Option<String>,
    /// The environment variable that holds the service's key.
    pub(crate) key_env: Option<String>,
}

/// What makes vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// What the memories themselves teach.
    Own,
    /// A model of this machine.
    Folder(PathBuf),
    /// A service.
    Service { url: String, model: String, key_env: Option<String> },
}

impl Recall {
    /// None when it is off. Errors: a service without a model's name.
    pub(crate) fn source(&self, home: &Home) -> Result<Option<Source>, String> {
        let Some(said) = self.embedding.as_deref().map(str::trim).filter(|said| !said.is_empty() && *said != "off")
        else {
            return Ok(None);
        };
        if said.starts_with("http://") || said.starts_with("https://") {
            let model = self
                .model
                .clone()
                .ok_or("[recall] embedding is a service, and [recall] model does not say which of its models")?;
            let url = said.trim_end_matches('/').to_owned();
            return Ok(Some(Source::Service { url, model, key_env: self.key_env.clone() }));
        }
        if said == OWN {
            return Ok(Some(Source::Own));
        }
        let is_path = said.contains(['/', '\\']);
        Ok(Some(Source::Folder(if is_path { PathBuf::from(said) } else { home.models().join(said) })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_a_path_and_an_address_are_told_apart() {
        let home = Home::at("/home/me/it");
        let of = |text: &str| toml::from_str::<Recall>(text).unwrap().source(&home);
        assert_eq!((of(""), of("embedding = \"off\"")), (Ok(None), Ok(None)));
        assert_eq!(of("embedding = \"own\""), Ok(Some(Source::Own)));
        let folder = |path: &str| Ok(Some(Source::Folder(PathBuf::from(path))));
        assert_eq!(of("embedding = \"minilm\""), folder("/home/me/it/models/minilm"));
        assert_eq!(of("embedding = \"/opt/minilm\""), folder("/opt/minilm"));
        let service = of("embedding = \"http://127.0.0.1:11434/v1/\"\nmodel = \"all-minilm\"").unwrap().unwrap();
        assert_eq!(
            service,
            Source::Service { url: "http://127.0.0.1:11434/v1".into(), model: "all-minilm".into(), key_env: None }
        );
        assert!(of("embedding = \"https://example.com/v1\"").unwrap_err().contains("[recall] model"));
    }
}
