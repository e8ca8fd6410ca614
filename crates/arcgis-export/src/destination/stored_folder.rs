//! Folders in stores: what is below a prefix of a bucket.

use std::collections::BTreeSet;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::StreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

use super::object_version::ObjectVersion;
use super::store_error::refusal;
use super::stored_object::{Bucket, PART};
use super::{Destination, StoreRuntime, StoredObject, refused};
use crate::error::Error;
use crate::service::Folder;
use crate::sync::SyncPlace;

/// A folder in a store: all objects below a path, in a bucket of a cloud, by address, or in any [`ObjectStore`] of the
/// caller's.
///
/// Each file is a [`StoredObject`], which appears when it is whole; `index.json` and what else is small is put in
/// one request. No lock keeps two exports into one folder apart, as there are none in stores.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
///
/// use arcgis_export::object_store::{ObjectStore, memory::InMemory};
/// use arcgis_export::{Folder, StoredFolder};
///
/// let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
/// let folder = StoredFolder::new(store, "water".try_into()?);
/// folder.put("index.json", b"{}".to_vec())?;
/// assert_eq!(folder.size("index.json")?, Some(2));
/// assert_eq!(folder.name(), "InMemory/water");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct StoredFolder {
    bucket: Bucket,
    prefix: Path,
    name: String,
    part_size: Option<NonZeroUsize>,
}

impl StoredFolder {
    /// What is below `prefix`, which may be empty.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        let name = format!("{store}/{prefix}");
        Self {
            name: name.trim_end_matches('/').to_owned(),
            bucket: Bucket {
                hasty: Arc::clone(&store),
                store,
                lazy: false,
                runtime: StoreRuntime::default(),
            },
            prefix,
            part_size: None,
        }
    }

    /// The folder at an address: `s3://bucket/path/`, `gs://bucket/path/`, `az://container/path/`, or a whole bucket. The
    /// schemes and the environment are those of [`StoredObject::at`].
    ///
    /// # Errors
    ///
    /// [`Error::Unwritable`] for an address that names no bucket, and where the environment does not fit. Nothing is sent.
    #[cfg(feature = "cloud")]
    pub fn at(address: &str) -> Result<Self, Error> {
        let found = super::cloud::find_any(address).map_err(|error| refused(address, error))?;
        Ok(Self {
            bucket: Bucket {
                store: found.store,
                hasty: found.hasty,
                lazy: found.lazy,
                runtime: StoreRuntime::default(),
            },
            prefix: found.path,
            name: address.trim_end_matches('/').to_owned(),
            part_size: None,
        })
    }

    /// Sets the size of the first parts of files in bytes, as [`StoredObject::with_part_size`].
    #[must_use]
    pub fn with_part_size(mut self, bytes: NonZeroUsize) -> Self {
        self.part_size = Some(bytes);
        self
    }

    /// A folder in it.
    #[must_use]
    pub fn below(&self, path: &str) -> Self {
        let parts = path.split('/').filter(|part| !part.is_empty());
        let whole: Vec<&str> = self.prefix.as_ref().split('/').chain(parts).collect();
        let whole = whole.join("/");
        Self {
            prefix: Path::parse(&whole).unwrap_or_else(|_| Path::from(whole)),
            name: format!("{}/{path}", self.name),
            ..self.clone()
        }
    }

    /// A file in it.
    pub(crate) fn object(&self, path: &str) -> Result<StoredObject, Error> {
        let name = format!("{}/{path}", self.name);
        let key = match self.prefix.as_ref() {
            "" => path.to_owned(),
            prefix => format!("{prefix}/{path}"),
        };
        // As it is: what another path would encode stands so in the index.
        let key = Path::parse(key)
            .map_err(|error| refused(&name, io::Error::new(io::ErrorKind::InvalidInput, error)))?;
        let object = StoredObject::in_folder(&self.bucket, key, name);
        Ok(match self.part_size {
            Some(bytes) => object.with_part_size(bytes),
            None => object,
        })
    }

    /// The first part of files.
    pub(super) fn part_size(&self) -> NonZeroUsize {
        self.part_size.unwrap_or(PART)
    }

    pub(super) fn runtime(&self) -> &StoreRuntime {
        &self.bucket.runtime
    }

    /// The same, with less patience.
    pub(crate) fn hasty(&self) -> Self {
        let mut hasty = self.clone();
        hasty.bucket.store = Arc::clone(&self.bucket.hasty);
        hasty
    }

    /// A request, or several, that this thread waits for.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = io::Result<T>> + Send + 'static,
    ) -> io::Result<T> {
        self.bucket.runtime.wait(work)?
    }

    /// The error of its files together.
    pub(crate) fn refused(&self, error: io::Error) -> Error {
        refused(&self.name, error)
    }

    /// All that is in it, with sizes, by paths from it, but for markers of the folder itself.
    pub(crate) fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let (store, prefix) = (Arc::clone(&self.bucket.store), self.prefix.clone());
        self.wait(async move {
            let mut found = Vec::new();
            let mut objects = store.list(Some(&prefix));
            while let Some(object) = objects.next().await {
                let object = object.map_err(|error| refusal(&error))?;
                let path = object.location.as_ref();
                let path = path.strip_prefix(prefix.as_ref()).unwrap_or(path);
                let path = path.trim_start_matches('/');
                if !path.is_empty() {
                    found.push((path.to_owned(), object.size));
                }
            }
            Ok(found)
        })
    }

    /// Takes files away; one that is not there is no error.
    pub(crate) fn delete(&self, paths: impl IntoIterator<Item = String>) -> Result<(), Error> {
        let paths: BTreeSet<String> = paths.into_iter().collect();
        let Err(error) = self.try_delete(&paths) else {
            return Ok(());
        };
        // An answer may have been lost, and some stores have none for files that are not there.
        match self.list() {
            Ok(there) if !there.iter().any(|(path, _)| paths.contains(path)) => Ok(()),
            _ => Err(error),
        }
    }

    fn try_delete(&self, paths: &BTreeSet<String>) -> Result<(), Error> {
        let keys: Result<Vec<Path>, Error> = paths
            .iter()
            .map(|path| Ok(self.object(path)?.way().1))
            .collect();
        let (store, keys) = (Arc::clone(&self.bucket.store), keys?);
        if keys.is_empty() {
            return Ok(());
        }
        let deleted = self.wait(async move {
            let keys = futures_util::stream::iter(keys.into_iter().map(Ok));
            let mut deleted = store.delete_stream(keys.boxed());
            let mut first = None;
            while let Some(one) = deleted.next().await {
                match one {
                    Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => first = first.or(Some(refusal(&error))),
                }
            }
            first.map_or(Ok(()), Err)
        });
        deleted.map_err(|error| self.refused(error))
    }

    /// What stands in a small file, and which version of it that is.
    pub(crate) fn read_version(
        &self,
        path: &str,
        most: u64,
    ) -> Result<Option<(Vec<u8>, ObjectVersion)>, Error> {
        let (_, key, _) = self.object(path)?.way();
        let store = Arc::clone(&self.bucket.hasty);
        let read = self.wait(async move {
            let found = match store.get(&key).await {
                Ok(found) => found,
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(refusal(&error)),
            };
            let version = ObjectVersion::of(&found.meta);
            let mut bytes = Vec::new();
            let mut pieces = found.into_stream();
            while let Some(piece) = pieces.next().await {
                bytes.extend_from_slice(&piece.map_err(|error| refusal(&error))?);
                if bytes.len() as u64 > most {
                    return Err(io::Error::other(format!("it has more than {most} bytes")));
                }
            }
            Ok(Some((bytes, version)))
        });
        read.map_err(self.unreadable(path))
    }

    fn unreadable(&self, path: &str) -> impl Fn(io::Error) -> Error {
        let path = PathBuf::from(format!("{}/{path}", self.name));
        move |source| Error::Unreadable {
            path: path.clone(),
            source,
        }
    }
}

