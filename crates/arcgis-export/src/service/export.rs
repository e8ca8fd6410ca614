//! The export of several layers: what to do.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use arcgis_layer::arcgis_auth_core::Transport;
use arcgis_layer::{Directory, Layer, LayerInfo, ResourceAddress, ServiceInfo};
use futures_util::StreamExt as _;
use futures_util::stream;
use tracing::Instrument as _;

use super::event::{Observer, ServiceEvent};
use super::folder::{Folder, LocalFolder};
use super::index::{self, Earlier, ServiceIndex};
use super::prospect::Prospect;
use super::report::{PlannedAction, PlannedLayer, ServicePlan, ServiceReport};
use super::run::Run;
use super::selection::{LayerSelection, decoded};
use super::stac;
use super::survey::{Survey, Surveyed};
use super::upkeep::Upkeep;
use crate::error::Error;
use crate::format::FileFormat;
use crate::index_file;
use crate::job::{LayerExport, blocking};
use crate::resume::Resume;
use crate::telemetry;

/// The export of all layers and tables of a service, a folder of services or a server: a file for each in one folder,
/// and `index.json` ([`ServiceIndex`]) with what each is and what became of it.
///
/// Some layers are under way at a time, over the one transport, whose limits and tokens they share; what
/// they may hold in memory is divided among them. A layer that fails does not keep the others from being
/// exported: the [`ServiceReport`] says which did. Dropping the future stops everything; files that are complete
/// stay, and the index says which these are.
///
/// - Layers without rows of their own (groups, rasters) and those that may not be queried are left out, and so are the
///   layers of a map service that a feature service of the same name has too.
/// - Where rows are chosen by place, tables are left out, which have none.
/// - Files are called as their layers, in a folder for each service below a server or folder, by names that every file
///   system takes.
///
/// ```no_run
/// # async fn example(transport: std::sync::Arc<dyn arcgis_layer::arcgis_auth_core::Transport>) -> Result<(), Box<dyn std::error::Error>> {
/// use arcgis_export::{LayerSelection, LocalFolder, Resume, ServiceExport};
/// use arcgis_layer::ResourceAddress;
///
/// let root = ResourceAddress::parse("https://host/arcgis/rest/services")?;
/// let report = ServiceExport::new(transport, root)
///     .with_selection(LayerSelection::new().with_include("Water/*".parse()?))
///     .with_resume(Resume::new())
///     .to(LocalFolder::new("water"))
///     .await?;
/// for (layer, error) in report.failures() {
///     eprintln!("{}: {error}", layer.name);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct ServiceExport {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) root: ResourceAddress,
    pub(super) selection: LayerSelection,
    pub(super) format: FileFormat,
    pub(super) at_once: NonZeroUsize,
    pub(super) resume: Option<Resume>,
    pub(super) overwrite: bool,
    pub(super) stac: bool,
    pub(super) attachments: Option<Arc<dyn Folder>>,
    /// What differs where an earlier export is brought up to date.
    pub(super) upkeep: Option<Upkeep>,
    configure: Arc<Configure>,
    pub(super) observer: Observer,
}

type Configure = dyn Fn(LayerExport) -> LayerExport + Send + Sync;

impl ServiceExport {
    /// All layers and tables below an address, each in GeoParquet, four at a time.
    pub fn new(transport: Arc<dyn Transport>, root: ResourceAddress) -> Self {
        Self {
            transport,
            root,
            selection: LayerSelection::new(),
            format: FileFormat::default(),
            at_once: const { NonZeroUsize::new(4).unwrap() },
            resume: None,
            overwrite: false,
            stac: false,
            attachments: None,
            upkeep: None,
            configure: Arc::new(|export| export),
            observer: Observer::default(),
        }
    }

    /// Sets which layers.
    pub fn with_selection(mut self, selection: LayerSelection) -> Self {
        self.selection = selection;
        self
    }

