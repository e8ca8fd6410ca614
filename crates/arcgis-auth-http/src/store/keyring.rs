//! Logins in the keyring of the system.

use std::time::Duration;

use arcgis_auth_core::{
    CredentialStore, Error, ExposeSecret, SecretString, StoreError, StoreKey, StoredLogin,
};
use futures_util::future::{BoxFuture, FutureExt};
use keyring::Entry;

use super::thread::off_the_loop;

/// What entries are listed under in the system's own programs.
const SERVICE: &str = "arcgis-rs";

/// The system may ask its user to unlock the keyring, and people take their time.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is written to see whether a keyring works.
const PROBE: &str = "probe";

/// Logins in the keyring of the system, readable by programs of the user who is logged in.
///
/// | system | keyring |
/// |---|---|
/// | Linux, BSD | the Secret Service on the session's D-Bus (GNOME Keyring, KWallet, KeePassXC), encrypted on the bus |
/// | macOS | the login keychain |
/// | Windows | the Credential Manager; an entry holds at most 2,560 bytes of UTF-16, which a very long refresh token may pass: saving says so |
///
/// Each login is one entry of the service `arcgis-rs` with the name `<profile> at <portal>`.
///
/// ```no_run
/// # async fn example() -> Result<(), arcgis_auth_http::arcgis_auth_core::Error> {
/// use arcgis_auth_http::KeyringStore;
/// use arcgis_auth_http::arcgis_auth_core::{CredentialStore, Portal, StoreKey};
///
/// let key = StoreKey::new(Portal::parse("https://gis.example.com/portal")?, "default");
/// let login = KeyringStore::new().load(&key).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct KeyringStore(());

impl KeyringStore {
    /// The keyring of this system. Nothing is asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes sure that there is a keyring which keeps things, by writing, reading and removing an entry
    /// of its own. A locked keyring may ask its user to unlock it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if there is none, or none that answers within a minute.
    pub async fn check(&self) -> Result<(), Error> {
        self.call(|| {
            // Of this process alone: two may look at once.
            let entry = Entry::new(SERVICE, &format!("{PROBE} {}", std::process::id()))?;
            entry.set_password(PROBE)?;
            let kept = entry.get_password();
            entry.delete_credential()?;
            match kept {
                Ok(kept) if kept == PROBE => Ok(()),
                Ok(_) => Err(keyring::Error::BadEncoding(Vec::new())),
                Err(error) => Err(error),
            }
        })
        .await
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> keyring::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let problem = match off_the_loop(PATIENCE, work).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => Problem(said(&error)),
            Err(error) => Problem(error.to_string()),
        };
        Err(Error::store(StoreError::Unavailable {
            store: self.describe(),
            source: std::sync::Arc::new(problem),
        }))
    }
}

/// Why a keyring does not work. The errors of the crate below may hold what it read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Problem(String);

fn said(error: &keyring::Error) -> String {
    match error {
        keyring::Error::BadEncoding(_) => "what it gave back is not what was kept".to_owned(),
        keyring::Error::TooLong(_, most) => {
            format!("the login is longer than {most}, the most that it keeps")
        }
        keyring::Error::Ambiguous(entries) => {
            format!("it has {} entries of that name", entries.len())
        }
        keyring::Error::PlatformFailure(_) => format!("no keyring answers ({error})"),
        other => other.to_string(),
    }
}

fn entry(key: &StoreKey) -> keyring::Result<Entry> {
    Entry::new(SERVICE, &key.to_string())
}

impl CredentialStore for KeyringStore {
    fn load<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<Option<StoredLogin>, Error>> {
        let wanted = key.clone();
        async move {
            let json = self
                .call(move || match entry(&wanted)?.get_password() {
                    Ok(json) => Ok(Some(SecretString::from(json))),
                    Err(keyring::Error::NoEntry) => Ok(None),
                    Err(error) => Err(error),
                })
                .await?;
            json.map(|json| StoredLogin::from_json(&json, key.portal()))
                .transpose()
        }
        .boxed()
    }

    fn save<'a>(
        &'a self,
        key: &'a StoreKey,
        login: &'a StoredLogin,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let key = key.clone();
        async move {
            let json = login.to_json()?;
            self.call(move || entry(&key)?.set_password(json.expose_secret()))
                .await
        }
        .boxed()
    }

    fn remove<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<bool, Error>> {
        let key = key.clone();
        async move {
            self.call(move || match entry(&key)?.delete_credential() {
                Ok(()) => Ok(true),
                Err(keyring::Error::NoEntry) => Ok(false),
                Err(error) => Err(error),
            })
            .await
        }
        .boxed()
    }

    fn describe(&self) -> String {
        "the system keyring".to_owned()
    }
}