impl Folder for StoredFolder {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn open(&self) -> Result<(), Error> {
        // An upload that is begun and given up shows whether there is a bucket, and whether it can be written to.
        self.object("index.json")?
            .with_overwrite(true)
            .open()
            .map(drop)
    }

    fn file(&self, path: &str, overwrite: bool) -> Result<Box<dyn Destination>, Error> {
        Ok(Box::new(self.object(path)?.with_overwrite(overwrite)))
    }

    fn put(&self, path: &str, content: Vec<u8>) -> Result<(), Error> {
        let object = self.object(path)?;
        let (store, key, runtime) = object.way();
        let put = runtime.wait(async move {
            let put = store.put(&key, content.into()).await;
            put.map(drop).map_err(|error| refusal(&error))
        });
        put.and_then(|put| put)
            .map_err(|error| refused(&object.name(), error))
    }

    fn read(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, Error> {
        let read = self.read_version(path, most)?;
        Ok(read.map(|(bytes, _)| bytes))
    }

    fn size(&self, path: &str) -> Result<Option<u64>, Error> {
        let (store, key, runtime) = self.object(path)?.way();
        let found = runtime.wait(async move {
            match store.head(&key).await {
                Ok(found) => Ok(Some(found.size)),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(refusal(&error)),
            }
        });
        found.and_then(|found| found).map_err(self.unreadable(path))
    }

    fn place(&self, path: &str) -> Result<Option<SyncPlace>, Error> {
        Ok(Some(self.object(path)?.into()))
    }
}