    /// Sets the format of the files.
    pub fn with_format(mut self, format: FileFormat) -> Self {
        self.format = format;
        self
    }

    /// Sets how many layers are exported at a time, at most; 4 by default.
    pub fn with_layers_at_once(mut self, layers: NonZeroUsize) -> Self {
        self.at_once = layers;
        self
    }

    /// Goes on where an earlier export into the same folder ended: files of layers that have not changed since are
    /// kept, and layers that were under way go on behind their pages ([`LayerExport::with_resume`]).
    ///
    /// A layer has not changed if its `editingInfo.lastEditDate`, its columns and the options are as they were. Layers
    /// without such a date are kept where the earlier export did not end well, and exported again where it did.
    pub fn with_resume(mut self, resume: Resume) -> Self {
        self.resume = Some(resume);
        self
    }

    /// Whether files that are there already may be replaced. Default: no; then a folder with an index of an earlier
    /// export is refused before anything is asked for, unless this one [goes on](Self::with_resume) with it.
    pub fn with_overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Whether to describe the files as a STAC catalog too: `catalog.json`, and an item beside each file. Default: no.
    ///
    /// Extents are in WGS 84, as STAC wants them; those in other reference systems are asked of the server
    /// (`returnExtentOnly`), and items of layers for which it computes none have no geometry.
    pub fn with_stac(mut self, stac: bool) -> Self {
        self.stac = stac;
        self
    }

    /// Gets the attachments of the rows too, into a folder on this machine: one below it for each layer, called as the
    /// layer's file, as [`AttachmentExport`](crate::AttachmentExport) fills it. Default: none.
    pub fn with_attachments(self, folder: impl Into<PathBuf>) -> Self {
        self.with_attachments_in(LocalFolder::new(folder))
    }

    /// The same into any [`Folder`], such as one in a bucket.
    pub fn with_attachments_in(mut self, folder: impl Folder) -> Self {
        self.attachments = Some(Arc::new(folder));
        self
    }

    /// Sets what the export of each layer is to be like: its query, how to fetch and how to write. What this sets of
    /// format, observer and resuming does not count: these are set here.
    pub fn with_each_layer(
        mut self,
        configure: impl Fn(LayerExport) -> LayerExport + Send + Sync + 'static,
    ) -> Self {
        self.configure = Arc::new(configure);
        self
    }

