//! A store in memory that writes down what is asked of it, and in which something goes wrong at any request that a test
//! likes.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arcgis_export::object_store::memory::InMemory;
use arcgis_export::object_store::path::Path;
use arcgis_export::object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result, UploadPart,
};
use arcgis_export::{PartitionIndex, StoredFolder, StoredPartitions};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt as _};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Wrong {
    /// One request is refused.
    Once,
    /// From one on all are: somebody took the network away, or the process.
    FromThen,
    /// One is carried out, and answered with an error.
    LostAnswer,
    /// One does not come back.
    Stalled,
    /// One is answered with an error, and an index that it puts is there later, unless its condition forbids that then.
    Late,
    /// One is carried out a moment after [`Store::is_going_wrong`], if somebody still waits for that.
    Slow,
    /// One is carried out, and answered a moment after that.
    Delayed,
}

/// Until what is slow is done, since somebody has seen that it is asked for.
const MOMENT: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct State {
    asked: Vec<String>,
    wrong: Option<(usize, Wrong)>,
    /// Whether what is slow is done now.
    goes_on: bool,
    /// Only requests of which this says what is asked count.
    of: Option<&'static str>,
    knows_conditions: bool,
    /// Whether it tells no tags by which conditions are made, but versions.
    tells_versions: bool,
    /// The index that is under way still.
    late: Option<(Path, PutPayload, PutOptions)>,
    /// Uploads that were begun, and neither completed nor aborted, by what they are of.
    open: Vec<String>,
    /// Parts that are being sent, and the most of them that were at once.
    sending: usize,
    most: usize,
}

/// Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    inner: Arc<InMemory>,
    state: Arc<Mutex<State>>,
}

/// What is done with a request.
enum Turn {
    Pass,
    Refuse,
    Forget,
    Delay,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            inner: Arc::default(),
            state: Arc::new(Mutex::new(State {
                knows_conditions: true,
                ..State::default()
            })),
        }
    }

    /// One that passes over conditions.
    pub(crate) fn without_conditions() -> Self {
        let store = Self::new();
        store.state.lock().unwrap().knows_conditions = false;
        store
    }

    /// One that tells versions, and takes conditions by tags alone.
    pub(crate) fn with_versions_alone() -> Self {
        let store = Self::new();
        store.state.lock().unwrap().tells_versions = true;
        store
    }

    /// The same objects, and no faults.
    pub(crate) fn fork(&self) -> Self {
        let fork = Self::new();
        let inner = Arc::new(self.inner.fork());
        Self { inner, ..fork }
    }

    /// The request of this number, from now on, goes wrong; of all requests, or of those that begin so.
    pub(crate) fn break_at(&self, number: usize, wrong: Wrong, of: Option<&'static str>) {
        let mut state = self.state.lock().unwrap();
        state.asked.clear();
        state.goes_on = false;
        state.wrong = Some((number, wrong));
        state.of = of;
    }

    pub(crate) fn heal(&self) {
        let mut state = self.state.lock().unwrap();
        state.asked.clear();
        state.wrong = None;
    }

    /// What was asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// What was late arrives.
    pub(crate) async fn arrive(&self) -> Result<PutResult> {
        let (path, payload, options) = self.state.lock().unwrap().late.take().unwrap();
        self.inner.put_opts(&path, payload, options).await
    }

    /// Waits until the request that goes wrong is asked for, and says when that was.
    pub(crate) async fn is_going_wrong(&self) -> Instant {
        let is_asked = || {
            let state = self.state.lock().unwrap();
            state.wrong.is_some_and(|(at, _)| state.asked.len() > at)
        };
        while !is_asked() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let state = Arc::clone(&self.state);
        // Whoever is given up may hold the thread that has seen it.
        std::thread::spawn(move || {
            std::thread::sleep(MOMENT);
            state.lock().unwrap().goes_on = true;
        });
        Instant::now()
    }

    async fn goes_on(&self) {
        while !self.state.lock().unwrap().goes_on {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Uploads that were begun, and neither completed nor aborted, by what they are of.
    pub(crate) fn open_uploads(&self) -> Vec<String> {
        self.state.lock().unwrap().open.clone()
    }

    fn ended(&self, location: &Path) {
        let mut state = self.state.lock().unwrap();
        let place = state.open.iter().position(|open| open == location.as_ref());
        // One may be completed and aborted, where the answer was lost.
        if let Some(place) = place {
            state.open.swap_remove(place);
        }
    }

    /// The most parts that were sent at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.state.lock().unwrap().most
    }

    pub(crate) fn folder(&self) -> StoredFolder {
        StoredFolder::new(Arc::new(self.clone()), "lake/cities".into())
            .with_part_size(4096.try_into().unwrap())
    }

    pub(crate) fn partitions(&self) -> StoredPartitions {
        StoredPartitions::new(self.folder())
    }

    /// All objects, by their paths from the folder. Nobody is asked for that.
    pub(crate) async fn objects(&self) -> Vec<String> {
        let mut objects: Vec<String> = self
            .inner
            .list(None)
            .map(|object| {
                let path = object.unwrap().location;
                path.as_ref()
                    .strip_prefix("lake/cities/")
                    .unwrap()
                    .to_owned()
            })
            .collect()
            .await;
        objects.sort();
        objects
    }

    pub(crate) async fn read(&self, path: &str) -> Option<Bytes> {
        let key = Path::parse(format!("lake/cities/{path}")).unwrap();
        let found = self.inner.get(&key).await.ok()?;
        Some(found.bytes().await.unwrap())
    }

    pub(crate) async fn write(&self, path: &str, content: &'static str) {
        let key = Path::parse(format!("lake/cities/{path}")).unwrap();
        self.inner.put(&key, content.into()).await.unwrap();
    }

    pub(crate) async fn remove(&self, path: &str) {
        let key = Path::parse(format!("lake/cities/{path}")).unwrap();
        self.inner.delete(&key).await.unwrap();
    }

    pub(crate) async fn index(&self) -> Option<PartitionIndex> {
        let json = self.read("_index.json").await?;
        Some(PartitionIndex::from_json(&json).unwrap())
    }

    /// The files of the index, with their bytes: all of them are there.
    pub(crate) async fn dataset(&self) -> Option<Vec<(String, Bytes)>> {
        let index = self.index().await?;
        let mut files = Vec::new();
        for file in index.files {
            let bytes = self.read(&file.file).await;
            let bytes = bytes.unwrap_or_else(|| panic!("{} is not there", file.file));
            assert_eq!(bytes.len() as u64, file.bytes);
            files.push((file.file, bytes));
        }
        Some(files)
    }

    async fn turn(&self, verb: &str, path: &Path) -> Turn {
        let wrong = {
            let mut state = self.state.lock().unwrap();
            let path = path.as_ref().trim_start_matches("lake/cities/");
            let asked = format!("{verb} {path}");
            if state.of.is_some_and(|of| !asked.starts_with(of)) {
                return Turn::Pass;
            }
            let number = state.asked.len();
            state.asked.push(asked);
            let wrong = state.wrong.filter(|(at, wrong)| match wrong {
                Wrong::FromThen => number >= *at,
                _ => number == *at,
            });
            wrong.map(|(_, wrong)| wrong)
        };
        match wrong {
            None => Turn::Pass,
            Some(Wrong::LostAnswer) => Turn::Forget,
            Some(Wrong::Delayed) => Turn::Delay,
            Some(Wrong::Slow) => {
                self.goes_on().await;
                Turn::Pass
            }
            Some(Wrong::Stalled) => {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                Turn::Refuse
            }
            Some(Wrong::Once | Wrong::FromThen | Wrong::Late) => Turn::Refuse,
        }
    }

    /// Carries out a request, or does not.
    async fn ask<T>(
        &self,
        verb: &str,
        path: &Path,
        request: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        match self.turn(verb, path).await {
            Turn::Pass => request.await,
            Turn::Refuse => Err(broken()),
            Turn::Forget => {
                request.await?;
                Err(broken())
            }
            Turn::Delay => {
                let done = request.await;
                self.goes_on().await;
                done
            }
        }
    }
}

