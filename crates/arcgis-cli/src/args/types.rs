//! Options for what columns hold.

use arcgis_rest::export::{
    ColumnNames, ColumnOptions, DateDisplay, DomainValues, FileFormat, GuidType,
};
use clap::Args;

/// What columns hold, where there is a choice.
#[derive(Debug, Args)]
#[command(next_help_heading = "Values")]
pub(crate) struct TypeArgs {
    /// What stands in fields of codes, by domain or subtype: code, label, both (a column {name}_label beside), or
    /// dictionary (labels, as an Arrow dictionary, in GeoParquet and Arrow). Domains of subtypes count where their field is exported too; a
    /// code that none lists stays [default: code]
    #[arg(long, value_name = "code|label|both|dictionary")]
    domains: Option<DomainValues>,

    /// What GUIDs become: text as the service writes them, or uuid for 16 bytes of that type, in GeoParquet and
    /// Arrow [default: text]
    #[arg(long, value_name = "text|uuid")]
    guids: Option<GuidType>,

    /// What columns are called by: field, or alias where a field has one; what would come twice gets a number
    /// [default: field]
    #[arg(long, value_name = "field|alias")]
    names: Option<ColumnNames>,

    /// In which zone moments are shown, which are stored in UTC: layer, the one that it keeps its dates in, or utc
    /// [default: layer; utc in formats that know no zones]
    #[arg(long, value_name = "layer|utc")]
    dates: Option<DateDisplay>,

    /// Mend polygons that are not valid, such as those that cross themselves; the report says which
    #[arg(long)]
    repair: bool,
}

impl TypeArgs {
    /// The option that is not for a format, and what that has not.
    pub(crate) fn refused(&self, format: FileFormat) -> Option<(&'static str, String)> {
        if format.keeps_arrow_types() {
            return None;
        }
        if self.domains == Some(DomainValues::Dictionary) {
            let why = format!("{format} has no dictionaries; with label the labels stand in it");
            return Some(("--domains", why));
        }
        if self.guids == Some(GuidType::Uuid) {
            return Some(("--guids", format!("{format} has no type for them")));
        }
        if self.dates == Some(DateDisplay::Layer) {
            return Some(("--dates", format!("{format} has moments in UTC alone")));
        }
        None
    }

    /// The options of the library.
    pub(crate) fn options(&self) -> ColumnOptions {
        ColumnOptions::default()
            .with_domains(self.domains.unwrap_or_default())
            .with_guids(self.guids.unwrap_or_default())
            .with_names(self.names.unwrap_or_default())
            .with_dates(self.dates.unwrap_or_default())
            .with_repair(self.repair)
    }
}