    /// Sets who watches. Called from several threads; it should return soon.
    pub fn with_observer(
        mut self,
        observe: impl Fn(&ServiceEvent<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.observer = Observer::new(observe);
        self
    }

    /// What would be done: which layers there are and how each would be fetched, decided by counting its rows and
    /// listing their ids. Of an earlier export in `folder` it is told what would be kept of it. Nothing is written.
    ///
    /// # Errors
    ///
    /// [`Error::Layer`] where the service, folder or server does not answer; [`Error::NoLayers`]; with a folder
    /// [`Error::Exists`], [`Error::Unreadable`] and [`Error::Index`].
    pub async fn plan(&self, folder: Option<Arc<dyn Folder>>) -> Result<ServicePlan, Error> {
        let earlier = match &folder {
            Some(folder) => self.earlier(folder).await?,
            None => None,
        };
        let survey = self.survey(earlier.as_ref()).await?;
        let plans = survey
            .layers
            .iter()
            .map(|layer| self.planned(layer, earlier.as_ref()));
        let layers = stream::iter(plans)
            .buffered(self.at_once.get())
            .collect()
            .await;
        Ok(ServicePlan {
            source: self.source(),
            layers,
            unread: survey.unread,
            idle: survey.idle,
        })
    }

    async fn planned(&self, layer: &Surveyed, earlier: Option<&Earlier>) -> PlannedLayer {
        let mut planned = PlannedLayer {
            service: decoded(&layer.entry.service),
            id: layer.entry.id,
            name: layer.entry.name.clone(),
            kind: layer.entry.kind.clone(),
            url: layer.entry.url.clone(),
            action: PlannedAction::Skip,
            file: layer.file.clone(),
            problem: layer.left_out.clone(),
            related_to: layer.related_to.clone(),
            plan: None,
        };
        if layer.left_out.is_some() {
            return planned;
        }
        let made = async {
            let export = self.open(layer).await?;
            let prospect = match self.without_place(&export) {
                Some(problem) => return Ok((None, Some(problem))),
                None => Prospect::of(&export, self.format)?,
            };
            let before = earlier.and_then(|earlier| {
                let before = earlier.layer(&layer.entry.url)?;
                prospect.is_that_of(before, &earlier.index).then_some(())
            });
            match before {
                Some(()) => Ok((None, None)),
                None => export.plan().await.map(|plan| (Some(plan.summary()), None)),
            }
        };
        match made.await {
            Ok((Some(plan), _)) => {
                planned.action = PlannedAction::Export;
                planned.plan = Some(plan);
            }
            Ok((None, None)) => planned.action = PlannedAction::Keep,
            Ok((None, problem)) => planned.problem = problem,
            Err(error) => {
                let error: Error = error;
                planned.action = PlannedAction::Fail;
                planned.problem = Some(chain(&error));
            }
        }
        planned
    }

    /// Exports the layers into a folder.
    ///
    /// # Errors
    ///
    /// Those that concern all layers: [`Error::Layer`] where the service, folder or server does not answer,
    /// [`Error::NoLayers`] where it has none that are wanted; [`Error::Exists`], [`Error::InUse`], [`Error::Unwritable`],
    /// [`Error::Unreadable`] and [`Error::Index`] for the folder and the index in it. What is wrong with a single layer
    /// is in the report.
    pub async fn to(self, folder: impl Folder) -> Result<ServiceReport, Error> {
        self.run(Arc::new(folder), None).await
    }

    /// `selection` is the one that was given, where an earlier export is brought up to date.
    pub(super) async fn run(
        self,
        folder: Arc<dyn Folder>,
        selection: Option<LayerSelection>,
    ) -> Result<ServiceReport, Error> {
        let began = Instant::now();
        let span = telemetry::service_span(&self.source(), &folder.name());
        let within = span.clone();
        // What it awaits is large, and would lie on the stack of whoever awaits this.
        let work = Box::pin(self.carry_out(folder, selection));
        let report = work.instrument(within).await?;
        span.in_scope(|| telemetry::service_finished(&report, began.elapsed()));
        Ok(report)
    }

    async fn carry_out(
        mut self,
        folder: Arc<dyn Folder>,
        selection: Option<LayerSelection>,
    ) -> Result<ServiceReport, Error> {
        let name = folder.name();
        let earlier = self.earlier(&folder).await?;
        if self.upkeep.is_some() {
            self.follow(earlier.as_ref(), selection.as_ref(), &name)?;
        }
        let (opened, attachments) = (Arc::clone(&folder), self.attachments.clone());
        let (lock, has_catalog) = blocking(move || -> Result<_, Error> {
            opened.open()?;
            // Of what is elsewhere it is known at once whether it takes anything.
            if let Some(folder) = attachments.filter(|folder| folder.local_path("").is_none()) {
                folder.open()?;
            }
            let lock = opened.lock()?;
            Ok((lock, opened.size(stac::CATALOG)?.is_some()))
        })
        .await??;
        // Nobody else writes it from here on.
        let earlier = self.earlier(&folder).await?;
        if self.upkeep.is_some() {
            self.follow(earlier.as_ref(), selection.as_ref(), &name)?;
            self.stac |= has_catalog;
        }
        let survey = self.survey(earlier.as_ref()).await?;
        let run = Run::new(self, folder, earlier, survey).await?;
        let report = run.finish().await;
        drop(lock);
        report
    }

    /// The index of an earlier export into the folder, if this one goes on with it.
    async fn earlier(&self, folder: &Arc<dyn Folder>) -> Result<Option<Earlier>, Error> {
        let read = Arc::clone(folder);
        let json = blocking(move || read.read(index::NAME, index_file::MOST_BYTES)).await??;
        let Some(json) = json else {
            return Ok(None);
        };
        let path = format!("{}/{}", folder.name().trim_end_matches('/'), index::NAME);
        if self.resume.is_none() && self.upkeep.is_none() {
            return match self.overwrite {
                true => Ok(None),
                false => Err(Error::Exists { path: path.into() }),
            };
        }
        match ServiceIndex::from_json(&json) {
            Ok(earlier) => Ok(Some(Earlier::new(earlier))),
            Err(source) => Err(Error::Index { path, source }),
        }
    }

    async fn survey(&self, earlier: Option<&Earlier>) -> Result<Survey, Error> {
        let upkeep = self.upkeep.as_ref();
        let kept = earlier.filter(|_| upkeep.is_some_and(|upkeep| !upkeep.selects));
        let (transport, root, selection) = (&self.transport, &self.root, &self.selection);
        let mut survey = Survey::of(transport, root, selection, kept).await;
        if survey.barred {
            // Asked once more, for the sake of its error.
            self.no_way_in().await?;
            survey = Survey::of(transport, root, selection, kept).await;
        }
        if survey.layers.is_empty() && survey.unread.is_empty() {
            return Err(Error::NoLayers {
                at: self.source(),
                idle: survey.idle,
            });
        }
        let extension = self
            .format
            .extensions()
            .first()
            .copied()
            .unwrap_or("parquet");
        survey.name_files(&self.root, extension, earlier);
        Ok(survey)
    }

    async fn no_way_in(&self) -> Result<(), Error> {
        let transport = &*self.transport;
        match &self.root {
            ResourceAddress::Directory(address) => {
                Directory::fetch(transport, address).await?;
            }
            ResourceAddress::Service(address) => {
                ServiceInfo::fetch(transport, address).await?;
            }
            ResourceAddress::Layer(address) => {
                LayerInfo::fetch(transport, address).await?;
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn source(&self) -> String {
        self.root.to_string()
    }

    /// The export of a layer, as it is to be.
    pub(super) async fn open(&self, layer: &Surveyed) -> Result<LayerExport, Error> {
        let address = match &layer.address {
            Some(address) => address.clone(),
            None => arcgis_layer::LayerAddress::parse(&layer.entry.url)?,
        };
        let layer = Layer::open(Arc::clone(&self.transport), address).await?;
        let mut export = (self.configure)(LayerExport::new(layer));
        // So that all of them together hold what one alone would.
        let share = |all: usize| NonZeroUsize::new(all / self.at_once.get());
        let least = const { NonZeroUsize::new(1 << 20).unwrap() };
        let sort = share(export.writer.sort_memory.get()).unwrap_or(least);
        export.writer.sort_memory = sort.max(least.min(export.writer.sort_memory));
        export.fetch.window_bytes = (export.fetch.window_bytes / self.at_once.get() as u64).max(1);
        Ok(export.with_format(self.format))
    }

    /// Why a layer is left out whose rows are to be chosen by place.
    pub(super) fn without_place(&self, export: &LayerExport) -> Option<String> {
        let info = export.layer.info();
        let has_place = info.geometry_type.is_some() || info.unknown_geometry_type.is_some();
        (!has_place && export.query.has_spatial_filter())
            .then(|| "rows are chosen by place, and its rows have none".to_owned())
    }
}

/// An error with what is behind it, as one text.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some say what is behind them themselves.
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

impl fmt::Debug for ServiceExport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceExport")
            .field("root", &self.root)
            .field("selection", &self.selection)
            .field("format", &self.format)
            .field("at_once", &self.at_once)
            .field("resume", &self.resume)
            .field("overwrite", &self.overwrite)
            .field("stac", &self.stac)
            .field("attachments", &self.attachments)
            .finish_non_exhaustive()
    }
}
