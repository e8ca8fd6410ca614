//! Options for all layers of a service, a folder of services or a server.

use std::num::NonZeroUsize;

use arcgis_rest::export::{LayerSelection, Pattern};
use clap::Args;

use super::values::parse_positive;

/// Which layers, and what goes with their files.
#[derive(Debug, Args)]
#[command(next_help_heading = "Whole services")]
pub(crate) struct ServiceArgs {
    /// Only layers and tables that this stands for: a name, a number, service/name or the end of an address, with *
    /// for any text, such as "Water/*", "*wells" or "*/FeatureServer/3"; may be repeated
    #[arg(long, value_name = "PATTERN")]
    pub(crate) include: Vec<Pattern>,

    /// Not what this stands for, as with --include; may be repeated
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<Pattern>,

    /// Also the layers and tables whose rows belong to rows of what --include stands for, and those related to these: what
    /// it takes to join the files
    #[arg(long, requires = "include")]
    pub(crate) related: bool,

    /// Layers that are under way at once, at most [default: 4]
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "LAYERS",
        value_parser = parse_positive::<NonZeroUsize>
    )]
    pub(crate) layers_at_once: Option<NonZeroUsize>,

    /// Describe the files as a STAC catalog too: catalog.json, and an item beside each file
    #[arg(long)]
    pub(crate) stac: bool,
}

impl ServiceArgs {
    /// The first option that was given.
    pub(crate) fn first_given(&self) -> Option<&'static str> {
        [
            ("--include", !self.include.is_empty()),
            ("--exclude", !self.exclude.is_empty()),
            ("--related", self.related),
            ("--layers-at-once", self.layers_at_once.is_some()),
            ("--stac", self.stac),
        ]
        .into_iter()
        .find_map(|(name, given)| given.then_some(name))
    }

    /// Whether layers are chosen.
    pub(crate) fn selects(&self) -> bool {
        !self.include.is_empty() || !self.exclude.is_empty()
    }

    /// Which layers.
    pub(crate) fn selection(&self) -> LayerSelection {
        let include = self.include.iter().cloned();
        let all = LayerSelection::new().with_related(self.related);
        let all = include.fold(all, LayerSelection::with_include);
        let exclude = self.exclude.iter().cloned();
        exclude.fold(all, LayerSelection::with_exclude)
    }
}
