//! What an export tells through `tracing`.
//!
//! Targets, messages and fields are stable: filters and dashboards may count on them. None of the fields ever
//! holds a secret. What the client tells of requests, retries, pauses and tokens stands in the documentation of
//! `arcgis-auth-http`, under the same name.
//!
//! What brings a file or a dataset up to date is the span `sync` (target `arcgis::sync`, level info, field `layer`), with the
//! export of the rows that have changed within. What does so, or exports, for all layers of a service is the span
//! `service` (target `arcgis::service`, level info, fields `source` and `folder`), with each layer's export or sync within.
//!
//! An export is the span `export` (target `arcgis::export`, level info, field `layer`: its address), and the requests
//! that it makes are within. So is what is told of it, the same that [`ExportEvent`] tells an observer:
//!
//! | target | level | message | fields |
//! |---|---|---|---|
//! | `arcgis::export` | info | `planned` | `rows` `pages` `page_size` `strategy` `reason` `format` |
//! | `arcgis::export` | info | `resumed` | `rows` `pages` `started` |
//! | `arcgis::export` | debug | `page` | `rows` `bytes` |
//! | `arcgis::export` | info | `sent again` | `times` |
//! | `arcgis::export` | info | `noted` | `note` |
//! | `arcgis::export` | debug | `row group written` | `rows` `bytes` |
//! | `arcgis::export` | info | `verified` | `rows` `proof` `drift` |
//! | `arcgis::export` | info | `kept` | `rows` `folder` |
//! | `arcgis::export` | info | `finished` | `rows` `file_bytes` `elapsed_millis` |
//! | `arcgis::sync` | info | `way taken` | `way` `reason` |
//! | `arcgis::sync` | warn | `everything is exported again` | `reason` |
//! | `arcgis::sync` | info | `finished` | `way` `written` `rows` `added` `changed` `deleted` `fetched` `elapsed_millis` |
//! | `arcgis::service` | info | `layer ended` | `layer` `outcome` `problem` |
//! | `arcgis::service` | info | `finished` | `layers` `failed` `elapsed_millis` |
//!
//! `rows` and `pages` of `resumed` are those that were there already, `times` is how often requests were sent again since
//! it was told last, and `bytes` is the size of the answers of a page after decompression, or that of a row group as it
//! is written. `way` is the name of the [`SyncWay`], and `reason` why no better one, empty where there is none;
//! `added`, `changed` and `deleted` are rows of the file, `fetched` those that came to find that out, and `written` says
//! whether there is a new file. `outcome` is `exported`, `kept`, `synced`, `gone`, `left out`, `failed` or `not tried`, and
//! `problem` what the index says of it. What is given up, and what fails, ends its span without `finished`.
//!
//! All else that the crate says, in words and for people, is told under its modules' names, such as
//! `arcgis_export::sync`.

use std::time::Duration;

use crate::event::ExportEvent;
use crate::service::{IndexedLayer, LayerOutcome, ServiceReport};
use crate::sync::{SyncReport, SyncWay};

/// The span of an export.
pub(crate) fn span(layer: &arcgis_layer::Layer) -> tracing::Span {
    tracing::info_span!(target: "arcgis::export", "export", layer = %layer.address())
}

/// The span of what brings a file up to date.
pub(crate) fn sync_span(layer: &arcgis_layer::Layer) -> tracing::Span {
    tracing::info_span!(target: "arcgis::sync", "sync", layer = %layer.address())
}

/// The span of what concerns the layers of a service.
pub(crate) fn service_span(source: &str, folder: &str) -> tracing::Span {
    tracing::info_span!(target: "arcgis::service", "service", source, folder)
}

pub(crate) fn way_taken(way: SyncWay, reason: Option<&str>) {
    let reason = reason.unwrap_or_default();
    tracing::info!(target: "arcgis::sync", %way, reason, "way taken");
}

pub(crate) fn all_again(reason: &str) {
    tracing::warn!(target: "arcgis::sync", reason, "everything is exported again");
}

pub(crate) fn synced(report: &SyncReport) {
    tracing::info!(
        target: "arcgis::sync",
        way = %report.way,
        written = report.written,
        rows = report.rows,
        added = report.added_rows,
        changed = report.changed_rows,
        deleted = report.deleted_rows,
        fetched = report.fetched_rows,
        elapsed_millis = millis(report.elapsed),
        "finished"
    );
}

pub(crate) fn layer_ended(layer: &IndexedLayer, outcome: &LayerOutcome) {
    let outcome = outcome.name();
    let problem = layer.problem.as_deref().unwrap_or_default();
    tracing::info!(target: "arcgis::service", layer = layer.url, outcome, problem, "layer ended");
}

pub(crate) fn service_finished(report: &ServiceReport, elapsed: Duration) {
    let (layers, failed) = (report.outcomes.len(), report.failures().count());
    let elapsed_millis = millis(elapsed);
    tracing::info!(target: "arcgis::service", layers, failed, elapsed_millis, "finished");
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn tell(event: &ExportEvent) {
    match event {
        ExportEvent::Planned {
            rows,
            pages,
            page_size,
            strategy,
            reason,
            format,
        } => {
            tracing::info!(target: "arcgis::export", rows, pages, page_size, %strategy, %reason, %format, "planned");
        }
        ExportEvent::Resumed(earlier) => {
            let (rows, pages) = (earlier.rows, earlier.pages);
            tracing::info!(target: "arcgis::export", rows, pages, started = %earlier.started, "resumed");
        }
        ExportEvent::Page { rows, bytes, .. } => {
            tracing::debug!(target: "arcgis::export", rows, bytes, "page");
        }
        ExportEvent::Retried { times } => {
            tracing::info!(target: "arcgis::export", times, "sent again");
        }
        ExportEvent::Noted(note) => {
            tracing::info!(target: "arcgis::export", %note, "noted");
        }
        ExportEvent::RowGroup(group) => {
            let (rows, bytes) = (group.rows, group.bytes);
            tracing::debug!(target: "arcgis::export", rows, bytes, "row group written");
        }
        ExportEvent::Verified(completion) => {
            let (rows, proof, drift) = (completion.rows, &completion.proof, &completion.drift);
            tracing::info!(target: "arcgis::export", rows, %proof, %drift, "verified");
        }
        ExportEvent::Kept { folder, rows } => {
            tracing::info!(target: "arcgis::export", rows, folder = %folder.display(), "kept");
        }
        ExportEvent::Finished(report) => {
            let elapsed_millis = millis(report.elapsed);
            let (rows, file_bytes) = (report.rows, report.file_bytes);
            tracing::info!(target: "arcgis::export", rows, file_bytes, elapsed_millis, "finished");
        }
    }
}
