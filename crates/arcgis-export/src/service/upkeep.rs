//! A folder with the layers of a service, brought up to date.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arcgis_layer::arcgis_auth_core::Transport;
use arcgis_layer::{FetchOptions, Query, ResourceAddress};

use super::event::ServiceEvent;
use super::export::ServiceExport;
use super::folder::Folder;
use super::index::{Earlier, IndexedLayer, LayerStatus, NAME, ServiceIndex};
use super::report::ServiceReport;
use super::selection::LayerSelection;
use super::survey::Survey;
use crate::error::Error;
use crate::format::FileFormat;
use crate::job::LayerExport;
use crate::options::WriterOptions;
use crate::source::SourceKey;
use crate::sync::{SavedOptions, SyncError};

/// The folder of a [`ServiceExport`] brought up to date, by its `index.json`: each file as [`Sync`](crate::Sync) does it,
/// in the way that fits its layer.
///
/// - Layers that are new are exported, as the others were ([`ServiceIndex::layers`], `options`).
/// - Files of layers that the service does not have any more stay, and the index says so
///   ([`LayerStatus::Gone`]). Nothing is deleted.
/// - A layer that fails keeps no other from being brought up to date, and its file stays as it was.
/// - A STAC catalog, if the folder has one, is written anew.
///
/// Only folders of GeoParquet files can be brought up to date.
///
/// ```no_run
/// # async fn example(transport: std::sync::Arc<dyn arcgis_layer::arcgis_auth_core::Transport>) -> Result<(), Box<dyn std::error::Error>> {
/// use arcgis_export::{LocalFolder, ServiceSync};
/// use arcgis_layer::ResourceAddress;
///
/// let root = ResourceAddress::parse("https://host/arcgis/rest/services/Water/Wells/FeatureServer")?;
/// let report = ServiceSync::new(transport, root).of(LocalFolder::new("wells")).await?;
/// for (layer, outcome) in report.layers() {
///     println!("{}: {outcome:?}", layer.name);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct ServiceSync {
    export: ServiceExport,
    selection: Option<LayerSelection>,
    fetch: FetchOptions,
    writer: WriterOptions,
    fail_on_drift: bool,
    upkeep: Upkeep,
}

/// What differs from an export.
#[derive(Debug, Clone, Default)]
pub(super) struct Upkeep {
    pub(super) query: Option<Query>,
    pub(super) margin: Option<Duration>,
    pub(super) full: bool,
    /// Whether layers are chosen, in place of those that the folder has.
    pub(super) selects: bool,
}

impl ServiceSync {
    /// The layers and tables below an address, four at a time.
    pub fn new(transport: Arc<dyn Transport>, root: ResourceAddress) -> Self {
        Self {
            export: ServiceExport::new(transport, root),
            selection: None,
            fetch: FetchOptions::default(),
            writer: WriterOptions::default(),
            fail_on_drift: false,
            upkeep: Upkeep::default(),
        }
    }

    /// Sets which layers, this time. Default: those that have a file in the folder, and new ones by the selection that it
    /// was exported with. Files of others stay as they are.
    pub fn with_selection(mut self, selection: LayerSelection) -> Self {
        self.selection = Some(selection);
        self
    }

    /// Sets how many layers are under way at a time, at most; 4 by default.
    pub fn with_layers_at_once(mut self, layers: NonZeroUsize) -> Self {
        self.export = self.export.with_layers_at_once(layers);
        self
    }

    /// Sets how to fetch, as [`Sync::with_fetch`](crate::Sync::with_fetch).
    pub fn with_fetch(mut self, options: FetchOptions) -> Self {
        self.fetch = options;
        self
    }

    /// Sets what sorting may take, as [`Sync::with_sorting`](crate::Sync::with_sorting), for all layers together.
    pub fn with_sorting(mut self, options: WriterOptions) -> Self {
        self.writer = options;
        self
    }

    /// Gives the query of the files again, as [`Sync::with_query`](crate::Sync::with_query). It is that of new layers, too.
    pub fn with_query(mut self, query: Query) -> Self {
        self.upkeep.query = Some(query);
        self
    }

    /// Sets the margin for dates of edits, as [`Sync::with_margin`](crate::Sync::with_margin).
    pub fn with_margin(mut self, margin: Duration) -> Self {
        self.upkeep.margin = Some(margin);
        self
    }

    /// Whether to export everything again and compare. Default: no.
    pub fn with_full(mut self, full: bool) -> Self {
        self.upkeep.full = full;
        self
    }

    /// Whether rows that came or went on the server meanwhile are an error of their layer. Default: no.
    pub fn with_fail_on_drift(mut self, fail: bool) -> Self {
        self.fail_on_drift = fail;
        self
    }

    /// Whether to describe the files as a STAC catalog, where the folder has none yet. Default: no.
    pub fn with_stac(mut self, stac: bool) -> Self {
        self.export = self.export.with_stac(stac);
        self
    }

    /// Gets the attachments of the rows too, as [`ServiceExport::with_attachments`]: what is there with its size stays.
    pub fn with_attachments(mut self, folder: impl Into<PathBuf>) -> Self {
        self.export = self.export.with_attachments(folder);
        self
    }

    /// The same into any [`Folder`].
    pub fn with_attachments_in(mut self, folder: impl Folder) -> Self {
        self.export = self.export.with_attachments_in(folder);
        self
    }

