//! A layer of a service whose file is brought up to date, in its turn.

use std::sync::Arc;

use super::event::ServiceEvent;
use super::index::{IndexedLayer, LayerStatus, NAME};
use super::prospect::Prospect;
use super::related::relationships;
use super::report::LayerOutcome;
use super::run::{Run, fill};
use super::stac;
use super::survey::Surveyed;
use super::upkeep::like;
use crate::error::Error;
use crate::job::{LayerExport, blocking};
use crate::sync::{Sync, SyncError};

impl Run {
    /// The entry of a layer before its turn: with what an earlier export wrote, where that is brought up to date.
    pub(super) fn entry(&self, layer: &Surveyed) -> IndexedLayer {
        let entry = layer.indexed();
        if let Some(left_out) = &layer.left_out
            && let Some(before) = self.before(layer).filter(|before| before.has_file())
        {
            return IndexedLayer {
                status: LayerStatus::Gone,
                problem: Some(format!("{left_out}; its file stays")),
                url: entry.url,
                ..before.clone()
            };
        }
        match self.followed(layer) {
            Some(before) if before.has_file() => IndexedLayer {
                service: entry.service,
                id: entry.id,
                name: entry.name,
                kind: entry.kind,
                url: entry.url,
                geometry_type: entry.geometry_type,
                status: entry.status,
                problem: entry.problem,
                related_to: entry.related_to,
                ..before.clone()
            },
            _ => entry,
        }
    }

    /// The layer as an earlier export had it, if that is brought up to date.
    fn before(&self, layer: &Surveyed) -> Option<&IndexedLayer> {
        self.export.upkeep.as_ref()?;
        self.earlier.as_ref()?.layer(&layer.entry.url)
    }

    /// The same, if it is to be brought up to date.
    pub(super) fn followed(&self, layer: &Surveyed) -> Option<&IndexedLayer> {
        let before = self.before(layer)?;
        Some(before).filter(|before| layer.left_out.is_none() && before.file == layer.file)
    }

    /// The export of a layer that is new where an earlier export is brought up to date: as the others were exported.
    pub(super) fn new_layer(&self, export: LayerExport) -> Result<LayerExport, Error> {
        let Some(upkeep) = &self.export.upkeep else {
            return Ok(export);
        };
        let path = format!("{}/{NAME}", self.folder.name().trim_end_matches('/'));
        match &self.alike {
            Ok(Some(options)) => like(export, options, upkeep.query.as_ref(), &path),
            Ok(None) => Ok(export),
            Err(problem) => Err(Error::Sync(SyncError::NotAnExport {
                path: path.into(),
                problem: problem.clone(),
            })),
        }
    }

    /// Brings the file of an earlier export up to date.
    pub(super) async fn follow(
        &self,
        place: usize,
        layer: &Surveyed,
        before: &IndexedLayer,
        entry: &IndexedLayer,
        bytes: u64,
    ) -> Result<(IndexedLayer, LayerOutcome), Error> {
        let upkeep = self.export.upkeep.clone().unwrap_or_default();
        let path = before.file.clone().unwrap_or_default();
        let export = self.export.open(layer).await?;
        let (folder, stac, at) = (Arc::clone(&self.folder), self.export.stac, path.clone());
        let (there, lacks_item) = blocking(move || -> Result<_, Error> {
            let lacks_item = stac && folder.size(&stac::item_path(&at))?.is_none();
            Ok((folder.place(&at)?, lacks_item))
        })
        .await??;
        let there = there.ok_or_else(|| Error::Unsupported {
            option: "bringing files up to date".to_owned(),
            by: self.folder.name(),
        })?;
        // Somebody else has written the file, or the index was not written behind it: all of it is looked at.
        let is_other = !before.has_file() || before.bytes != Some(bytes);
        let observer = self.export.observer.clone();
        let mut sync = Sync::new(export.layer.clone(), there)
            .with_fetch(export.fetch.clone())
            .with_sorting(export.writer.clone())
            .with_full(upkeep.full || is_other || lacks_item)
            .with_fail_on_drift(export.fail_on_drift)
            .with_share(self.export.at_once)
            .with_observer(move |event| observer.tell(&ServiceEvent::Layer { place, event }));
        if let Some(margin) = upkeep.margin {
            sync = sync.with_margin(margin);
        }
        if let Some(query) = upkeep.query {
            sync = sync.with_query(query);
        }
        let (report, export) = sync.carry_out().await?;
        let (layer, info) = (export.layer.clone(), Arc::clone(export.layer.info()));
        let mut done = entry.clone();
        done.status = LayerStatus::Done;
        done.problem = None;
        done.kind = info.kind.name().to_owned();
        done.relationships = relationships(&info);
        if let Some(made) = &report.export {
            let prospect = Prospect::of(&export, self.export.format)?;
            let geometry = prospect.geometry.clone();
            if report.written || is_other {
                let hash = done.options_hash.take();
                fill(&mut done, made, prospect);
                done.options_hash = hash.or(done.options_hash);
                done.server_generation = report.server_generation;
                if !report.written {
                    done.bytes = Some(bytes);
                }
            }
            if stac && (report.written || lacks_item) {
                self.describe(&done, &layer, &export.query, made, geometry.as_deref())
                    .await?;
            }
        }
        let outcome = LayerOutcome::Synced(Box::new(report));
        self.with_attachments(done, &export, outcome).await
    }
}
