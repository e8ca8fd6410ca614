//! Objects in stores: the buckets of the clouds, and all else that `object_store` reaches.

use std::io;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{self, BoxFuture, Either, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _};

use super::carried::Carried;
use super::courier::{Courier, Errand, Order, Orders, Pieces};
use super::object_version::{ObjectVersion, ReplacedMeanwhile};
use super::store_error::refusal;
use super::store_runtime::StoreRuntime;
use super::{Destination, Output, refused};
use crate::error::Error;

/// The size of the first parts. Stores want 5 MiB at least, and some want all of one size.
pub(super) const PART: NonZeroUsize = NonZeroUsize::new(8 * 1024 * 1024).unwrap();

/// Parts of one size until they double, and parts in all, the most that S3 and Google take: 496 GiB.
const DOUBLED_AFTER: u32 = 2000;
const MOST_PARTS: u32 = 10_000;

/// Parts that wait or are under way, of the first size.
const UNDER_WAY: usize = 4;

/// The longest wait for a store that is told that nothing will come.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The longest wait before that for parts that are under way: a store may keep one that arrives after an upload
/// was aborted. Both together are less than the courier waits.
const LAST_PARTS: Duration = Duration::from_secs(2);

/// How files are cut into parts, of which the first have this size, or the usual one.
pub(super) fn pieces(part_size: NonZeroUsize) -> Pieces {
    let first = part_size.get();
    Pieces {
        first,
        doubled_after: DOUBLED_AFTER,
        most: MOST_PARTS,
        under_way: UNDER_WAY.saturating_mul(first),
    }
}

/// The parts of an upload that are being sent. Each gives its size.
pub(super) type Parts = FuturesUnordered<BoxFuture<'static, object_store::Result<usize>>>;

/// Sends one more. `held` is dropped when it is there, or will not be.
pub(super) fn send_part(
    upload: &mut dyn MultipartUpload,
    under_way: &Parts,
    piece: Bytes,
    held: impl Send + 'static,
) {
    let length = piece.len();
    let part = upload.put_part(piece.into());
    let part = part.map(move |done| {
        drop(held);
        done.map(|()| length)
    });
    under_way.push(part.boxed());
}

/// Aborts an upload, once the parts that are on their way have had a moment to arrive.
pub(super) async fn take_back(upload: &mut dyn MultipartUpload, under_way: &mut Parts, name: &str) {
    let last = async { while under_way.next().await.is_some() {} };
    // What does not end by then is given up with its connection.
    let _ = tokio::time::timeout(LAST_PARTS, last).await;
    under_way.clear();
    match tokio::time::timeout(PATIENCE, upload.abort()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(
            object = name,
            error = %refusal(&error),
            "the upload could not be aborted: its parts may stay, out of sight, until the store removes them"
        ),
        Err(_) => tracing::warn!(
            object = name,
            "the store does not answer: the parts of the upload may stay, out of sight, until it removes them"
        ),
    }
}

/// A store, for a folder of files in it.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    pub(crate) store: Arc<dyn ObjectStore>,
    /// The same for the first questions, with less patience.
    pub(crate) hasty: Arc<dyn ObjectStore>,
    /// An upload begins there without a request: only a part shows whether it may.
    pub(crate) lazy: bool,
    pub(crate) runtime: StoreRuntime,
}

/// An object in a store: in a bucket of a cloud, by address, or in any [`ObjectStore`] of the caller's.
///
/// Rows are sent while they come, as the parts of a multipart upload: 8 MiB each, twice as much after every 2,000
/// of them, of which at most four wait or are under way (more than that size for one alone). The object appears
/// when the last part is there and the export is proven; until then an earlier one of that name stays as it is.
/// After an error, or when the export is given up, the upload is aborted. A process that is killed cannot do that:
/// stores have rules that remove the parts of uploads that were never completed, and should be given one.
///
/// An upload is begun before anything is fetched, so that missing buckets and permissions are found at once. Where
/// the object is not to be overwritten, it is looked for before that, and once more before it appears; stores have
/// nothing that does both in one step for uploads in parts.
///
/// The requests are sent by a thread with a runtime of its own.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
///
/// use arcgis_export::{Conversion, StoredObject};
/// use arcgis_export::object_store::{ObjectStore, memory::InMemory};
///
/// let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
/// let answer = br#"{"fields": [{"name": "NAME", "type": "esriFieldTypeString"}], "features": []}"#;
/// let to = StoredObject::new(store, "towns/all.parquet".into());
/// let report = Conversion::new(answer).to(&to)?;
/// assert_eq!(report.output.as_deref(), Some("InMemory/towns/all.parquet"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct StoredObject {
    store: Arc<dyn ObjectStore>,
    /// The same for the first questions, with less patience.
    hasty: Arc<dyn ObjectStore>,
    path: Path,
    name: String,
    overwrite: bool,
    /// The object that is to be replaced, and no other.
    replaces: Option<ObjectVersion>,
    part_size: NonZeroUsize,
    /// An upload begins there without a request: only a part shows whether it may.
    lazy: bool,
    /// Where requests are driven, if not by a runtime for each upload.
    runtime: Option<StoreRuntime>,
}

