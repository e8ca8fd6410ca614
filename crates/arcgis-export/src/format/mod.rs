//! The formats of files.

mod file_writer;
mod geoparquet;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::options::{Compression, WriterOptions};

pub(crate) use file_writer::{Counted, FileWriter, Written, begin};

/// What a file is written as.
///
/// | format | names | by |
/// |---|---|---|
/// | [`FileFormat::GeoParquet`] | `.parquet`, `.geoparquet` | <https://geoparquet.org> |
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
}

/// Each format with its name, what people call it, and the extensions of its files.
const FORMATS: &[(FileFormat, &str, &str, &[&str])] = &[(
    FileFormat::GeoParquet,
    "geoparquet",
    "GeoParquet",
    &["parquet", "geoparquet"],
)];

impl FileFormat {
    /// All formats.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        FORMATS.iter().map(|entry| entry.0)
    }

    /// The format that a path or an address promises by its extension; `None` if it has none or another.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let path = match name.split_once("://") {
            Some((_, rest)) => rest.split(['?', '#']).next().unwrap_or(rest),
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
        match self {
            Self::GeoParquet => false,
        }
    }

    /// The format that was set, else what the name of the destination promises, else the default.
    pub(crate) fn of_destination(set: Option<Self>, name: &str) -> Self {
        set.or_else(|| Self::of_name(name)).unwrap_or_default()
    }

    /// Whether it has row groups.
    pub(crate) fn has_row_groups(self) -> bool {
        matches!(self, Self::GeoParquet)
    }

    /// The compression that a file gets; `None` where there is no choice.
    pub(crate) fn compression(self, options: &WriterOptions) -> Option<Compression> {
        match self {
            Self::GeoParquet => Some(options.compression.unwrap_or_default()),
        }
    }

    fn entry(self) -> Option<&'static (Self, &'static str, &'static str, &'static [&'static str])> {
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
