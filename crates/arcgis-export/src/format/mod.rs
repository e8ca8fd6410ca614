//! The formats of files.

mod arrow;
mod cell_text;
mod cells;
mod csv;
mod file_writer;
mod flatgeobuf;
mod geojson;
#[cfg(feature = "geopackage")]
mod geopackage;
mod geoparquet;
mod iso;
mod numbers;
mod requirement;
mod scratch;
mod shape;
mod unfit;
mod wkt;
mod wkt2;
#[cfg(test)]
mod wkt2_tests;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::options::{Compression, WriterOptions};

pub(crate) use file_writer::{Counted, FileWriter, NewFile, Written, begin};
pub(crate) use iso::IsoDate;
pub(crate) use requirement::{Requirement, WGS84};
pub(crate) use scratch::Scratch;
pub(crate) use shape::Shape;

/// Bytes of text at which they go to the output.
const ENOUGH: usize = 256 * 1024;

/// What a file is written as.
///
/// | format | names | by |
/// |---|---|---|
/// | [`FileFormat::GeoParquet`] | `.parquet`, `.geoparquet` | <https://geoparquet.org> |
/// | [`FileFormat::ArrowFile`] | `.arrow`, `.feather` | <https://arrow.apache.org/docs/format/Columnar.html> |
/// | [`FileFormat::ArrowStream`] | `.arrows` | the same |
/// | [`FileFormat::GeoJson`] | `.geojson` | <https://www.rfc-editor.org/rfc/rfc7946> |
/// | [`FileFormat::GeoJsonLines`] | `.geojsonl`, `.geojsons`, `.ndjson`, `.jsonl` | a feature a line |
/// | [`FileFormat::Csv`] | `.csv` | <https://www.rfc-editor.org/rfc/rfc4180> |
/// | [`FileFormat::FlatGeobuf`] | `.fgb` | <https://flatgeobuf.org> |
/// | `FileFormat::GeoPackage`, with the feature `geopackage` | `.gpkg` | <https://www.geopackage.org> |
///
/// ```
/// use arcgis_export::FileFormat;
///
/// assert_eq!(FileFormat::of_name("s3://bucket/places.PARQUET"), Some(FileFormat::GeoParquet));
/// assert_eq!(FileFormat::of_name("places.shp"), None);
/// assert_eq!("geoparquet".parse(), Ok(FileFormat::GeoParquet));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum FileFormat {
    /// GeoParquet, or plain Parquet where there is no geometry. The default.
    #[default]
    GeoParquet,
    /// Arrow IPC, as a file with an index of its batches: Feather, version 2. The geometry is WKB, as the
    /// extension `geoarrow.wkb` with the CRS.
    ArrowFile,
    /// Arrow IPC, as a stream.
    ArrowStream,
    /// One GeoJSON document, in longitude and latitude.
    GeoJson,
    /// GeoJSON, one feature a line.
    GeoJsonLines,
    /// Comma-separated values, with the geometry as well-known text.
    Csv,
    /// FlatGeobuf, with its index.
    FlatGeobuf,
    /// GeoPackage, with one table and its index.
    #[cfg(feature = "geopackage")]
    GeoPackage,
}

type Entry = (
    FileFormat,
    &'static str,
    &'static str,
    &'static [&'static str],
);

/// Each format with its name, what people call it, and the extensions of its files.
const FORMATS: &[Entry] = &[
    (
        FileFormat::GeoParquet,
        "geoparquet",
        "GeoParquet",
        &["parquet", "geoparquet"],
    ),
    (
        FileFormat::ArrowFile,
        "arrow",
        "Arrow",
        &["arrow", "feather"],
    ),
    (
        FileFormat::ArrowStream,
        "arrows",
        "an Arrow stream",
        &["arrows"],
    ),
    (FileFormat::GeoJson, "geojson", "GeoJSON", &["geojson"]),
    (
        FileFormat::GeoJsonLines,
        "geojsonl",
        "GeoJSON by lines",
        &["geojsonl", "geojsons", "ndjson", "jsonl"],
    ),
    (FileFormat::Csv, "csv", "CSV", &["csv"]),
    (FileFormat::FlatGeobuf, "flatgeobuf", "FlatGeobuf", &["fgb"]),
    #[cfg(feature = "geopackage")]
    (
        FileFormat::GeoPackage,
        "geopackage",
        "GeoPackage",
        &["gpkg"],
    ),
];

impl FileFormat {
    /// All formats.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        FORMATS.iter().map(|entry| entry.0)
    }

    /// The format that a path or an address promises by its extension; `None` if it has none or another.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let path = match name.split_once("://") {
            Some((_, rest)) => rest.split(['?', '#']).next()?.split_once('/')?.1,
            None => name,
        };
        let extension = Path::new(path).extension()?.to_str()?.to_ascii_lowercase();
        FORMATS
            .iter()
            .find(|entry| entry.3.contains(&extension.as_str()))
            .map(|entry| entry.0)
    }

    /// Its name, as [`FromStr`] reads it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().map_or("", |entry| entry.1)
    }

    /// The extensions of its files, the usual one first.
    #[must_use]
    pub fn extensions(self) -> &'static [&'static str] {
        self.entry().map_or(&[], |entry| entry.3)
    }

    /// Whether a reader takes it from its beginning to its end while it is written.
    #[must_use]
    pub fn is_stream(self) -> bool {
        matches!(self, Self::ArrowStream)
    }

    /// The format that was set, else what the name of the destination promises, else the default.
    pub(crate) fn of_destination(set: Option<Self>, name: &str) -> Self {
        set.or_else(|| Self::of_name(name)).unwrap_or_default()
    }

    /// Whether it has row groups.
    #[must_use]
    pub fn has_row_groups(self) -> bool {
        matches!(self, Self::GeoParquet)
    }

    /// Whether it knows no coordinates but longitude and latitude, as RFC 7946 says of GeoJSON.
    #[must_use]
    pub fn is_in_degrees(self) -> bool {
        matches!(self, Self::GeoJson | Self::GeoJsonLines)
    }

    /// Whether it keeps Arrow's own types: dictionaries, UUIDs, moments with their zone. Elsewhere labels and GUIDs are
    /// text, and moments are in UTC.
    #[must_use]
    pub fn keeps_arrow_types(self) -> bool {
        matches!(self, Self::GeoParquet | Self::ArrowFile | Self::ArrowStream)
    }

    /// Whether it can be compressed so.
    #[must_use]
    pub fn has_compression(self, compression: Compression) -> bool {
        match self {
            Self::GeoParquet => true,
            Self::ArrowFile | Self::ArrowStream => compression != Compression::Snappy,
            _ => false,
        }
    }

    /// The compression that a file gets; `None` where there is no choice.
    pub(crate) fn compression(self, options: &WriterOptions) -> Option<Compression> {
        match self {
            Self::GeoParquet => Some(options.compression.unwrap_or_default()),
            Self::ArrowFile | Self::ArrowStream => {
                Some(options.compression.unwrap_or(Compression::None))
            }
            _ => None,
        }
    }

    fn entry(self) -> Option<&'static Entry> {
        FORMATS.iter().find(|entry| entry.0 == self)
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry().map_or("", |entry| entry.2))
    }
}

/// A text that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no format: give {names}", names = names())]
pub struct ParseFileFormatError(String);

fn names() -> String {
    let names: Vec<&str> = FileFormat::all().map(FileFormat::name).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

impl FromStr for FileFormat {
    type Err = ParseFileFormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        FileFormat::all()
            .find(|format| format.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| ParseFileFormatError(text.to_owned()))
    }
}
