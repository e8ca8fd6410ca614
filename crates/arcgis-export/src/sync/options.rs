//! How a file was exported, as its footer keeps it.

use std::fmt::Display;
use std::num::NonZeroUsize;
use std::str::FromStr;

use arcgis_layer::{FormatChoice, LayerInfo, Query, QueryError, SavedQuery};
use serde::{Deserialize, Serialize};

use crate::column_options::ColumnOptions;
use crate::format::FileFormat;
use crate::options::WriterOptions;
use crate::order::RowOrder;
use crate::partition::Partitions;

/// How a file was exported: all that another export needs to write the same one. What a later version says beside it
/// would be lost on the way to a new file, so that it is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedOptions {
    pub(crate) query: SavedQuery,
    order: String,
    compression: String,
    row_group_rows: NonZeroUsize,
    row_group_bytes: NonZeroUsize,
    geoparquet_version: String,
    geometry_encoding: String,
    domains: String,
    guids: String,
    names: String,
    dates: String,
    repair: bool,
    pub(crate) lenient: bool,
    /// The format that pages are asked for in: one of them rounds coordinates.
    pub(crate) format: FormatChoice,
    /// How rows are cut into files, where the file is one of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) partitions: Option<Partitions>,
}

impl SavedOptions {
    pub(crate) fn of(
        query: &Query,
        info: &LayerInfo,
        writer: &WriterOptions,
        columns: &ColumnOptions,
        lenient: bool,
        format: FormatChoice,
    ) -> Result<Self, QueryError> {
        Ok(Self {
            query: SavedQuery::of(query, info)?,
            order: RowOrder::of_file(writer, FileFormat::GeoParquet).to_string(),
            compression: writer.compression.unwrap_or_default().to_string(),
            row_group_rows: writer.row_group_rows,
            row_group_bytes: writer.row_group_bytes,
            geoparquet_version: writer.geoparquet_version.to_string(),
            geometry_encoding: writer.geometry_encoding.to_string(),
            domains: columns.domains.to_string(),
            guids: columns.guids.to_string(),
            names: columns.names.to_string(),
            dates: columns.dates.to_string(),
            repair: columns.repair,
            lenient,
            format,
            partitions: None,
        })
    }

    pub(crate) fn with_partitions(mut self, partitions: Option<Partitions>) -> Self {
        self.partitions = partitions;
        self
    }

    /// As it stands in the footer.
    pub(crate) fn to_json(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    /// What a footer says, or what is wrong with it.
    pub(crate) fn from_json(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| format!("arcgis:options: {error}"))
    }

    /// The options of the file; what only says how much memory or which folder to take is that of `how`.
    pub(crate) fn writer(&self, how: &WriterOptions) -> Result<WriterOptions, String> {
        Ok(WriterOptions {
            compression: Some(read(&self.compression)?),
            row_group_rows: self.row_group_rows,
            row_group_bytes: self.row_group_bytes,
            geoparquet_version: read(&self.geoparquet_version)?,
            geometry_encoding: read(&self.geometry_encoding)?,
            order: Some(read(&self.order)?),
            ..how.clone()
        })
    }

    pub(crate) fn columns(&self) -> Result<ColumnOptions, String> {
        if self.repair && !cfg!(feature = "repair") {
            return Err("its polygons were mended, which takes the feature repair".to_owned());
        }
        Ok(ColumnOptions {
            domains: read(&self.domains)?,
            guids: read(&self.guids)?,
            names: read(&self.names)?,
            dates: read(&self.dates)?,
            m: false,
            repair: self.repair,
        })
    }
}

fn read<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|error| format!("arcgis:options: {error}"))
}