impl StoredObject {
    /// The object at `path`, which must not exist yet.
    pub fn new(store: Arc<dyn ObjectStore>, path: Path) -> Self {
        Self {
            name: format!("{store}/{path}"),
            hasty: Arc::clone(&store),
            store,
            path,
            overwrite: false,
            replaces: None,
            part_size: PART,
            lazy: false,
            runtime: None,
        }
    }

    /// The object at an address, which must not exist yet: `s3://bucket/path`, `gs://bucket/path`,
    /// `az://container/path`, with the schemes `s3a`, `azure`, `adl`, `abfs` and `abfss` as other names. What else
    /// has to be known (keys, regions, accounts, endpoints) is in the environment, under the usual names: see
    /// [`AmazonS3Builder::from_env`](object_store::aws::AmazonS3Builder::from_env),
    /// [`GoogleCloudStorageBuilder::from_env`](object_store::gcp::GoogleCloudStorageBuilder::from_env) and
    /// [`MicrosoftAzureBuilder::from_env`](object_store::azure::MicrosoftAzureBuilder::from_env). The files in
    /// `~/.aws` are not read. A request may take two minutes, unless `AWS_TIMEOUT` and its like say otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::Unwritable`] for an address that names no object, and where the environment does not fit. Nothing
    /// is sent.
    #[cfg(feature = "cloud")]
    pub fn at(address: &str) -> Result<Self, Error> {
        let found = super::cloud::find(address).map_err(|error| refused(address, error))?;
        Ok(Self {
            hasty: found.hasty,
            lazy: found.lazy,
            name: address.to_owned(),
            ..Self::new(found.store, found.path)
        })
    }

    /// Whether [`StoredObject::at`] knows an address by its scheme.
    #[cfg(feature = "cloud")]
    #[must_use]
    pub fn is_address(text: &str) -> bool {
        super::cloud::knows(text)
    }

    /// Whether an earlier object may be replaced. Default: no.
    #[must_use]
    pub fn with_overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Sets the size of the first parts in bytes. Default: 8 MiB. Most stores want 5 MiB at least.
    #[must_use]
    pub fn with_part_size(mut self, bytes: NonZeroUsize) -> Self {
        self.part_size = bytes;
        self
    }

    /// The object at `path` of a folder in a store: all that belongs to the folder is driven by one runtime.
    pub(crate) fn in_folder(folder: &Bucket, path: Path, name: String) -> Self {
        Self {
            hasty: Arc::clone(&folder.hasty),
            lazy: folder.lazy,
            name,
            runtime: Some(folder.runtime.clone()),
            ..Self::new(Arc::clone(&folder.store), path)
        }
    }

    /// Lets it take the place of this object alone: where another one stands there by then, the output fails with
    /// [`Error::Replaced`].
    pub(crate) fn replacing(mut self, version: ObjectVersion) -> Self {
        self.overwrite = true;
        self.replaces = Some(version);
        self
    }

    /// Puts all of it in place of the object that is to be replaced, in one request that the store itself refuses where
    /// another one stands there. `false` where it does not, and nothing was put.
    pub(crate) fn replace_at_once(&self, content: Vec<u8>) -> Result<bool, Error> {
        let Some(mode) = self.replaces.as_ref().and_then(ObjectVersion::update) else {
            return Ok(false);
        };
        let (this, content) = (self.clone(), Bytes::from(content));
        let runtime = self.runtime.clone().unwrap_or_default();
        let put = runtime.wait(async move {
            // Some know no such condition, and pass over it.
            this.check_free(&this.store).await?;
            let put = this
                .store
                .put_opts(&this.path, content.clone().into(), mode.into());
            match put.await {
                Ok(_) => Ok(true),
                Err(object_store::Error::Precondition { .. }) => {
                    // It may be this one, if the answer was lost and the request sent again.
                    let there = this.store.get(&this.path).await;
                    match there.map_err(|error| refusal(&error))?.bytes().await {
                        Ok(there) if there == content => Ok(true),
                        _ => Err(io::Error::other(ReplacedMeanwhile)),
                    }
                }
                Err(error) => {
                    tracing::debug!(object = this.name, error = %refusal(&error), "it is sent in parts");
                    Ok(false)
                }
            }
        });
        put.and_then(|put| put)
            .map_err(|error| refused(&self.name, error))
    }

    /// The store, the path in it, and what drives its requests.
    pub(crate) fn way(&self) -> (Arc<dyn ObjectStore>, Path, StoreRuntime) {
        let runtime = self.runtime.clone().unwrap_or_default();
        (Arc::clone(&self.store), self.path.clone(), runtime)
    }

