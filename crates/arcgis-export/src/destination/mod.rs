//! Where an export goes, and how it gets there whole or not at all.

mod async_writer;
mod carried;
#[cfg(feature = "cloud")]
mod cloud;
mod courier;
#[cfg(feature = "object-store")]
mod held;
mod http_put;
mod local;
#[cfg(feature = "object-store")]
mod object_version;
#[cfg(feature = "object-store")]
mod store_error;
#[cfg(feature = "object-store")]
mod store_runtime;
#[cfg(feature = "object-store")]
mod stored_folder;
#[cfg(feature = "object-store")]
mod stored_object;
#[cfg(feature = "object-store")]
mod uploads;

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::Error;

pub use async_writer::AsyncWriter;
#[cfg(feature = "object-store")]
pub(crate) use held::NotDone;
pub use http_put::HttpPut;
pub use local::LocalFile;
pub(crate) use local::sync_folder;
#[cfg(feature = "object-store")]
pub(crate) use object_version::{ObjectVersion, ReplacedMeanwhile};
#[cfg(feature = "object-store")]
pub(crate) use store_error::{is_condition, is_refused, knows_no_conditions, refusal};
#[cfg(feature = "object-store")]
pub(crate) use store_runtime::StoreRuntime;
#[cfg(feature = "object-store")]
pub use stored_folder::StoredFolder;
#[cfg(feature = "object-store")]
pub use stored_object::StoredObject;
#[cfg(feature = "object-store")]
pub(crate) use uploads::Uploads;

/// A place that an export can be written to.
pub trait Destination: fmt::Debug + Send + Sync + 'static {
    /// The place, for people.
    fn name(&self) -> String;

    /// Makes sure that the place can be written, and begins to. Called before anything is fetched.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] and [`Error::Unwritable`].
    fn open(&self) -> Result<Box<dyn Output>, Error>;

    /// A folder, which may not exist, where pages of an export can be kept while it is under way; none
    /// where the place is not on this machine.
    fn spool_folder(&self) -> Option<PathBuf> {
        None
    }

    /// Whether it is a place for the files of a dataset that is cut into several, and not for one file: its output has
    /// [`Output::file`]. See [`LayerExport::with_partitions`](crate::LayerExport::with_partitions).
    fn is_folder(&self) -> bool {
        false
    }
}

impl Destination for Box<dyn Destination> {
    fn name(&self) -> String {
        (**self).name()
    }

    fn open(&self) -> Result<Box<dyn Output>, Error> {
        (**self).open()
    }

    fn spool_folder(&self) -> Option<PathBuf> {
        (**self).spool_folder()
    }

    fn is_folder(&self) -> bool {
        (**self).is_folder()
    }
}

/// An export on its way to its place. Dropping it leaves the place as it was.
pub trait Output: Write + Send {
    /// What ends the output before its time, if that takes more than dropping it: a request that is under way,
    /// say. Asked for once, before anything is written.
    fn canceller(&mut self) -> Option<Canceller> {
        None
    }

    /// Begins a file in a folder: `path` has `/` between its parts, and is not there yet. The file is committed before
    /// the folder is, and appears with that.
    ///
    /// # Errors
    ///
    /// [`Error::Unwritable`]; [`Error::Unsupported`] where the output is one file.
    fn file(&mut self, path: &str) -> Result<Box<dyn Output>, Error> {
        Err(Error::Unsupported {
            option: path.to_owned(),
            by: "an output that is one file".to_owned(),
        })
    }

    /// What the names of files in a folder have in them before their extension, so that they are not those of files that
    /// are there already; none where they can have any names.
    fn mark(&self) -> Option<&str> {
        None
    }

    /// Everything is written: does all that can still fail before it appears under its name.
    ///
    /// # Errors
    ///
    /// [`Error::Unwritable`].
    fn settle(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// The file that is written to until then, if there is one: where a process is killed it stays behind,
    /// and an export that goes on removes it.
    fn temporary(&self) -> Option<&Path> {
        None
    }

    /// Lets it appear under its name. [`Output::settle`] was called, and nothing was written since.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] if another file took the name meanwhile, and [`Error::Unwritable`].
    fn commit(self: Box<Self>) -> Result<Committed, Error>;
}

/// An export in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// The place, for people.
    pub name: String,
    /// The size in bytes.
    pub bytes: u64,
}

impl Committed {
    /// An export of so many bytes under a name.
    pub fn new(name: impl Into<String>, bytes: u64) -> Self {
        Self {
            name: name.into(),
            bytes,
        }
    }
}

/// Ends an [`Output`] while another thread is at work on it.
pub struct Canceller(Box<dyn FnOnce() + Send>);

impl Canceller {
    /// What is done to end it. It must not wait.
    pub fn new(cancel: impl FnOnce() + Send + 'static) -> Self {
        Self(Box::new(cancel))
    }

    /// Ends it.
    pub fn cancel(self) {
        (self.0)();
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceller").finish_non_exhaustive()
    }
}

/// A [`Canceller`] that is used when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Hold(Option<Canceller>);

impl Hold {
    pub(crate) fn on(output: &mut dyn Output) -> Self {
        Self(output.canceller())
    }

    /// The output is in its place.
    pub(crate) fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(canceller) = self.0.take() {
            canceller.cancel();
        }
    }
}

/// Writes the bytes of a file on this machine to an output, as long as `check` does not object.
#[cfg(feature = "object-store")]
pub(crate) fn write_file(
    path: &Path,
    output: &mut dyn Output,
    check: &dyn Fn() -> Result<(), Error>,
) -> Result<(), Error> {
    use std::io::Read as _;

    let unreadable = |source| Error::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let mut piece = vec![0; 256 * 1024];
    loop {
        check()?;
        let read = file.read(&mut piece).map_err(unreadable)?;
        match piece.get(..read) {
            Some([]) | None => return Ok(()),
            Some(read) => output.write_all(read).map_err(Error::write)?,
        }
    }
}

/// The error of an output, of which there may be one already.
fn refused(name: &str, error: std::io::Error) -> Error {
    let path = name.into();
    if error.kind() == std::io::ErrorKind::AlreadyExists {
        return Error::Exists { path };
    }
    #[cfg(feature = "object-store")]
    if error
        .get_ref()
        .is_some_and(|inner| inner.is::<ReplacedMeanwhile>())
    {
        return Error::Replaced { path };
    }
    Error::Unwritable {
        path,
        source: error,
    }
}
