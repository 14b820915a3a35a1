//! `model pull`, `list`, `use`, `remove`: what recall goes by beside words, a sentence model or what the memories teach.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use hooks::home::Home;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Failure, Outcome, output};
use crate::config::{self, Config};
use crate::meaning::models::pull::{Doing, From, pull};
use crate::meaning::models::{OFFERS, Offer, installed};
use crate::meaning::source::OWN;
use crate::{lock, setup};

/// A sentence model, so that recall finds what says the same in other words; off until you pull or choose one
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: ModelCommand,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum ModelCommand {
    /// Download a model (checked against a checksum in this program) and use it
    Pull {
        /// Which one
        #[arg(value_name = "NAME", default_value = OFFERS[0].name)]
        name: String,
        /// Take the file from here, for a machine without network
        #[arg(long, value_name = "PATH", conflicts_with = "url")]
        file: Option<PathBuf>,
        /// Download it from here instead, such as a mirror of yours
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// What is here, what can be pulled, and what is used
    List,
    /// Use a model: one that was pulled by its name, the folder of another, `own` (learnt here from your memories), or `off`
    Use {
        #[arg(value_name = "NAME|PATH|own|off")]
        what: String,
    },
    /// Remove a model that was pulled; recall goes by words alone if it was in use
    Remove {
        #[arg(value_name = "NAME")]
        name: String,
    },
}

pub(super) fn run(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    match &arguments.command {
        ModelCommand::Pull { name, file, url } => {
            let offer = offer(name)?;
            let from = match (file, url) {
                (Some(path), _) => From::File(path),
                (None, Some(url)) => From::Url(url),
                (None, None) => From::Url(offer.url),
            };
            let pulled = with_bar(|progress| pull(home, offer, from, progress));
            let folder = pulled
                .map_err(|error| Failure::new(format!("pull {}: {error}", offer.name)).hint(error.hint(offer)))?;
            choose(arguments, home, Some(offer.name), &format!("✓ {} is in {}", offer.name, folder.display()))
        }
        ModelCommand::List => {
            list(arguments, home);
            Ok(Outcome::Done)
        }
        ModelCommand::Use { what } if what == "off" => choose(arguments, home, None, "✓ recall goes by words alone"),
        ModelCommand::Use { what } => {
            let said = named_or_path(home, what)?;
            choose(arguments, home, Some(&said), &format!("✓ recall uses {said}"))
        }
        ModelCommand::Remove { name } => remove(arguments, home, name),
    }
}

fn offer(name: &str) -> Result<&'static Offer, Failure> {
    OFFERS.iter().find(|offer| offer.name == name).ok_or_else(|| {
        let names: Vec<&str> = OFFERS.iter().map(|offer| offer.name).collect();
        Failure::usage(format!("there is no model {name} to pull"))
            .hint(format!("there is: {}; one of your own: claudetools model use PATH", names.join(", ")))
    })
}

/// A name in `models/`, what is learnt here, or the absolute path of a folder that holds a model.
fn named_or_path(home: &Home, what: &str) -> Result<String, Failure> {
    if what == OWN || installed(home).iter().any(|model| model.name == what) {
        return Ok(what.to_owned());
    }
    let path = std::path::absolute(what).map_err(|error| Failure::new(format!("find {what}: {error}")))?;
    if !path.is_dir() {
        return Err(Failure::new(format!("find {what}: it is neither a model that was pulled nor a folder"))
            .hint("see what there is: claudetools model list; get one: claudetools model pull"));
    }
    embed::Model::open(&path).map_err(|error| {
        Failure::new(error).hint("a model's folder has config.json, vocab.txt and model.safetensors")
    })?;
    Ok(path.display().to_string())
}

/// Writes it down, and has a running daemon start anew with it.
fn choose(arguments: &Arguments, home: &Home, what: Option<&str>, said: &str) -> Result<Outcome, Failure> {
    let changed =
        config::set_embedding(&home.config(), what).map_err(|error| Failure::new(&error).hint(error.hint()))?;
    if lock::holder(&home.lock()).is_some() && (changed || what.is_some()) {
        setup::restart(home, None).map_err(|error| Failure::new(&error).hint(error.hint(home)))?;
    }
    if arguments.json {
        output::json(&json!({ "embedding": what }));
    } else {
        output::line(said);
        if what.is_some() {
            output::line("  vectors of your memories are made in the background; see: claudetools status");
        }
    }
    Ok(Outcome::Done)
}

fn remove(arguments: &Arguments, home: &Home, name: &str) -> Result<Outcome, Failure> {
    let Some(model) = installed(home).into_iter().find(|model| model.name == name) else {
        return Err(Failure::new(format!("find the model {name} in {}", home.models().display()))
            .hint("see what there is: claudetools model list"));
    };
    if in_use(home)?.as_deref() == Some(name) {
        choose(arguments, home, None, "  recall goes by words alone")?;
    }
    std::fs::remove_dir_all(&model.path)
        .map_err(|error| Failure::new(format!("remove {}: {error}", model.path.display())))?;
    if !arguments.json {
        output::line(format!("✓ {name} is removed"));
    }
    Ok(Outcome::Done)
}

fn in_use(home: &Home) -> Result<Option<String>, Failure> {
    let config = Config::load(&home.config()).map_err(|error| Failure::new(&error).hint(error.hint()))?;
    Ok(config.recall.embedding)
}

fn list(arguments: &Arguments, home: &Home) {
    let used = in_use(home).ok().flatten();
    let here = installed(home);
    if arguments.json {
        let offers: Vec<_> = OFFERS
            .iter()
            .map(|it| json!({ "name": it.name, "about": it.about, "url": it.url, "sha256": it.sha256, "bytes": it.bytes }))
            .collect();
        return output::json(&json!({ "used": used, "installed": here, "offers": offers }));
    }
    for model in &here {
        let mark = if used.as_deref() == Some(&model.name) { "in use" } else { "" };
        output::line(format!("{:20} {:>5} MB  {mark}", model.name, model.bytes / 1_000_000));
    }
    for offer in OFFERS.iter().filter(|offer| !here.iter().any(|model| model.name == offer.name)) {
        output::line(format!("{:20} {:>5} MB  claudetools model pull", offer.name, offer.bytes / 1_000_000));
        output::line(format!("  {}", offer.about));
    }
    output::line(format!(
        "{OWN:20} nothing is downloaded: learnt here from your own memories   {}",
        if used.as_deref() == Some(OWN) { "in use" } else { "claudetools model use own" }
    ));
    match used {
        None => output::line("none is used: recall goes by words alone"),
        Some(other) if other != OWN && !here.iter().any(|model| model.name == other) => {
            output::line(format!("used: {other}"));
        }
        Some(_) => {}
    }
}

/// A bar on standard error if that is a terminal.
fn with_bar<T>(job: impl FnOnce(&mut dyn FnMut(Doing, u64, u64)) -> T) -> T {
    if !std::io::stderr().is_terminal() {
        return job(&mut |_, _, _| {});
    }
    let bar = ProgressBar::no_length();
    let style = ProgressStyle::with_template(
        "{msg:.bold} {bar:30} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}",
    );
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let outcome = job(&mut |doing, done, of| {
        bar.set_message(if doing == Doing::Downloading { "downloading" } else { "unpacking" });
        bar.set_length(of);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    outcome
}
