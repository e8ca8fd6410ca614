//! A folder of a store for the files of one dataset, which takes the place of an earlier one as a whole.

use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use object_store::ObjectStoreExt as _;

use super::dataset::local;
use super::index::{NAME, PartitionIndex};
use super::names::marked;
use super::pending::Pending;
use super::replacement::put_index;
use super::standing::Standing;
use crate::destination::{
    Canceller, Committed, Destination, NotDone, ObjectVersion, Output, ReplacedMeanwhile,
    StoredFolder, StoredObject, Uploads, refusal, write_file,
};
use crate::error::Error;
use crate::service::{Folder as _, chain};
use crate::writer_thread::GivenUp;

/// A folder in a store for the files of one dataset: below a path in a bucket of a cloud, or in any
/// [`ObjectStore`](object_store::ObjectStore) of the caller's. See [`Partitions`](crate::Partitions).
///
/// Stores have no folders that could be exchanged in one step. What takes that place is the index: a dataset is what its
/// `_index.json` lists. Files have names of their own in each export (`part-00000-20260131T120000Z-0123abcd.parquet`), and
/// are sent as the parts of uploads that stay out of sight until all rows are there and proven. Then they appear, one after
/// the other, `_index.json` is replaced in one request, on the condition that it is still the one that was there at first,
/// and the files that it does not list any more are deleted. Who reads by the index sees the earlier dataset or the
/// new one, whole; who reads every file that is there sees rows of both for that moment.
///
/// After an error, or when the export is given up, the uploads are aborted and nothing has changed. A process that is killed
/// while files appear leaves them, and `_pending-….json` with their names; the next export there deletes them.
/// Folders that hold anything else are refused.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
///
/// use arcgis_export::object_store::{ObjectStore, memory::InMemory};
/// use arcgis_export::{Destination as _, StoredFolder, StoredPartitions};
///
/// let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
/// let parcels = StoredPartitions::new(StoredFolder::new(store, "parcels".into()));
/// assert_eq!(parcels.name(), "InMemory/parcels/");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct StoredPartitions {
    folder: StoredFolder,
    overwrite: bool,
    /// The dataset that is to be replaced, by its index, and no other.
    replaces: Option<ObjectVersion>,
}

impl StoredPartitions {
    /// The folder, in which nothing may be yet.
    pub fn new(folder: StoredFolder) -> Self {
        Self {
            folder,
            overwrite: false,
            replaces: None,
        }
    }

    /// Whether an earlier dataset may be replaced. Default: no.
    #[must_use]
    pub fn with_overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Lets it take the place of this dataset alone, by its index: where another one stands there by then, it fails with
    /// [`Error::Replaced`].
    pub(crate) fn replacing(mut self, version: ObjectVersion) -> Self {
        self.overwrite = true;
        self.replaces = Some(version);
        self
    }

    /// Sends a dataset that is in a folder on this machine, unless it is given up: then all is taken back.
    pub(crate) fn send(
        &self,
        folder: &Path,
        index: &PartitionIndex,
        given_up: &GivenUp,
    ) -> Result<(), Error> {
        let mut output = self.open()?;
        given_up.ends(output.as_mut());
        let check = || given_up.check();
        let mark = output.mark().unwrap_or_default().to_owned();
        let mut index = index.clone();
        for file in &mut index.files {
            let path = folder.join(local(&file.file));
            file.file = marked(&file.file, &mark);
            let mut sent = output.file(&file.file)?;
            write_file(&path, sent.as_mut(), &check)?;
            sent.settle()?;
            sent.commit()?;
        }
        let mut sent = output.file(NAME)?;
        sent.write_all(&index.to_json().map_err(Error::write)?)
            .map_err(Error::write)?;
        sent.commit()?;
        output.settle()?;
        check()?;
        output.commit().map(drop)
    }

    fn look(&self) -> Result<Standing, Error> {
        let standing = Standing::look(&self.folder, self.overwrite)?;
        match &self.replaces {
            Some(version) if standing.version() != Some(version) => {
                Err(self.folder.refused(io::Error::other(ReplacedMeanwhile)))
            }
            _ => Ok(standing),
        }
    }
}

impl Destination for StoredPartitions {
    fn name(&self) -> String {
        format!("{}/", self.folder.name())
    }

    fn is_folder(&self) -> bool {
        true
    }

    fn open(&self) -> Result<Box<dyn Output>, Error> {
        let standing = self.look()?;
        // Whether it can be written to is known before anything is fetched, and whether files can be deleted.
        let trial = Pending::name("trial");
        // Not under the name of the index: Azure keeps what it is tried with for a week, out of sight, and takes it for an
        // index that is there when none is to be replaced.
        let upload = self.folder.object(&trial)?.with_overwrite(true);
        drop(upload.open()?);
        if !standing.is_nothing() {
            let note = Pending::new(Vec::new(), Vec::new()).to_json();
            let folder = self.folder.hasty();
            folder.put(&trial, note.map_err(Error::write)?)?;
            folder.delete([trial])?;
        }
        Ok(Box::new(StoredOutput {
            uploads: Uploads::new(&self.folder),
            destination: self.clone(),
            standing,
            mark: mark(),
            files: Vec::new(),
            index: Arc::default(),
        }))
    }
}

