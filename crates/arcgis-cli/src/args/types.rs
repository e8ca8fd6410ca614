//! Options for what columns hold.

use arcgis_rest::export::{ColumnNames, ColumnOptions, DateDisplay, DomainValues, GuidType};
use clap::Args;

/// What columns hold, where there is a choice.
#[derive(Debug, Args)]
#[command(next_help_heading = "Values")]
pub(crate) struct TypeArgs {
    /// What stands in fields of codes, by domain or subtype: code, label, both (a column {name}_label beside), or
    /// dictionary (labels, as an Arrow dictionary). Domains of subtypes count where their field is exported too; a
    /// code that none lists stays [default: code]
    #[arg(long, value_name = "code|label|both|dictionary")]
    domains: Option<DomainValues>,

    /// What GUIDs become: text as the service writes them, or uuid for 16 bytes of that type [default: text]
    #[arg(long, value_name = "text|uuid")]
    guids: Option<GuidType>,

    /// What columns are called by: field, or alias where a field has one; what would come twice gets a number
    /// [default: field]
    #[arg(long, value_name = "field|alias")]
    names: Option<ColumnNames>,

    /// In which zone moments are shown, which are stored in UTC: layer, the one that it keeps its dates in, or utc
    /// [default: layer]
    #[arg(long, value_name = "layer|utc")]
    dates: Option<DateDisplay>,

    /// Mend polygons that are not valid, such as those that cross themselves; the report says which
    #[arg(long)]
    repair: bool,
}

impl TypeArgs {
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
