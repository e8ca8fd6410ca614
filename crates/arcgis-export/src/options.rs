//! How an export is written.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use crate::geoparquet::{GeoParquetVersion, GeometryEncoding};
use crate::order::RowOrder;

/// How the columns of a file are compressed.
///
/// ```
/// use arcgis_export::Compression;
///
/// assert_eq!("zstd".parse(), Ok(Compression::default()));
/// assert_eq!("zstd:15".parse::<Compression>()?.to_string(), "zstd:15");
/// assert!("zstd:23".parse::<Compression>().is_err());
/// # Ok::<(), arcgis_export::ParseCompressionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Zstandard. The default, with level 3.
    Zstd(ZstdLevel),
    /// Snappy: larger files, and every reader knows it.
    Snappy,
    /// None.
    None,
}

impl Default for Compression {
    fn default() -> Self {
        Self::Zstd(ZstdLevel(3))
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zstd(level) => write!(f, "zstd:{}", level.0),
            Self::Snappy => f.write_str("snappy"),
            Self::None => f.write_str("none"),
        }
    }
}

impl FromStr for Compression {
    type Err = ParseCompressionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, level) = match text.split_once(':') {
            Some((name, level)) => (name, Some(level)),
            None => (text, None),
        };
        match (name.to_ascii_lowercase().as_str(), level) {
            ("zstd", None) => Ok(Self::default()),
            ("zstd", Some(level)) => level
                .parse()
                .ok()
                .and_then(ZstdLevel::new)
                .map(Self::Zstd)
                .ok_or_else(|| ParseCompressionError(text.to_owned())),
            ("snappy", None) => Ok(Self::Snappy),
            ("none", None) => Ok(Self::None),
            _ => Err(ParseCompressionError(text.to_owned())),
        }
    }
}

/// A level of Zstandard, from 1 (fast) to 22 (small).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZstdLevel(u8);

impl ZstdLevel {
    /// A level; `None` if it is not between 1 and 22.
    #[must_use]
    pub fn new(level: u8) -> Option<Self> {
        (1..=22).contains(&level).then_some(Self(level))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

/// A text that names no compression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no compression: give zstd, zstd:1 to zstd:22, snappy or none")]
pub struct ParseCompressionError(String);

/// How a file is written.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WriterOptions {
    /// The compression; by default what suits the format: [`Compression::Zstd`] with level 3 in GeoParquet,
    /// none elsewhere.
    pub compression: Option<Compression>,
    /// Most rows in a row group; 100,000 by default. Readers fetch and skip by row groups: 50,000 to
    /// 150,000 suit most. What a row group takes beyond some megabytes waits on disk until it is complete: see
    /// [`WriterOptions::sort_folder`].
    pub row_group_rows: NonZeroUsize,
    /// Most bytes in a row group, encoded, about; 128 MiB by default. Whichever limit comes first.
    pub row_group_bytes: NonZeroUsize,
    /// The version of GeoParquet; [`GeoParquetVersion::V1_1`] by default.
    pub geoparquet_version: GeoParquetVersion,
    /// How GeoParquet holds geometry; [`GeometryEncoding::Wkb`] by default.
    pub geometry_encoding: GeometryEncoding,
    /// The order of rows; by default [`RowOrder::Hilbert`] in files, and [`RowOrder::Id`] in streams, whose rows
    /// go on at once. A table in memory is always in the order of [`RowOrder::Id`].
    pub order: Option<RowOrder>,
    /// The most bytes that rows may take in memory to be sorted, about; 64 MiB by default. More rows than that are
    /// sorted on disk. The order is the same.
    pub sort_memory: NonZeroUsize,
    /// The folder for rows that are sorted on disk, about twice as large as they are in memory, and for what a row
    /// group takes beyond some megabytes; by default that of the output, or the system's for temporary files where the
    /// output is no file on this machine. The files in it have no names: they go with the process.
    pub sort_folder: Option<PathBuf>,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self {
            compression: None,
            row_group_rows: const { NonZeroUsize::new(100_000).unwrap() },
            row_group_bytes: const { NonZeroUsize::new(128 * 1024 * 1024).unwrap() },
            geoparquet_version: GeoParquetVersion::default(),
            geometry_encoding: GeometryEncoding::default(),
            order: None,
            sort_memory: const { NonZeroUsize::new(64 * 1024 * 1024).unwrap() },
            sort_folder: None,
        }
    }
}

impl WriterOptions {
    /// Sets the compression.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    /// Sets the most rows in a row group.
    #[must_use]
    pub fn with_row_group_rows(mut self, rows: NonZeroUsize) -> Self {
        self.row_group_rows = rows;
        self
    }

    /// Sets about the most bytes in a row group.
    #[must_use]
    pub fn with_row_group_bytes(mut self, bytes: NonZeroUsize) -> Self {
        self.row_group_bytes = bytes;
        self
    }

    /// Sets the version of GeoParquet.
    #[must_use]
    pub fn with_geoparquet_version(mut self, version: GeoParquetVersion) -> Self {
        self.geoparquet_version = version;
        self
    }

    /// Sets how GeoParquet holds geometry.
    #[must_use]
    pub fn with_geometry_encoding(mut self, encoding: GeometryEncoding) -> Self {
        self.geometry_encoding = encoding;
        self
    }

    /// Sets the order of rows.
    #[must_use]
    pub fn with_order(mut self, order: RowOrder) -> Self {
        self.order = Some(order);
        self
    }

    /// Sets about the most bytes that rows may take in memory to be sorted.
    #[must_use]
    pub fn with_sort_memory(mut self, bytes: NonZeroUsize) -> Self {
        self.sort_memory = bytes;
        self
    }

    /// Sets the folder for rows that are sorted on disk, which has to exist.
    #[must_use]
    pub fn with_sort_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.sort_folder = Some(folder.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressions_have_names() {
        for (text, expected) in [
            ("zstd", Some("zstd:3")),
            ("ZSTD:1", Some("zstd:1")),
            ("zstd:22", Some("zstd:22")),
            ("snappy", Some("snappy")),
            ("none", Some("none")),
            ("zstd:0", None),
            ("zstd:", None),
            ("zstd:-1", None),
            ("snappy:1", None),
            ("gzip", None),
            ("", None),
        ] {
            let parsed = text.parse::<Compression>();
            assert_eq!(
                parsed.as_ref().ok().map(ToString::to_string).as_deref(),
                expected,
                "{text}"
            );
        }
    }
}
