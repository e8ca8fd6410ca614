//! Logins in a file.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use arcgis_auth_core::{
    CredentialStore, Error, ExposeSecret, SecretString, StoreError, StoreKey, StoredLogin,
};
use fs4::FileExt;
use futures_util::future::{BoxFuture, FutureExt};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::thread::off_the_loop;

/// The version of the file that is written.
const VERSION: u64 = 1;

/// More than thousands of logins take.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// As long as a slow disk, or another process with the lock, may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Logins in one file, which its owner alone can read.
///
/// On Unix the file is made with mode 0600 in a folder with mode 0700. A file that others can read
/// is closed to them before it is used, and a warning says so. On Windows the file has the rights of its folder: below `%APPDATA%` these are
/// those of the user, of administrators and of the system. The secrets in it are not encrypted: where a keyring is to be had, it is better.
///
/// A change is written to a new file in the same folder, synced, and renamed: a crash leaves the old
/// file or the new one. Processes that change it at once wait for each other (by a lock on `<file>.lock`).
///
/// ```no_run
/// # async fn example() -> Result<(), arcgis_auth_http::arcgis_auth_core::Error> {
/// use arcgis_auth_http::FileStore;
/// use arcgis_auth_http::arcgis_auth_core::{CredentialStore, Portal, StoreKey};
///
/// let store = FileStore::new("/home/me/.config/arcgis/credentials.json");
/// let key = StoreKey::new(Portal::parse("https://gis.example.com/portal")?, "default");
/// let login = store.load(&key).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct FileStore {
    path: PathBuf,
}

impl FileStore {
    /// How the file of the command `arcgis` is named, in [`config_folder`](crate::config_folder).
    pub const FILE_NAME: &'static str = "credentials.json";

    /// Logins in this file, which may not exist yet. Nothing is looked at.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Disk) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Error> {
        let path = self.path.clone();
        let work = move || {
            // A link stays one: what it leads to is replaced.
            let path = fs::canonicalize(&path).unwrap_or(path);
            work(&Disk { path })
        };
        let problem = match off_the_loop(PATIENCE, work).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(problem)) => problem,
            Err(error) => error.into(),
        };
        let store = self.describe();
        Err(Error::store(match problem {
            Problem::Io(source) => StoreError::Unavailable {
                store,
                source: std::sync::Arc::new(source),
            },
            Problem::Unsafe(problem) => StoreError::Unsafe { store, problem },
            Problem::Damaged => StoreError::Damaged {
                problem: "the file of logins is none",
            },
            Problem::Version(found) => StoreError::UnknownVersion {
                found,
                known: VERSION,
            },
        }))
    }
}

impl CredentialStore for FileStore {
    fn load<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<Option<StoredLogin>, Error>> {
        let name = key.to_string();
        async move {
            let json = self.call(move |disk| disk.login(&name)).await?;
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
        let name = key.to_string();
        async move {
            let json = login.to_json()?;
            self.call(move |disk| disk.change(&name, Some(&json)))
                .await?;
            Ok(())
        }
        .boxed()
    }

    fn remove<'a>(&'a self, key: &'a StoreKey) -> BoxFuture<'a, Result<bool, Error>> {
        let name = key.to_string();
        async move { self.call(move |disk| disk.change(&name, None)).await }.boxed()
    }

    fn describe(&self) -> String {
        format!("the file {}", self.path.display())
    }
}

/// Why the file cannot be used.
enum Problem {
    Io(io::Error),
    Unsafe(String),
    Damaged,
    Version(u64),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What stands in the file. Logins stay the text that they are: nothing of them is copied to be read.
#[derive(Serialize, Deserialize)]
struct Content<'a> {
    version: u64,
    #[serde(borrow)]
    logins: BTreeMap<String, &'a RawValue>,
}

#[derive(Deserialize)]
struct Head {
    version: u64,
}

impl<'a> Content<'a> {
    fn read(text: Option<&'a SecretString>) -> Result<Self, Problem> {
        let Some(text) = text else {
            return Ok(Self {
                version: VERSION,
                logins: BTreeMap::new(),
            });
        };
        let text = text.expose_secret();
        let head: Head = serde_json::from_str(text).map_err(|_| Problem::Damaged)?;
        if head.version != VERSION {
            return Err(Problem::Version(head.version));
        }
        serde_json::from_str(text).map_err(|_| Problem::Damaged)
    }

