//! How a dataset is cut into files.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

/// How a dataset is cut into files.
///
/// By fields, the files of each value are in a folder `field=value` of their own, one below the other for several
/// fields: the layout of Hive, that DuckDB, pyarrow, Polars and Spark know. The columns stay in the files too: only so do
/// all readers get the types and the values that the layer has, and not what the name of a folder looks like.
///
/// Spatially, rows stand along a Hilbert curve, and a file ends where it has reached its size: what is near each other is
/// in one file, and the bounding boxes of files overlap little.
///
/// ```no_run
/// # async fn example(layer: arcgis_layer::Layer) -> Result<(), arcgis_export::Error> {
/// use arcgis_export::{LayerExport, PartitionFolder, Partitions};
///
/// let report = LayerExport::new(layer)
///     .with_partitions(Partitions::by_field("STATE"))
///     .to(PartitionFolder::new("cities"))
///     .await?;
/// println!("{} files", report.partitions.map_or(0, |partitions| partitions.files));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct Partitions {
    pub(super) by: By,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) file_bytes: Option<NonZeroU64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) file_rows: Option<NonZeroU64>,
}

/// What decides in which file a row is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum By {
    Fields(Vec<String>),
    Spatial,
}

impl Partitions {
    /// Most different values (of all fields together) that rows are partitioned by.
    pub const MOST: usize = 10_000;

    /// The size of files that are cut spatially, where nothing else is said: 128 MiB.
    pub const FILE_BYTES: NonZeroU64 = NonZeroU64::new(128 * 1024 * 1024).unwrap();

    /// By the values of a field: its name, or that of its column where that has another one.
    pub fn by_field(field: impl Into<String>) -> Self {
        Self::by_fields([field])
    }

    /// By the values of several fields, the first outermost.
    pub fn by_fields(fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            by: By::Fields(fields.into_iter().map(Into::into).collect()),
            file_bytes: None,
            file_rows: None,
        }
    }

    /// Spatially, in files of about [`Partitions::FILE_BYTES`]. The rows have to have geometry, and the order
    /// [`RowOrder::Hilbert`](crate::RowOrder::Hilbert).
    pub fn spatial() -> Self {
        Self {
            by: By::Spatial,
            file_bytes: Some(Self::FILE_BYTES),
            file_rows: None,
        }
    }

    /// Sets at about how many bytes, as encoded, a file ends; the rows of one value go on in a further file then. By
    /// fields there is no such limit by default.
    pub fn with_file_bytes(mut self, bytes: NonZeroU64) -> Self {
        self.file_bytes = Some(bytes);
        self
    }

    /// Sets how many rows a file has at most. Default: no such limit.
    pub fn with_file_rows(mut self, rows: NonZeroU64) -> Self {
        self.file_rows = Some(rows);
        self
    }

    /// The fields; none where rows are partitioned spatially.
    #[must_use]
    pub fn fields(&self) -> &[String] {
        match &self.by {
            By::Fields(fields) => fields,
            By::Spatial => &[],
        }
    }

    /// At about how many bytes a file ends, if at any.
    #[must_use]
    pub fn file_bytes(&self) -> Option<NonZeroU64> {
        self.file_bytes
    }

    /// How many rows a file has at most, if there is such a limit.
    #[must_use]
    pub fn file_rows(&self) -> Option<NonZeroU64> {
        self.file_rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read() {
        for (partitions, json) in [
            (
                Partitions::by_fields(["a", "b"]),
                r#"{"by":{"fields":["a","b"]}}"#,
            ),
            (
                Partitions::spatial(),
                r#"{"by":"spatial","file_bytes":134217728}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&partitions).unwrap(), json);
            assert_eq!(
                serde_json::from_str::<Partitions>(json).unwrap(),
                partitions
            );
        }
    }
}
