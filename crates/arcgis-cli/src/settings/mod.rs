//! What is set, and where: the one home of the order argument, environment, `.env`, configuration
//! file, default.

pub(crate) mod file;
#[cfg(test)]
mod hostile_tests;
pub(crate) mod key;
mod source;

use std::path::{Path, PathBuf};

use anyhow::Result;
use arcgis_rest::auth::{Dotenv, ExposeSecret, SecretString};
use arcgis_rest::http::config_folder;

use crate::exit::Failure;
use file::ConfigFile;
use key::{Facts, Key, Reach};
pub(crate) use source::{Setting, Source};

/// The file in the working folder that counts where the environment has nothing.
pub(crate) const DOTENV: &str = ".env";

/// All that is set besides the arguments.
#[derive(Debug)]
pub(crate) struct Settings {
    dotenv: Dotenv,
    config: ConfigFile,
    folder: Option<PathBuf>,
    profile: Option<String>,
}

impl Settings {
    /// Reads the files.
    pub(crate) fn load() -> Result<Self> {
        let folder = config_folder();
        let config = match &folder {
            Some(folder) => ConfigFile::read(&folder.join(file::NAME))?,
            None => ConfigFile::default(),
        };
        Ok(Self {
            dotenv: read_dotenv()?,
            config,
            folder,
            profile: None,
        })
    }

    /// The same, with the values of this profile before those that hold for all.
    pub(crate) fn of_profile(&mut self, profile: &str) {
        self.profile = Some(profile.to_owned());
    }

    pub(crate) fn config(&self) -> &ConfigFile {
        &self.config
    }

    /// The folder of the configuration and the logins.
    pub(crate) fn folder(&self) -> Result<&Path> {
        self.folder.as_deref().ok_or_else(|| {
            Failure::usage("there is no home folder for the configuration and the logins")
                .with_hint("ARCGIS_CONFIG_DIR names the folder for them")
                .into()
        })
    }

    /// The `.env` file of the working folder.
    pub(crate) fn dotenv(&self) -> &Dotenv {
        &self.dotenv
    }

    /// The value of a key, if there is one: of the argument, else of the first place that has it.
    pub(crate) fn find<T>(&self, key: &Key<T>, argument: Option<T>) -> Result<Option<Setting<T>>> {
        if let Some(value) = argument {
            let from = Source::Argument;
            return Ok(Some(Setting { value, from }));
        }
        let Some(raw) = self.raw(&key.facts)? else {
            return Ok(None);
        };
        let value = match raw.value.as_slice() {
            [value] => value,
            _ => return Err(refused(&raw.from, "one value is needed")),
        };
        let value = parsed(key, &raw.from, value.expose_secret())?;
        Ok(Some(Setting {
            value,
            from: raw.from,
        }))
    }

    /// As [`Settings::find`], of a key that has a default.
    pub(crate) fn get<T>(&self, key: &Key<T>, argument: Option<T>) -> Result<Setting<T>> {
        if let Some(found) = self.find(key, argument)? {
            return Ok(found);
        }
        let value = parsed(key, &Source::Default, key.facts.default.unwrap_or_default())?;
        Ok(Setting {
            value,
            from: Source::Default,
        })
    }

    /// As [`Settings::find`], of a key that may have several values: all of one place.
    pub(crate) fn list<T>(&self, key: &Key<T>, arguments: Vec<T>) -> Result<Setting<Vec<T>>> {
        if !arguments.is_empty() {
            return Ok(Setting {
                value: arguments,
                from: Source::Argument,
            });
        }
        let Some(raw) = self.raw(&key.facts)? else {
            return Ok(Setting {
                value: Vec::new(),
                from: Source::Default,
            });
        };
        let values = raw.value.iter();
        let value = values
            .map(|value| parsed(key, &raw.from, value.expose_secret()))
            .collect::<Result<_>>()?;
        Ok(Setting {
            value,
            from: raw.from,
        })
    }

    /// Makes sure that what is set for a key can be used.
    pub(crate) fn check(&self, key: &Facts) -> Result<()> {
        let Some(raw) = self.raw(key)? else {
            return Ok(());
        };
        for value in &raw.value {
            (key.check)(value.expose_secret().trim())
                .map_err(|problem| refused(&raw.from, &problem))?;
        }
        Ok(())
    }

    /// The texts of a key outside the arguments. Some may be secret: a proxy has a password.
    pub(crate) fn raw(&self, key: &Facts) -> Result<Option<Setting<Vec<SecretString>>>> {
        let variable = key.variable();
        if let Some(value) = environment(&variable)? {
            return Ok(Some(Setting {
                value: vec![value],
                from: Source::Environment(variable),
            }));
        }
        if key.reach == Reach::Everywhere
            && let Some(value) = self.dotenv.get(&variable)
        {
            return Ok(Some(Setting {
                value: vec![value.clone()],
                from: Source::Dotenv(variable),
            }));
        }
        let found = self.config.get(key, self.profile.as_deref());
        Ok(found.map(|(key, values)| Setting {
            value: values.iter().map(|value| value.as_str().into()).collect(),
            from: Source::Config {
                file: self.config.path().display().to_string(),
                in_profile: key.contains('.'),
                key,
            },
        }))
    }
}

/// A variable of the environment. An empty one counts as not set.
pub(crate) fn environment(name: &str) -> Result<Option<SecretString>> {
    match std::env::var(name) {
        Ok(value) if value.trim().is_empty() => Ok(None),
        Ok(value) => Ok(Some(value.into())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Failure::usage(format!("{name} is not in UTF-8")).into())
        }
    }
}

/// A file of another program's, in whatever form, is nobody's business here.
fn read_dotenv() -> Result<Dotenv> {
    let path = Path::new(DOTENV);
    let ours = b"ARCGIS_";
    let mentions_us = std::fs::read(path).is_ok_and(|bytes| {
        let mut parts = bytes.windows(ours.len());
        parts.any(|part| part == ours)
    });
    if !mentions_us {
        return Ok(Dotenv::default());
    }
    Ok(Dotenv::read(path)?)
}

fn parsed<T>(key: &Key<T>, from: &Source, text: &str) -> Result<T> {
    (key.parse)(text.trim()).map_err(|problem| refused(from, &problem))
}

fn refused(from: &Source, problem: &str) -> anyhow::Error {
    Failure::usage(format!("{from}: {problem}")).into()
}
