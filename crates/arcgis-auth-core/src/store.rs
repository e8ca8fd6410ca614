//! Where logins are kept between two runs.

use std::fmt;

use futures_util::future::BoxFuture;

use crate::error::{Cause, Error};
use crate::portal::Portal;
use crate::stored_login::StoredLogin;

/// Which login is meant: one profile at one portal.
///
/// ```
/// use arcgis_auth_core::{Portal, StoreKey};
///
/// let key = StoreKey::new(Portal::parse("https://gis.example.com/portal/home")?, "work");
/// assert_eq!(key.to_string(), "work at https://gis.example.com/portal");
/// # Ok::<(), arcgis_auth_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoreKey {
    portal: Portal,
    profile: String,
}

impl StoreKey {
    /// The login of `profile` at `portal`.
    #[must_use]
    pub fn new(portal: Portal, profile: impl Into<String>) -> Self {
        Self {
            portal,
            profile: profile.into(),
        }
    }

    /// The portal.
    #[must_use]
    pub fn portal(&self) -> &Portal {
        &self.portal
    }

    /// The profile's name.
    #[must_use]
    pub fn profile(&self) -> &str {
        &self.profile
    }
}

impl fmt::Display for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.profile, self.portal)
    }
}

/// Keeps logins between two runs: the system's keyring, a file, a vault.
///
/// A store writes [`StoredLogin::to_json`] and reads it with [`StoredLogin::from_json`], which
/// refuses the login of another portal.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Mutex;
///
/// use arcgis_auth_core::{CredentialStore, Error, SecretString, StoreKey, StoredLogin};
/// use futures_util::future::{BoxFuture, FutureExt};
///
/// /// Forgets everything at the end of the process.
/// #[derive(Debug, Default)]
/// struct InMemory(Mutex<HashMap<StoreKey, SecretString>>);
///
/// impl CredentialStore for InMemory {
///     fn load<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<Option<StoredLogin>, Error>> {
///         async move {
///             let text = self.0.lock().unwrap().get(key).cloned();
///             text.map(|text| StoredLogin::from_json(&text, key.portal())).transpose()
///         }
///         .boxed()
///     }
///     fn save<'a>(&'a self, key: &'a StoreKey, login: &'a StoredLogin) -> BoxFuture<'a, Result<(), Error>> {
///         async move {
///             self.0.lock().unwrap().insert(key.clone(), login.to_json()?);
///             Ok(())
///         }
///         .boxed()
///     }
///     fn remove<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<bool, Error>> {
///         async move { Ok(self.0.lock().unwrap().remove(key).is_some()) }.boxed()
///     }
///     fn describe(&self) -> String {
///         "this process's memory".to_owned()
///     }
/// }
/// ```
pub trait CredentialStore: fmt::Debug + Send + Sync {
    /// The login that is kept under `key`; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store cannot be read, or does not hold what it should.
    fn load<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<Option<StoredLogin>, Error>>;

    /// Keeps `login` under `key`, in place of what was there. Whole or not at all: a crash in between
    /// leaves the old one. When it returns, the login is safe.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store cannot be written.
    fn save<'a>(
        &'a self,
        key: &'a StoreKey,
        login: &'a StoredLogin,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Forgets what is kept under `key`; whether there was anything.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store cannot be written.
    fn remove<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<bool, Error>>;

    /// What the store is, for its user: "the system keyring", "the file /home/me/…".
    fn describe(&self) -> String;
}

/// What can be wrong with a store of logins, or with what it holds. Never shows what is kept.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store cannot be reached, read or written.
    #[error("{store} cannot be used: {source}")]
    Unavailable {
        /// As [`CredentialStore::describe`] says it.
        store: String,
        /// Why.
        source: Cause,
    },
    /// Someone else could read or change the store, so that it is not used.
    #[error("{store} is not safe: {problem}")]
    Unsafe {
        /// As [`CredentialStore::describe`] says it.
        store: String,
        /// What to change.
        problem: String,
    },
    /// What is kept is no login: sign in again.
    #[error("the kept login cannot be read ({problem}): sign in again")]
    Damaged {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The login was kept by a newer version of this program.
    #[error("the kept login is of version {found}; this program reads up to {known}")]
    UnknownVersion {
        /// The version of what is kept.
        found: u64,
        /// The newest version that can be read.
        known: u64,
    },
    /// The login belongs to another portal than the one that was asked for: it goes nowhere.
    #[error("the kept login belongs to {found}, not to {wanted}")]
    OtherPortal {
        /// Where it belongs.
        found: String,
        /// Which one was asked for.
        wanted: Portal,
    },
}