/// What tells the names of one export's files from those of all others: when it began, and a number by chance.
fn mark() -> String {
    let moment = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let chance = RandomState::new().hash_one(std::process::id());
    format!("{moment}-{:08x}", chance >> 32)
}

/// Files on their way, which are taken back by themselves unless they are committed.
struct StoredOutput {
    destination: StoredPartitions,
    standing: Standing,
    mark: String,
    uploads: Uploads,
    /// Those that were begun.
    files: Vec<String>,
    index: Arc<Mutex<Vec<u8>>>,
}

impl Write for StoredOutput {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("a folder holds files, and no bytes"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for StoredOutput {
    fn canceller(&mut self) -> Option<Canceller> {
        Some(self.uploads.canceller())
    }

    fn mark(&self) -> Option<&str> {
        Some(&self.mark)
    }

    fn file(&mut self, path: &str) -> Result<Box<dyn Output>, Error> {
        if path == NAME {
            return Ok(Box::new(KeptFile {
                content: Vec::new(),
                whole: Arc::clone(&self.index),
            }));
        }
        self.files.push(path.to_owned());
        self.uploads.begin(path)
    }

    fn settle(&mut self) -> Result<(), Error> {
        let sent = self.uploads.settle();
        sent.map_err(|error| self.destination.folder.refused(error))
    }

    fn commit(self: Box<Self>) -> Result<Committed, Error> {
        let Self {
            destination,
            standing,
            mark,
            mut uploads,
            files,
            index,
        } = *self;
        let folder = destination.folder.clone();
        let refused = |error| folder.refused(error);
        // It may have been used meanwhile.
        let now = destination.look()?;
        if now.version() != standing.version() {
            return Err(refused(io::Error::other(ReplacedMeanwhile)));
        }
        let index = std::mem::take(&mut *index.lock().unwrap_or_else(PoisonError::into_inner));
        let bytes = uploads.bytes() + index.len() as u64;
        let earlier: Vec<String> = now.files().map(str::to_owned).collect();
        let pending = Pending::name(&mark);
        let note = Pending::new(files.clone(), earlier.clone()).to_json();
        let put = put_note(folder.object(&pending)?, note.map_err(Error::write)?);
        if let Err(error) = uploads.wait(put) {
            uploads.take_back();
            // It may be there for all that, and says nothing any more.
            if let Err(error) = folder.hasty().delete([pending]) {
                tracing::debug!(
                    error = chain(&error),
                    "a note may stay: the next export there that writes deletes it"
                );
            }
            return Err(refused(error));
        }
        let undo = |uploads: Uploads, failed: NotDone| {
            // What has not appeared by then must not do so any more.
            let is_all = uploads.take_back() && failed.is_certain;
            let deleted = folder.delete(files);
            // Where it is not known that this is all, the next export looks again.
            let forgotten = match (deleted, is_all) {
                (Ok(()), true) => folder.delete([pending.clone()]),
                (deleted, _) => deleted,
            };
            if let Err(error) = forgotten {
                tracing::warn!(
                    folder = folder.name(),
                    error = chain(&error),
                    "files stay that no index names: the next export there that writes deletes them"
                );
            }
            Err(folder.refused(failed.error))
        };
        if let Err(failed) = uploads.appear() {
            return undo(uploads, failed);
        }
        let put = put_index(folder.object(NAME)?, index, now.version().cloned());
        let put = uploads.wait(async move { Ok(put.await) });
        let put = put.unwrap_or_else(|error| {
            Err(NotDone {
                error,
                is_certain: false,
            })
        });
        match put {
            Ok(()) => {}
            Err(failed) if failed.is_certain => return undo(uploads, failed),
            Err(failed) => {
                tracing::warn!(
                    folder = folder.name(),
                    "the store has not said whether the new index is there: by the index it is the earlier dataset or the new one, whole, and files of the other one stay until the next export there that writes"
                );
                return Err(refused(failed.error));
            }
        }
        let gone = earlier.into_iter().chain(now.pending);
        let cleared = folder.delete(gone);
        if let Err(error) = cleared.and_then(|()| folder.delete([pending.clone()])) {
            tracing::warn!(
                folder = folder.name(),
                error = chain(&error),
                "files of the earlier dataset stay: the next export there that writes deletes them, and until then the index alone tells which are the dataset's"
            );
        }
        Ok(Committed::new(destination.name(), bytes))
    }
}

/// Writes down which files come and go.
async fn put_note(object: StoredObject, note: Vec<u8>) -> io::Result<()> {
    let (store, key, _) = object.way();
    let put = store.put(&key, note.into()).await;
    put.map(drop).map_err(|error| refusal(&error))
}

/// A small file that is put when all others are there.
struct KeptFile {
    content: Vec<u8>,
    whole: Arc<Mutex<Vec<u8>>>,
}

impl Write for KeptFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.content.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for KeptFile {
    fn commit(self: Box<Self>) -> Result<Committed, Error> {
        let bytes = self.content.len() as u64;
        *self.whole.lock().unwrap_or_else(PoisonError::into_inner) = self.content;
        Ok(Committed::new(NAME, bytes))
    }
}
