//! An export of several layers that is under way.

use std::io;
use std::sync::Arc;

use arcgis_layer::{Layer, Query};
use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::event::ServiceEvent;
use super::export::{ServiceExport, chain};
use super::folder::Folder;
use super::index::{self, Earlier, IndexedAttachments, IndexedLayer, LayerStatus, ServiceIndex};
use super::prospect::Prospect;
use super::related::{link, relationships};
use super::report::{LayerOutcome, ServiceReport};
use super::stac;
use super::survey::{Survey, Surveyed};
use super::upkeep::{Other, alike, others};
use crate::attachments::AttachmentExport;
use crate::error::Error;
use crate::job::{LayerExport, blocking};
use crate::report::Report;
use crate::sync::SavedOptions;

/// An export of several layers.
pub(super) struct Run {
    pub(super) export: ServiceExport,
    pub(super) folder: Arc<dyn Folder>,
    pub(super) earlier: Option<Earlier>,
    survey: Survey,
    index: Mutex<ServiceIndex>,
    /// Layers of an earlier export that have no turn: behind the others in the index.
    others: Vec<LayerOutcome>,
    /// How new layers are exported, where an earlier export is brought up to date.
    pub(super) alike: Result<Option<SavedOptions>, String>,
}

impl Run {
    /// Writes down what is to be done.
    pub(super) async fn new(
        export: ServiceExport,
        folder: Arc<dyn Folder>,
        earlier: Option<Earlier>,
        survey: Survey,
    ) -> Result<Self, Error> {
        let mut layers: Vec<IndexedLayer> = survey.layers.iter().map(Surveyed::indexed).collect();
        // What an earlier export did stays true until a layer has its turn.
        for layer in &mut layers {
            let earlier = earlier.as_ref();
            let before = earlier.and_then(|earlier| earlier.layer(&layer.url));
            let before = before.filter(|before| before.status == LayerStatus::Done);
            if let Some(before) = before.filter(|before| before.file == layer.file) {
                let url = layer.url.clone();
                *layer = before.clone();
                layer.url = url;
            }
        }
        let syncs = export.upkeep.is_some();
        let started = match &earlier {
            Some(earlier) if !syncs && !earlier.index.is_complete() => earlier.index.started,
            _ => Timestamp::now(),
        };
        let rest = earlier.as_ref().filter(|_| syncs);
        let rest = rest.map_or_else(Vec::new, |earlier| others(&earlier.index, &survey));
        let alike = match earlier.as_ref().filter(|_| syncs) {
            Some(earlier) => alike(&earlier.index),
            None => Ok(None),
        };
        let mut index = ServiceIndex::new(export.source(), started, layers);
        index.unread.clone_from(&survey.unread);
        index.selection = match earlier.as_ref().filter(|_| syncs) {
            // Chosen once, others are not out of mind.
            Some(earlier) => earlier.index.selection.clone(),
            None => Some(export.selection.clone()).filter(|chosen| !chosen.is_all()),
        };
        export.observer.tell(&ServiceEvent::Listed(&index.layers));
        let mut others = Vec::new();
        for (layer, other) in rest {
            let outcome = match other {
                Other::Gone => LayerOutcome::Gone,
                Other::Silent => LayerOutcome::NotTried,
                Other::NotSelected => LayerOutcome::LeftOut,
            };
            let place = index.layers.len();
            let layer_is = ServiceEvent::Ended {
                place,
                layer: &layer,
                outcome: &outcome,
            };
            export.observer.tell(&layer_is);
            index.layers.push(layer);
            others.push(outcome);
        }
        let run = Self {
            export,
            folder,
            earlier,
            survey,
            index: Mutex::new(index),
            others,
            alike,
        };
        let index = run.index.lock().await;
        run.write(&index).await?;
        drop(index);
        Ok(run)
    }

    /// Exports all layers, and says what came of each.
    pub(super) async fn finish(self) -> Result<ServiceReport, Error> {
        let full = std::sync::atomic::AtomicBool::new(false);
        let turns = (0..self.survey.layers.len()).map(|place| {
            let (run, full) = (&self, &full);
            async move {
                use std::sync::atomic::Ordering;
                if full.load(Ordering::Relaxed) {
                    return Ok((place, LayerOutcome::NotTried));
                }
                let outcome = run.turn(place).await?;
                if let LayerOutcome::Failed(error) = &outcome
                    && is_of_the_place(error)
                {
                    full.store(true, Ordering::Relaxed);
                }
                Ok::<_, Error>((place, outcome))
            }
        });
        let mut turns = stream::iter(turns).buffer_unordered(self.export.at_once.get());
        let mut outcomes = Vec::new();
        while let Some(turn) = turns.next().await {
            outcomes.push(turn?);
        }
        drop(turns);
        outcomes.sort_by_key(|(place, _)| *place);
        let mut index = self.index.lock().await;
        link(&mut index);
        if !full.into_inner() {
            index.finished = Some(Timestamp::now());
        }
        if self.export.stac {
            let (path, json) = stac::catalog(&index)?;
            self.put(&path, json).await?;
        }
        self.write(&index).await?;
        let outcomes = outcomes.into_iter().map(|(_, outcome)| outcome);
        Ok(ServiceReport {
            index: index.clone(),
            outcomes: outcomes.chain(self.others).collect(),
            idle: self.survey.idle.clone(),
        })
    }