    fn written(&self) -> Result<SecretString, Problem> {
        // With room for all of it: a buffer that grows leaves copies behind.
        let logins = self.logins.iter();
        let room = logins.map(|(name, login)| name.len() * 2 + login.get().len() + 8);
        let mut json = String::with_capacity(room.sum::<usize>() + 64).into_bytes();
        serde_json::to_writer(&mut json, self).map_err(io::Error::from)?;
        let json = String::from_utf8(json).map_err(|_| Problem::Damaged)?;
        Ok(SecretString::from(json))
    }
}

/// The file, on a thread that may block.
struct Disk {
    path: PathBuf,
}

impl Disk {
    fn login(&self, name: &str) -> Result<Option<SecretString>, Problem> {
        let text = self.read()?;
        let content = Content::read(text.as_ref())?;
        let found = content.logins.get(name);
        Ok(found.map(|login| SecretString::from(login.get())))
    }

    /// Puts a login in, or takes it out; whether one of that name was there.
    fn change(&self, name: &str, login: Option<&SecretString>) -> Result<bool, Problem> {
        if login.is_none() && !self.path.exists() {
            return Ok(false);
        }
        make_folder(self.folder())?;
        // Held until the new file is in its place.
        let _lock = self.lock()?;
        let text = self.read()?;
        let mut content = Content::read(text.as_ref())?;
        let before = match login {
            Some(login) => {
                let login = serde_json::from_str(login.expose_secret()).map_err(io::Error::from)?;
                content.logins.insert(name.to_owned(), login)
            }
            None => content.logins.remove(name),
        };
        let existed = before.is_some();
        if login.is_some() || existed {
            self.write(&content.written()?)?;
        }
        Ok(existed)
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    fn lock(&self) -> io::Result<File> {
        let mut name = self.path.clone().into_os_string();
        name.push(".lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        owner_only(&mut options);
        let file = options.open(name)?;
        // By its full name: newer standard libraries have a method of that name too.
        FileExt::lock(&file)?;
        Ok(file)
    }

    /// The text of the file; none if there is no file, or an empty one.
    fn read(&self) -> Result<Option<SecretString>, Problem> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        self.close_to_others(&file)?;
        let length = file.metadata()?.len();
        if length > MOST_BYTES {
            return Err(Problem::Damaged);
        }
        let mut text = String::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
        let read = file.take(MOST_BYTES).read_to_string(&mut text);
        // Wrapped first, so that it is wiped on every way out.
        let text = SecretString::from(text);
        match read {
            Ok(_) if text.expose_secret().trim().is_empty() => Ok(None),
            Ok(_) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(Problem::Damaged),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes from a file that others can read or write what they can, and says so.
    #[cfg(unix)]
    fn close_to_others(&self, file: &File) -> Result<(), Problem> {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata()?.permissions().mode() & 0o777;
        if mode & 0o077 == 0 {
            return Ok(());
        }
        file.set_permissions(fs::Permissions::from_mode(0o600))
            .map_err(|error| {
                Problem::Unsafe(format!(
                    "others can use it (mode {mode:o}), and that cannot be changed: {error}"
                ))
            })?;
        tracing::warn!(
            file = %self.path.display(),
            mode = format_args!("{mode:o}"),
            "others could read the kept logins; the file is closed to them now: if they may have done so, sign in anew"
        );
        Ok(())
    }

    /// The rights of the folder hold here.
    #[cfg(not(unix))]
    #[allow(clippy::unnecessary_wraps, clippy::unused_self)]
    fn close_to_others(&self, _: &File) -> Result<(), Problem> {
        Ok(())
    }

    fn write(&self, text: &SecretString) -> Result<(), Problem> {
        // Made with mode 0600.
        let mut file = tempfile::Builder::new()
            .prefix(".credentials-")
            .tempfile_in(self.folder())?;
        file.write_all(text.expose_secret().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        // Without this the name may be that of the old file after a power cut.
        #[cfg(unix)]
        File::open(self.folder())?.sync_all()?;
        Ok(())
    }
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn owner_only(_: &mut OpenOptions) {}

/// Makes the folder, and those above it, if they are missing.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
