//! Options for what is shown in place of the geometry.

use arcgis_rest::layer::{GeometryForm, Quantization, Query};
use clap::Args;

use super::values::parse_distance;

/// What comes in place of the geometry.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Rows and columns")]
pub(crate) struct FormArgs {
    /// The centroid of each polygon, computed by the server, in place of its geometry
    #[arg(long, conflicts_with_all = ["envelope", "quantize", "no_geometry"])]
    centroid: bool,

    /// The rectangle around each geometry, computed by the server, in its place
    #[arg(long, conflicts_with_all = ["quantize", "no_geometry"])]
    envelope: bool,

    /// Let the server move positions onto a grid of this width, in units of the output's CRS, and drop those that
    /// fall together
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "WIDTH",
        value_parser = parse_distance,
        conflicts_with = "no_geometry"
    )]
    quantize: Option<f64>,
}

impl FormArgs {
    /// The same query with its geometry so.
    pub(crate) fn form(&self, query: Query) -> Query {
        let form = match self.quantize {
            _ if self.centroid => GeometryForm::Centroid,
            _ if self.envelope => GeometryForm::Envelope,
            Some(width) => GeometryForm::Quantized(Quantization::view(width)),
            None => return query,
        };
        query.with_geometry_form(form)
    }
}