    /// One layer. An error is that of the index.
    async fn turn(&self, place: usize) -> Result<LayerOutcome, Error> {
        let Some(layer) = self.survey.layers.get(place) else {
            return Ok(LayerOutcome::LeftOut);
        };
        let entry = self.entry(layer);
        if layer.left_out.is_none() {
            let began = ServiceEvent::Began {
                place,
                layer: &entry,
            };
            self.export.observer.tell(&began);
        }
        let (entry, outcome) = match self.carry_out(place, layer, &entry).await {
            Ok((entry, outcome)) => (entry, outcome),
            Err(error) => {
                let failed = IndexedLayer {
                    status: LayerStatus::Failed,
                    problem: Some(chain(&error)),
                    ..entry
                };
                (failed, LayerOutcome::Failed(error))
            }
        };
        let mut index = self.index.lock().await;
        let ended = ServiceEvent::Ended {
            place,
            layer: &entry,
            outcome: &outcome,
        };
        self.export.observer.tell(&ended);
        if let Some(slot) = index.layers.get_mut(place)
            && *slot != entry
        {
            *slot = entry;
            self.write(&index).await?;
        }
        Ok(outcome)
    }

    async fn carry_out(
        &self,
        place: usize,
        layer: &Surveyed,
        entry: &IndexedLayer,
    ) -> Result<(IndexedLayer, LayerOutcome), Error> {
        let Some(path) = layer.file.clone().filter(|_| layer.left_out.is_none()) else {
            let outcome = match entry.status {
                LayerStatus::Gone => LayerOutcome::Gone,
                _ => LayerOutcome::LeftOut,
            };
            return Ok((entry.clone(), outcome));
        };
        if self.export.upkeep.is_some()
            && let Some(before) = self.followed(layer)
        {
            let (folder, path) = (Arc::clone(&self.folder), path.clone());
            if let Some(bytes) = blocking(move || folder.size(&path)).await?? {
                return self.follow(place, layer, before, entry, bytes).await;
            }
        }
        let export = self.new_layer(self.export.open(layer).await?)?;
        if let Some(problem) = self.export.without_place(&export) {
            let skipped = IndexedLayer {
                status: LayerStatus::Skipped,
                problem: Some(problem),
                file: None,
                ..entry.clone()
            };
            return Ok((skipped, LayerOutcome::LeftOut));
        }
        let prospect = Prospect::of(&export, self.export.format)?;
        let before = self.earlier.as_ref();
        let before = before.and_then(|earlier| Some((earlier.layer(&entry.url)?, earlier)));
        if let Some((before, earlier)) = before
            && prospect.is_that_of(before, &earlier.index)
            && self.is_there(before).await?
        {
            let kept = IndexedLayer {
                status: LayerStatus::Done,
                problem: None,
                url: entry.url.clone(),
                ..before.clone()
            };
            return self
                .with_attachments(kept, &export, LayerOutcome::Kept)
                .await;
        }
        // A file that an earlier export wrote or was about to write is its own to replace.
        let ours = before.is_some_and(|(before, _)| before.file.as_deref() == Some(&*path));
        let again = export.clone();
        let (layer, query) = (export.layer.clone(), export.query.clone());
        let info = Arc::clone(layer.info());
        let report = self.one(place, export, &path, ours).await?;
        let mut done = entry.clone();
        done.kind = info.kind.name().to_owned();
        done.relationships = relationships(&info);
        let geometry = prospect.geometry.clone();
        fill(&mut done, &report, prospect);
        if self.export.stac {
            self.describe(&done, &layer, &query, &report, geometry.as_deref())
                .await?;
        }
        let outcome = LayerOutcome::Exported(Box::new(report));
        self.with_attachments(done, &again, outcome).await
    }

