//! Programs of others that the tests use, each in a pinned version, kept in the cache directory of whoever runs the tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::run::run;
use crate::{Error, Result};

/// Schemathesis: tries everything that a description of an API allows, and what it forbids.
pub const SCHEMATHESIS: Tool = Tool {
    name: "schemathesis",
    version: "4.32.5",
    failure_variable: "CLAUDETOOLS_TESTS_SCHEMATHESIS_FAILURE",
    from: Source::Pip("schemathesis"),
};
/// Makes a TypeScript client from a description of an API; with the compiler, and the types of Node.
pub const CLIENT_GENERATOR: Tool = Tool {
    name: "openapi-ts",
    version: "0.80.0",
    failure_variable: "CLAUDETOOLS_TESTS_OPENAPI_TS_FAILURE",
    from: Source::Npm(&["@hey-api/openapi-ts@0.80.0", "typescript@5.9.3", "@types/node@22.19.1"]),
};

const DOWNLOAD: Duration = Duration::from_mins(10);

/// A program of others.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// What it is called.
    pub name: &'static str,
    /// The version that the tests are written against.
    pub version: &'static str,
    /// In the environment of a test run: why it could not be installed.
    pub failure_variable: &'static str,
    from: Source,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    /// A package of Python, in an environment of its own.
    Pip(&'static str),
    /// Packages of Node with their versions, in a folder of their own; no script of theirs is run.
    Npm(&'static [&'static str]),
}

impl Tool {
    /// The folder that it is in.
    ///
    /// # Errors
    /// When it is not installed.
    pub fn folder(&self) -> Result<PathBuf> {
        let folder = self.place()?;
        if folder.is_dir() {
            return Ok(folder);
        }
        let reason = std::env::var(self.failure_variable).unwrap_or_else(|_| "`cargo xtask test` installs it".into());
        Err(Error::new(format!("find {} {} in {}: {reason}", self.name, self.version, folder.display())))
    }

    /// One of its programs. Of those of Python only `python` itself, as the others hold the path they were installed at,
    /// and the folder gets its name once all is there.
    pub fn program(&self, name: &str) -> Result<PathBuf> {
        let bin = match self.from {
            Source::Pip(_) => "bin",
            Source::Npm(_) => "node_modules/.bin",
        };
        Ok(self.folder()?.join(bin).join(name))
    }

    /// Installs it unless it is there. An installation that was cut off is begun again.
    pub fn install(&self) -> Result<()> {
        let folder = self.place()?;
        if folder.is_dir() {
            return Ok(());
        }
        let part = folder.with_extension("part");
        let _ = fs::remove_dir_all(&part);
        fs::create_dir_all(&part).map_err(Error::doing(format!("create {}", part.display())))?;
        match self.from {
            Source::Pip(package) => self.pip(&part, package)?,
            Source::Npm(packages) => npm(&part, packages)?,
        }
        fs::rename(&part, &folder).map_err(Error::doing(format!("rename {}", part.display())))
    }

    fn pip(&self, folder: &Path, package: &str) -> Result<()> {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv"]).arg(folder);
        run(venv, b"", DOWNLOAD)?.ok()?;
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        pip.arg(format!("{package}=={}", self.version));
        run(pip, b"", DOWNLOAD)?.ok().map(drop)
    }

    fn place(&self) -> Result<PathBuf> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
        let cache =
            cache.ok_or_else(|| Error::new("find a cache directory: neither XDG_CACHE_HOME nor HOME is set"))?;
        Ok(cache.join("claudetools-tests").join(self.name).join(self.version))
    }
}

fn npm(folder: &Path, packages: &[&str]) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.current_dir(folder).arg("install").args(packages).args([
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        "--prefix=.",
    ]);
    run(npm, b"", DOWNLOAD)?.ok().map(drop)
}
