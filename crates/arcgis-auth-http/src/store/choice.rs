//! Which store.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use arcgis_auth_core::{CredentialStore, Error};

use super::file::FileStore;
use super::keyring::KeyringStore;

/// The kinds of stores that this crate has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreKind {
    /// [`KeyringStore`].
    Keyring,
    /// [`FileStore`].
    File,
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keyring => "keyring",
            Self::File => "file",
        })
    }
}

/// The text is neither `keyring` nor `file`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is none of keyring and file")]
pub struct UnknownStore(());

impl FromStr for StoreKind {
    type Err = UnknownStore;

    fn from_str(text: &str) -> Result<Self, UnknownStore> {
        [Self::Keyring, Self::File]
            .into_iter()
            .find(|kind| kind.to_string() == text)
            .ok_or(UnknownStore(()))
    }
}

/// A store, and why it is that one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoreChoice {
    /// The store.
    pub store: Arc<dyn CredentialStore>,
    /// What it is.
    pub kind: StoreKind,
    /// Why there is no keyring, if one was looked for in vain.
    pub no_keyring: Option<String>,
}

impl StoreChoice {
    /// The store of this kind, with `path` for a file. Nothing is looked at.
    #[must_use]
    pub fn of(kind: StoreKind, path: impl Into<PathBuf>) -> Self {
        Self {
            store: match kind {
                StoreKind::Keyring => Arc::new(KeyringStore::new()),
                StoreKind::File => Arc::new(FileStore::new(path)),
            },
            kind,
            no_keyring: None,
        }
    }

    /// The store to keep a new login in: the one that is `wanted`, else the keyring if there is one
    /// that works, else the file at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the keyring is wanted and does not work.
    pub async fn make(wanted: Option<StoreKind>, path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        if wanted == Some(StoreKind::File) {
            return Ok(Self::of(StoreKind::File, path));
        }
        match KeyringStore::new().check().await {
            Ok(()) => Ok(Self::of(StoreKind::Keyring, path)),
            Err(error) if wanted.is_some() => Err(error),
            Err(error) => Ok(Self {
                no_keyring: Some(error.to_string()),
                ..Self::of(StoreKind::File, path)
            }),
        }
    }
}

/// What a user is told of where a login went.
impl fmt::Display for StoreChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.store.describe())?;
        if self.kind == StoreKind::File {
            f.write_str(if cfg!(unix) {
                ", readable by you alone"
            } else {
                ", with the rights of its folder"
            })?;
        }
        if self.no_keyring.is_some() {
            f.write_str(": no keyring answered")?;
        }
        Ok(())
    }
}