    /// Sets who watches. Called from several threads; it should return soon.
    pub fn with_observer(
        mut self,
        observe: impl Fn(&ServiceEvent<'_>) + Send + std::marker::Sync + 'static,
    ) -> Self {
        self.export = self.export.with_observer(observe);
        self
    }

    /// Brings a folder up to date.
    ///
    /// # Errors
    ///
    /// Those that concern all layers: [`Error::Sync`] where the folder has no index, one of another service, or files that
    /// cannot be brought up to date; [`Error::Index`], [`Error::InUse`], and as [`ServiceExport::to`]. What is wrong with a
    /// single layer is in the report.
    pub async fn of(self, folder: impl Folder) -> Result<ServiceReport, Error> {
        let Self {
            mut export,
            selection,
            fetch,
            writer,
            fail_on_drift,
            upkeep,
        } = self;
        let query = upkeep.query.clone().unwrap_or_default();
        export = export.with_each_layer(move |export| {
            export
                .with_query(query.clone())
                .with_fetch(fetch.clone())
                .with_writer(writer.clone())
                .with_fail_on_drift(fail_on_drift)
        });
        export.upkeep = Some(Upkeep {
            selects: selection.is_some(),
            ..upkeep
        });
        export.run(Arc::new(folder), selection).await
    }
}

impl ServiceExport {
    /// Takes over from the index what it says of the whole, or refuses it.
    pub(super) fn follow(
        &mut self,
        earlier: Option<&Earlier>,
        selection: Option<&LayerSelection>,
        folder: &str,
    ) -> Result<(), Error> {
        let path = PathBuf::from(format!("{}/{NAME}", folder.trim_end_matches('/')));
        let Some(Earlier { index, .. }) = earlier else {
            return Err(SyncError::NoIndex { path }.into());
        };
        let source = self.source();
        if SourceKey::of(&index.source) != SourceKey::of(&source) {
            return Err(SyncError::Differs {
                path,
                what: "source".to_owned(),
                was: index.source.clone(),
                is: source,
            }
            .into());
        }
        // Those that failed have no format, and the name of the file that they were to have.
        let of_name = |layer: &IndexedLayer| {
            let file = layer.file.as_deref()?;
            Some(FileFormat::of_destination(None, file))
        };
        let format = |layer: &IndexedLayer| match layer.format.as_deref() {
            Some(format) => format.parse().ok(),
            None => of_name(layer),
        };
        let other = |layer: &&IndexedLayer| {
            let has_file = layer.file.is_some() && layer.status != LayerStatus::Skipped;
            has_file && format(layer) != Some(FileFormat::GeoParquet)
        };
        if let Some(layer) = index.layers.iter().find(other) {
            let file = layer.file.as_deref().unwrap_or_default();
            return Err(SyncError::NotAnExport {
                path,
                problem: format!("{file} is no GeoParquet file, and only these say it"),
            }
            .into());
        }
        let selection = selection.or(index.selection.as_ref());
        self.selection = selection.cloned().unwrap_or_default();
        Ok(())
    }
}

/// How the layers of an index were exported, if all of them were in one way; or why that is not known.
pub(super) fn alike(index: &ServiceIndex) -> Result<Option<SavedOptions>, String> {
    let all = index.layers.iter().filter(|layer| layer.has_file());
    let mut all = all.filter_map(|layer| layer.options.as_ref());
    let Some(first) = all.next() else {
        return Ok(None);
    };
    if all.any(|other| other != first) {
        return Err(
            "the layers were exported in different ways, and which is that of a new one is not known"
                .to_owned(),
        );
    }
    SavedOptions::from_json(&first.to_string()).map(Some)
}

/// The export of a layer as one that was kept says.
pub(super) fn like(
    export: LayerExport,
    options: &SavedOptions,
    given: Option<&Query>,
    index: &str,
) -> Result<LayerExport, Error> {
    let unusable = |problem| SyncError::NotAnExport {
        path: index.into(),
        problem,
    };
    let query = match given {
        Some(query) => query.clone(),
        None => options.query.query().map_err(arcgis_layer::Error::from)?,
    };
    let writer = options.writer(&export.writer).map_err(unusable)?;
    let fetch = export.fetch.clone().with_format(options.format);
    Ok(export
        .with_query(query)
        .with_writer(writer)
        .with_fetch(fetch)
        .with_columns(options.columns().map_err(unusable)?)
        .with_lenient(options.lenient))
}

/// What became of layers of an index that are not among those that are to be brought up to date.
pub(super) fn others(index: &ServiceIndex, survey: &Survey) -> Vec<(IndexedLayer, Other)> {
    let listed: HashMap<SourceKey, bool> = survey
        .listed
        .iter()
        .map(|(url, selected)| (SourceKey::of(url), *selected))
        .collect();
    let silent: Vec<SourceKey> = survey.silent.iter().map(|url| SourceKey::of(url)).collect();
    let others = index.layers.iter().filter(|layer| layer.has_file());
    let others = others.filter_map(|layer| {
        let key = SourceKey::of(&layer.url);
        let mut layer = layer.clone();
        match listed.get(&key) {
            Some(true) => None,
            Some(false) => Some((layer, Other::NotSelected)),
            None if silent.iter().any(|silent| key.is_within(silent)) => {
                Some((layer, Other::Silent))
            }
            None => {
                layer.status = LayerStatus::Gone;
                layer.problem =
                    Some("the service does not have it any more; its file stays".to_owned());
                Some((layer, Other::Gone))
            }
        }
    });
    others.collect()
}

/// Why a layer of an index is not brought up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Other {
    NotSelected,
    /// Its service did not answer.
    Silent,
    Gone,
}

impl fmt::Debug for ServiceSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceSync")
            .field("export", &self.export)
            .field("selection", &self.selection)
            .field("upkeep", &self.upkeep)
            .finish_non_exhaustive()
    }
}
