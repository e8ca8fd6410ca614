//! Everything that a server lists: folders, services, layers and tables.

mod entry;

use std::num::NonZeroUsize;
use std::sync::Arc;

use arcgis_auth_core::Transport;
use futures_util::future::{BoxFuture, FutureExt, join_all};
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::Semaphore;

use crate::address::{DirectoryAddress, LayerAddress, ResourceAddress, ServiceAddress};
use crate::layer::Layer;
use crate::metadata::{LayerInfo, LayerReference};
use crate::query::Query;
use crate::service::{Directory, ServiceEntry, ServiceInfo};

pub use entry::{CrawlEntry, CrawlReport, FolderEntry, LayerEntry, ServiceListing};

/// Lists everything below an address.
///
/// Whatever fails is noted where it failed, and all else is listed all the same.
///
/// ```no_run
/// use arcgis_layer::{Crawl, ResourceAddress};
/// use futures_util::StreamExt;
/// # async fn example(transport: std::sync::Arc<dyn arcgis_layer::arcgis_auth_core::Transport>) -> Result<(), arcgis_layer::Error> {
///
/// let root = ResourceAddress::parse("https://host/arcgis/rest/services")?;
/// let mut entries = Crawl::new(transport).with_counts().entries(root);
/// while let Some(entry) = entries.next().await {
///     println!("{}", arcgis_layer::serde_json::to_string(&entry).unwrap_or_default());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Crawl {
    transport: Arc<dyn Transport>,
    concurrency: NonZeroUsize,
    counts: bool,
}

/// What the requests of one crawl share.
struct Crawler {
    transport: Arc<dyn Transport>,
    turns: Semaphore,
    at_once: usize,
    counts: bool,
}

impl Crawl {
    /// A crawl with eight requests at once, without counting rows.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self {
            transport,
            concurrency: NonZeroUsize::new(8).unwrap_or(NonZeroUsize::MIN),
            counts: false,
        }
    }

    /// So many requests at once; 8 by default.
    pub fn with_concurrency(mut self, requests: NonZeroUsize) -> Self {
        self.concurrency = requests;
        self
    }

    /// Counts the rows of each layer too, which takes a request for each.
    pub fn with_counts(mut self) -> Self {
        self.counts = true;
        self
    }

    /// What is below an address, as it comes: each folder, then its services, each followed by its layers and tables, in the
    /// server's order. Dropping the stream stops what is under way.
    #[must_use]
    pub fn entries(self, root: ResourceAddress) -> BoxStream<'static, CrawlEntry> {
        let at_once = self.concurrency.get();
        let crawler = Arc::new(Crawler {
            transport: self.transport,
            turns: Semaphore::new(at_once),
            at_once,
            counts: self.counts,
        });
        match root {
            ResourceAddress::Directory(directory) => {
                stream::once(crawler.clone().directory(directory, true))
                    .flat_map(move |(folder, services, folders)| {
                        let inner = Arc::clone(&crawler);
                        let below = stream::iter(folders)
                            .map(move |folder| Arc::clone(&inner).directory(folder, false))
                            .buffered(at_once);
                        let crawler = Arc::clone(&crawler);
                        stream::iter([(folder, services, Vec::new())])
                            .chain(below)
                            .flat_map(move |(folder, services, _)| {
                                let crawler = Arc::clone(&crawler);
                                let services = stream::iter(services)
                                    .map(move |service| Arc::clone(&crawler).listed(service))
                                    .buffered(at_once)
                                    .flat_map(stream::iter);
                                stream::iter([CrawlEntry::Folder(folder)]).chain(services)
                            })
                    })
                    .boxed()
            }
            ResourceAddress::Service(service) => stream::once(crawler.service(service))
                .flat_map(stream::iter)
                .boxed(),
            ResourceAddress::Layer(layer) => {
                stream::once(async move { CrawlEntry::Layer(crawler.layer(layer, None).await) })
                    .boxed()
            }
        }
    }

    /// Everything below an address, when all of it has come.
    pub async fn run(self, root: ResourceAddress) -> CrawlReport {
        let url = root.to_string();
        let entries = self.entries(root).collect().await;
        CrawlReport { root: url, entries }
    }
}