    /// What stands under the name.
    async fn look(&self, store: &Arc<dyn ObjectStore>) -> io::Result<Option<ObjectMeta>> {
        use object_store::Error;
        match store.head(&self.path).await {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error @ (Error::PermissionDenied { .. } | Error::Unauthenticated { .. })) => {
                if self.overwrite {
                    // Who may write need not be one who may look.
                    return Ok(None);
                }
                let said = refusal(&error);
                let problem = format!(
                    "whether it exists already cannot be seen, and it is not to be overwritten: {said}"
                );
                Err(io::Error::new(said.kind(), problem))
            }
            Err(error) => Err(refusal(&error)),
        }
    }

    /// Makes sure that the name is free, or has what is to be replaced.
    async fn check_free(&self, store: &Arc<dyn ObjectStore>) -> io::Result<Option<ObjectMeta>> {
        let found = self.look(store).await?;
        match &self.replaces {
            Some(version)
                if !found
                    .as_ref()
                    .is_some_and(|found| version.is_that_of(found)) =>
            {
                Err(io::Error::other(ReplacedMeanwhile))
            }
            None if found.is_some() && !self.overwrite => Err(io::ErrorKind::AlreadyExists.into()),
            _ => Ok(found),
        }
    }

    async fn begin(&self, store: &Arc<dyn ObjectStore>) -> io::Result<Box<dyn MultipartUpload>> {
        let upload = store.put_multipart(&self.path).await;
        upload.map_err(|error| refusal(&error))
    }

    fn pieces(&self) -> Pieces {
        pieces(self.part_size)
    }
}

impl Destination for StoredObject {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn open(&self) -> Result<Box<dyn Output>, Error> {
        let upload = Upload {
            to: self.clone(),
            before: None,
            parts: None,
            under_way: FuturesUnordered::new(),
            bytes: 0,
        };
        let refused = |error| refused(&self.name, error);
        let runtime = self.runtime.as_ref().map(StoreRuntime::handle);
        let runtime = runtime.transpose().map_err(refused)?;
        let courier = Courier::start(upload, runtime, self.pieces()).map_err(refused)?;
        Ok(Box::new(Carried::new(courier, self.name.clone())))
    }
}

/// What is under way.
struct Upload {
    to: StoredObject,
    /// What was there.
    before: Option<ObjectMeta>,
    parts: Option<Box<dyn MultipartUpload>>,
    under_way: Parts,
    bytes: u64,
}

impl Upload {
    async fn start(&mut self) -> io::Result<()> {
        self.before = self.to.check_free(&self.to.hasty).await?;
        if self.to.lazy {
            // Azure keeps such a block out of sight, and the first part takes its place.
            let mut trial = self.to.begin(&self.to.hasty).await?;
            let part = trial.put_part(vec![0].into());
            part.await.map_err(|error| refusal(&error))?;
        }
        self.parts = Some(self.to.begin(&self.to.store).await?);
        Ok(())
    }

    async fn send(&mut self, orders: &mut Orders) -> io::Result<()> {
        loop {
            let order = if self.under_way.is_empty() {
                orders.next().await?
            } else {
                let step = match future::select(pin!(orders.next()), self.under_way.next()).await {
                    Either::Left((order, _)) => Either::Left(order?),
                    Either::Right((done, _)) => Either::Right(done),
                };
                match step {
                    Either::Left(order) => order,
                    Either::Right(done) => {
                        if let Some(done) = done {
                            orders.taken(sent(done)?);
                        }
                        continue;
                    }
                }
            };
            let parts = self.parts.as_mut().ok_or_else(nothing_begun)?;
            match order {
                Order::Piece(piece) => {
                    self.bytes += piece.len() as u64;
                    send_part(parts.as_mut(), &self.under_way, piece, ());
                }
                Order::Settle => {
                    while let Some(done) = self.under_way.next().await {
                        orders.taken(sent(done)?);
                    }
                    if !self.to.overwrite || self.to.replaces.is_some() {
                        self.to.check_free(&self.to.store).await?;
                    }
                    orders.settled();
                }
                Order::Complete => return self.complete().await,
            }
        }
    }

    async fn complete(&mut self) -> io::Result<()> {
        let parts = self.parts.as_mut().ok_or_else(nothing_begun)?;
        let Err(error) = parts.complete().await else {
            return Ok(());
        };
        // It may be there all the same: the answer was lost, or came to a second request of the same.
        if let Ok(Some(now)) = self.to.look(&self.to.store).await {
            let earlier = self.before.as_ref();
            let changed = earlier.is_none_or(|earlier| {
                (&earlier.e_tag, earlier.last_modified) != (&now.e_tag, now.last_modified)
            });
            if changed && now.size == self.bytes {
                return Ok(());
            }
        }
        Err(refusal(&error))
    }
}

fn sent(done: object_store::Result<usize>) -> io::Result<usize> {
    done.map_err(|error| refusal(&error))
}

fn nothing_begun() -> io::Error {
    io::Error::other("no upload was begun")
}

impl Errand for Upload {
    fn begin(&mut self) -> BoxFuture<'_, io::Result<()>> {
        self.start().boxed()
    }

    fn carry<'a>(&'a mut self, orders: &'a mut Orders) -> BoxFuture<'a, io::Result<()>> {
        self.send(orders).boxed()
    }

    fn take_back(&mut self) -> BoxFuture<'_, ()> {
        async {
            if let Some(parts) = self.parts.as_mut() {
                take_back(parts.as_mut(), &mut self.under_way, &self.to.name).await;
            }
        }
        .boxed()
    }
}
