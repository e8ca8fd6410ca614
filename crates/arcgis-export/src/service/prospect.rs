//! What an export is going to write, without asking for anything.

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use super::index::{IndexedLayer, LayerStatus, ServiceIndex};
use crate::error::Error;
use crate::format::FileFormat;
use crate::job::LayerExport;
use crate::provenance::schema_hash;
use crate::schema::ExportSchema;
use crate::sync::SavedOptions;

/// What decides the contents of a file besides the rows.
#[derive(Debug, PartialEq)]
pub(super) struct Prospect {
    pub(super) schema_hash: String,
    pub(super) options_hash: String,
    /// How it is written, as the footer of a GeoParquet file says.
    pub(super) options: Option<serde_json::Value>,
    /// The name of the column with the geometry.
    pub(super) geometry: Option<String>,
    last_edit: Option<Timestamp>,
}

impl Prospect {
    /// Of an export to a file of this format.
    ///
    /// # Errors
    ///
    /// [`Error::Layer`] where the query does not fit the layer, and those of options that the format does not have.
    pub(super) fn of(export: &LayerExport, format: FileFormat) -> Result<Self, Error> {
        let (resolved, _) = export.resolve_for(format)?;
        let columns = export.columns.for_file(format, &export.writer);
        let schema = ExportSchema::of_layer(resolved.layout(), export.layer.info(), &columns);
        let writer = &export.writer;
        let options = match format {
            FileFormat::GeoParquet => {
                let saved = SavedOptions::of(
                    &export.query,
                    export.layer.info(),
                    writer,
                    &export.columns,
                    export.lenient,
                    export.fetch.format,
                );
                let saved = saved.map_err(arcgis_layer::Error::from)?;
                serde_json::to_value(saved).ok()
            }
            _ => None,
        };
        let decisive = match &options {
            Some(options) => options.to_string(),
            None => {
                // Where and in how much memory rows are sorted changes nothing.
                let written = format!(
                    "{format:?} {:?} {:?} {:?} {:?}",
                    writer.compression, writer.row_group_rows, writer.row_group_bytes, writer.order,
                );
                let (query, columns) = (&export.query, &export.columns);
                format!("{query:?} {columns:?} {} {written}", export.lenient)
            }
        };
        let hash = xxh3_64(format!("{decisive} {}", export.fetch.allow_skips).as_bytes());
        let last_edit = export.layer.info().last_edit_date;
        Ok(Self {
            options,
            schema_hash: schema_hash(&schema),
            options_hash: format!("{hash:016x}"),
            geometry: schema.geometry_name().map(str::to_owned),
            last_edit: last_edit.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        })
    }

    /// Whether a file that an earlier export wrote is what this one would write. Where the layer does not say when it
    /// was edited last, that can be said only of an export that has not ended well: this one goes on with it.
    pub(super) fn is_that_of(&self, before: &IndexedLayer, index: &ServiceIndex) -> bool {
        // A file that is whole, and only its attachments are not, has its size too.
        let is_whole = before.status == LayerStatus::Done
            || (before.status == LayerStatus::Failed && before.bytes.is_some());
        is_whole
            && before.schema_hash.as_ref() == Some(&self.schema_hash)
            && before.options_hash.as_ref() == Some(&self.options_hash)
            && match (before.last_edit, self.last_edit) {
                (Some(before), Some(now)) => before == now,
                (None, None) => !index.is_complete(),
                _ => false,
            }
    }
}
