//! What an export tells through `tracing`.
//!
//! Targets, messages and fields are stable: filters and dashboards may count on them. None of the fields ever
//! holds a secret. What the client tells of requests, retries, pauses and tokens stands in the documentation of
//! `arcgis-auth-http`, under the same name.
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
//!
//! `rows` and `pages` of `resumed` are those that were there already, `times` is how often requests were sent again since
//! it was told last, and `bytes` is the size of the answers of a page after decompression, or that of a row group as it
//! is written. Exports that are given up, and those that fail, end the span without `finished`.
//!
//! All else that the crate says, in words and for people, is told under its modules' names, such as
//! `arcgis_export::sync`.

use crate::event::ExportEvent;

/// The span of an export.
pub(crate) fn span(layer: &arcgis_layer::Layer) -> tracing::Span {
    tracing::info_span!(target: "arcgis::export", "export", layer = %layer.address())
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
            let elapsed_millis = u64::try_from(report.elapsed.as_millis()).unwrap_or(u64::MAX);
            let (rows, file_bytes) = (report.rows, report.file_bytes);
            tracing::info!(target: "arcgis::export", rows, file_bytes, elapsed_millis, "finished");
        }
    }
}