type Listed = (FolderEntry, Vec<ServiceEntry>, Vec<DirectoryAddress>);

impl Crawler {
    /// A folder, the services in it, and the folders below it. Folders do not nest, so that only the root has some.
    fn directory(
        self: Arc<Self>,
        address: DirectoryAddress,
        is_root: bool,
    ) -> BoxFuture<'static, Listed> {
        async move {
            let _turn = self.turns.acquire().await;
            let mut entry = FolderEntry::of(&address);
            match Directory::fetch(&*self.transport, &address).await {
                Ok(directory) => {
                    entry.services = directory.services.len();
                    let below = if is_root && address.folder().is_none() {
                        directory.folders
                    } else {
                        Vec::new()
                    };
                    (entry, directory.services, below)
                }
                Err(error) => {
                    entry.error = Some(error.to_string());
                    (entry, Vec::new(), Vec::new())
                }
            }
        }
        .boxed()
    }

    /// A service as a directory lists it, and its layers, if it is of a kind that has some.
    fn listed(self: Arc<Self>, service: ServiceEntry) -> BoxFuture<'static, Vec<CrawlEntry>> {
        match service.address {
            Some(address) => self.service(address),
            None => {
                let listing = ServiceListing::of(service.name, service.kind, &service.url);
                async move { vec![CrawlEntry::Service(listing)] }.boxed()
            }
        }
    }

    fn service(self: Arc<Self>, address: ServiceAddress) -> BoxFuture<'static, Vec<CrawlEntry>> {
        async move {
            let mut listing = ServiceListing::of(
                address.name().to_owned(),
                address.kind().name().to_owned(),
                address.url(),
            );
            let asked = {
                let _turn = self.turns.acquire().await;
                ServiceInfo::fetch(&*self.transport, &address).await
            };
            let info = match asked {
                Ok(info) => info,
                Err(error) => {
                    listing.error = Some(error.to_string());
                    return vec![CrawlEntry::Service(listing)];
                }
            };
            listing.title = info.title.clone();
            listing.description = info.description.clone();
            listing.layers = info.layers.len();
            listing.tables = info.tables.len();
            let references: Vec<LayerReference> = info.layers_and_tables().cloned().collect();
            let mut entries = vec![CrawlEntry::Service(listing)];
            for some in references.chunks(self.at_once) {
                let layers = some.iter().map(|reference| {
                    let id = u32::try_from(reference.id).unwrap_or(u32::MAX);
                    self.layer(address.layer(id), Some(reference))
                });
                entries.extend(join_all(layers).await.into_iter().map(CrawlEntry::Layer));
            }
            entries
        }
        .boxed()
    }

    /// A layer or table, with what its service says of it where it does not answer itself.
    async fn layer(&self, address: LayerAddress, listed: Option<&LayerReference>) -> LayerEntry {
        let mut entry = LayerEntry::of(&address, listed);
        let _turn = self.turns.acquire().await;
        let info = match LayerInfo::fetch(&*self.transport, &address).await {
            Ok(info) => info,
            Err(error) => {
                entry.error = Some(error.to_string());
                return entry;
            }
        };
        entry.describe(&info);
        if self.counts && info.check_queryable().is_ok() {
            match self.count(address, info).await {
                Ok(count) => entry.count = Some(count),
                Err(error) => entry.error = Some(format!("rows could not be counted: {error}")),
            }
        }
        entry
    }

    async fn count(&self, address: LayerAddress, info: LayerInfo) -> Result<u64, crate::Error> {
        let layer = Layer::from_info(Arc::clone(&self.transport), address, info)?;
        // Of no column, so that no kind of geometry can be in the way.
        let query = Query::new().without_geometry().resolve(layer.info())?;
        layer.count(&query).await
    }
}
