//! The format of a file.

use arcgis_rest::export::{FileFormat, ParseFileFormatError};
use clap::Args;

/// What a file is written as.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct FormatArgs {
    /// The format of the file: geoparquet, arrow, arrows (a stream), geojson, geojsonl (by lines), csv, flatgeobuf
    /// or geopackage [default: as the file's name says, else geoparquet; arrows on standard output]
    #[arg(long = "as", value_name = "FORMAT", value_parser = parse)]
    pub(crate) written_as: Option<FileFormat>,
}

fn parse(text: &str) -> Result<FileFormat, String> {
    text.parse()
        .map_err(|error: ParseFileFormatError| error.to_string())
}