fn broken() -> Error {
    Error::Generic {
        store: "Store",
        source: "it is broken".into(),
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

#[async_trait]
impl ObjectStore for Store {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut options: PutOptions,
    ) -> Result<PutResult> {
        if !self.state.lock().unwrap().knows_conditions {
            options.mode = PutMode::Overwrite;
        }
        let late = (location.clone(), payload.clone(), options.clone());
        let put = self.inner.put_opts(location, payload, options);
        let done = self.ask("put", location, put).await;
        let mut state = self.state.lock().unwrap();
        if done.is_err() && state.wrong.is_some_and(|(_, wrong)| wrong == Wrong::Late) {
            state.late = Some(late);
        }
        done
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let begin = async {
            let begun = self.inner.put_multipart_opts(location, options).await?;
            let mut state = self.state.lock().unwrap();
            state.open.push(location.as_ref().to_owned());
            Ok(begun)
        };
        let inner = self.ask("begin", location, begin).await?;
        Ok(Box::new(Upload {
            inner,
            store: self.clone(),
            location: location.clone(),
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let verb = if options.head { "look" } else { "read" };
        let get = self.inner.get_opts(location, options);
        let mut found = self.ask(verb, location, get).await?;
        if self.state.lock().unwrap().tells_versions {
            found.meta.version = found.meta.e_tag.take();
        }
        Ok(found)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        locations
            .then(move |location| {
                let store = store.clone();
                async move {
                    let location = location?;
                    let delete = store.inner.delete(&location);
                    store.ask("delete", &location, delete).await?;
                    Ok(location)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, found) = (self.clone(), self.inner.list(prefix));
        let prefix = prefix.cloned().unwrap_or_default();
        futures_util::stream::once(async move {
            let turn = store.ask("list", &prefix, async { Ok(()) }).await;
            match turn {
                Ok(()) => found,
                Err(error) => futures_util::stream::iter([Err(error)]).boxed(),
            }
        })
        .flatten()
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct Upload {
    inner: Box<dyn MultipartUpload>,
    store: Store,
    location: Path,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let part = self.inner.put_part(data);
        let (store, location) = (self.store.clone(), self.location.clone());
        Box::pin(async move {
            {
                let mut state = store.state.lock().unwrap();
                state.sending += 1;
                state.most = state.most.max(state.sending);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            let sent = store.ask("part", &location, part).await;
            store.state.lock().unwrap().sending -= 1;
            sent
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let complete = async {
            let completed = self.inner.complete().await?;
            self.store.ended(&self.location);
            Ok(completed)
        };
        self.store.ask("complete", &self.location, complete).await
    }

    async fn abort(&mut self) -> Result<()> {
        let abort = async {
            self.inner.abort().await?;
            self.store.ended(&self.location);
            Ok(())
        };
        self.store.ask("abort", &self.location, abort).await
    }
}