    /// Writes the STAC item of a layer.
    pub(super) async fn describe(
        &self,
        done: &IndexedLayer,
        layer: &Layer,
        query: &Query,
        report: &Report,
        geometry: Option<&str>,
    ) -> Result<(), Error> {
        let extent = stac::extent(layer, query, report).await;
        let item = stac::item(done, layer.info(), report, geometry, extent)?;
        let path = stac::item_path(done.file.as_deref().unwrap_or_default());
        self.put(&path, item).await
    }

    /// Gets the attachments of the rows, if they are wanted and there are any.
    pub(super) async fn with_attachments(
        &self,
        mut layer: IndexedLayer,
        export: &LayerExport,
        outcome: LayerOutcome,
    ) -> Result<(IndexedLayer, LayerOutcome), Error> {
        let Some(folder) = &self.export.attachments else {
            return Ok((layer, outcome));
        };
        if !export.layer.info().has_attachments {
            return Ok((layer, outcome));
        }
        let file = layer.file.as_deref().unwrap_or_default();
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let attachments = AttachmentExport::new(export.layer.clone())
            .with_query(export.query.clone())
            .below(Arc::clone(folder), stem)
            .await;
        let error = match attachments {
            Ok(report) => {
                layer.attachments = Some(IndexedAttachments::of(&report));
                if report.failed == 0 {
                    return Ok((layer, outcome));
                }
                Error::Attachments {
                    failed: report.failed,
                    first: report.problems.into_iter().next().unwrap_or_default(),
                }
            }
            Err(error) => error,
        };
        layer.status = LayerStatus::Failed;
        layer.problem = Some(chain(&error));
        Ok((layer, LayerOutcome::Failed(error)))
    }

    async fn one(
        &self,
        place: usize,
        mut export: LayerExport,
        path: &str,
        ours: bool,
    ) -> Result<Report, Error> {
        let overwrite = self.export.overwrite || ours;
        let (folder, path) = (Arc::clone(&self.folder), path.to_owned());
        let file = blocking(move || folder.file(&path, overwrite)).await??;
        // In a store there is no place beside the file: pages are kept only in a folder that is named.
        let beside = file.spool_folder();
        let resume = self.export.resume.as_ref();
        if let Some(resume) = resume.filter(|to| to.path(beside.as_deref(), &file.name()).is_ok()) {
            export = export.with_resume(resume.clone());
        }
        let observer = self.export.observer.clone();
        export
            .with_observer(move |event| observer.tell(&ServiceEvent::Layer { place, event }))
            .to(file)
            .await
    }

    /// Whether the file of an earlier export is there, as long as it was, and its item if one is wanted.
    async fn is_there(&self, before: &IndexedLayer) -> Result<bool, Error> {
        let (Some(path), Some(bytes)) = (before.file.clone(), before.bytes) else {
            return Ok(false);
        };
        let (folder, stac) = (Arc::clone(&self.folder), self.export.stac);
        blocking(move || {
            let is_whole = folder.size(&path)? == Some(bytes);
            Ok(is_whole && (!stac || folder.size(&stac::item_path(&path))?.is_some()))
        })
        .await?
    }

    async fn write(&self, index: &ServiceIndex) -> Result<(), Error> {
        self.put(index::NAME, index.to_json().map_err(Error::write)?)
            .await
    }

    /// Writes a small file, whole or not at all.
    async fn put(&self, path: &str, content: Vec<u8>) -> Result<(), Error> {
        let (folder, path) = (Arc::clone(&self.folder), path.to_owned());
        blocking(move || folder.put(&path, content)).await?
    }
}

/// What the report adds to the index.
pub(super) fn fill(layer: &mut IndexedLayer, report: &Report, prospect: Prospect) {
    let geometry = report.geometry.as_ref();
    layer.status = LayerStatus::Done;
    layer.problem = None;
    layer.format = report.writer.as_ref().map(|writer| writer.format.clone());
    layer.bytes = report.file_bytes;
    layer.rows = Some(report.rows);
    layer.crs = geometry.and_then(|geometry| geometry.crs.clone());
    let extent = geometry.and_then(|geometry| geometry.extent);
    layer.extent = extent.filter(|sides| sides.iter().all(|side| side.is_finite()));
    layer.proof = report.proof.as_ref().map(|proof| proof.level.clone());
    layer.schema_hash = Some(prospect.schema_hash);
    layer.options_hash = Some(prospect.options_hash);
    layer.options = prospect.options;
    layer.last_edit = report.last_edit;
    layer.server_generation = report.server_generation;
    layer.started = Some(report.started);
    layer.finished = Some(report.finished);
}

/// Whether an error is about the whole folder: no other layer will do better.
pub(crate) fn is_of_the_place(error: &Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if matches!(
            kind,
            Some(
                io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::ReadOnlyFilesystem
            )
        ) {
            return true;
        }
        cause = error.source();
    }
    false
}
