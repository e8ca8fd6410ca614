//! How attributes and positions become columns.

use std::fmt;
use std::str::FromStr;

use crate::format::FileFormat;
use crate::geoparquet::GeoParquetVersion;
use crate::options::WriterOptions;

/// What the columns of a layer hold, where there is a choice.
///
/// ```
/// use arcgis_export::{ColumnOptions, DomainValues};
///
/// let options = ColumnOptions::default().with_domains(DomainValues::Label);
/// assert_eq!(options.domains.to_string(), "label");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ColumnOptions {
    /// What stands in fields whose values are codes; [`DomainValues::Code`] by default.
    pub domains: DomainValues,
    /// What GUIDs become; [`GuidType::Text`] by default.
    pub guids: GuidType,
    /// What columns are called; [`ColumnNames::Field`] by default.
    pub names: ColumnNames,
    /// In which zone moments are shown; [`DateDisplay::Layer`] by default.
    pub dates: DateDisplay,
    /// Whether geometries keep their m. Not by default: GeoParquet 1.1 and most readers have no place for it.
    pub m: bool,
    /// Whether polygons that are not valid are mended. Not by default.
    pub repair: bool,
}

impl ColumnOptions {
    /// Sets what stands in fields whose values are codes.
    #[must_use]
    pub fn with_domains(mut self, domains: DomainValues) -> Self {
        self.domains = domains;
        self
    }

    /// Sets what GUIDs become.
    #[must_use]
    pub fn with_guids(mut self, guids: GuidType) -> Self {
        self.guids = guids;
        self
    }

    /// Sets what columns are called.
    #[must_use]
    pub fn with_names(mut self, names: ColumnNames) -> Self {
        self.names = names;
        self
    }

    /// Sets in which zone moments are shown.
    #[must_use]
    pub fn with_dates(mut self, dates: DateDisplay) -> Self {
        self.dates = dates;
        self
    }

    /// Sets whether geometries keep their m, as ISO WKB can. An export to a format that has a place for it
    /// keeps it in any case.
    #[must_use]
    pub fn with_m(mut self, m: bool) -> Self {
        self.m = m;
        self
    }

    /// Sets whether polygons that are not valid by the OGC's rules are mended: rings that cross themselves or
    /// each other, holes outside of their shell, parts that overlap. The area inside an odd number of a ring's
    /// own turns stays, parts are joined and holes cut out; vertices stay where they are, and new ones stand
    /// where edges cross, with the z and m of the nearest. Rows that were changed are in the report. A geometry
    /// of which nothing with an area would be left stays as it is.
    #[cfg(feature = "repair")]
    #[must_use]
    pub fn with_repair(mut self, repair: bool) -> Self {
        self.repair = repair;
        self
    }
}

impl ColumnOptions {
    /// The same for a file, which may have a place for m.
    pub(crate) fn for_file(mut self, format: FileFormat, writer: &WriterOptions) -> Self {
        self.m = match format {
            FileFormat::GeoParquet => writer.geoparquet_version == GeoParquetVersion::V2_0,
            FileFormat::GeoJson | FileFormat::GeoJsonLines => false,
            _ => true,
        };
        self
    }
}

/// A text that names none of an option's values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is none of {names}")]
pub struct ParseOptionError {
    text: String,
    names: &'static str,
}

/// The names of an option's values, to and fro.
macro_rules! named {
    ($option:ident, $names:literal, $($value:ident => $name:literal),+ $(,)?) => {
        impl fmt::Display for $option {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$value => $name,)+
                })
            }
        }

        impl FromStr for $option {
            type Err = $crate::column_options::ParseOptionError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $(if text.eq_ignore_ascii_case($name) {
                    return Ok(Self::$value);
                })+
                Err($crate::column_options::ParseOptionError::new(text, $names))
            }
        }
    };
}

pub(crate) use named;

impl ParseOptionError {
    pub(crate) fn new(text: &str, names: &'static str) -> Self {
        Self {
            text: text.to_owned(),
            names,
        }
    }
}

/// What stands in fields whose values are codes: those with a domain of coded values, of their own or of the row's
/// subtype, and the field of the subtypes.
///
/// A code that no domain lists is never lost: it stands as text among the labels, and the report counts it
/// by column. Domains of dates and of other types than numbers and text give no labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum DomainValues {
    /// The codes, as the service keeps them; the domain is in the metadata of the Arrow field.
    #[default]
    Code,
    /// The labels, as text.
    Label,
    /// The codes, and behind each such column another one, `<name>_label`, with the labels: null where the
    /// domain does not list the code.
    Both,
    /// The labels, as an Arrow dictionary in the order of the domain.
    Dictionary,
}

named!(DomainValues, "code, label, both or dictionary",
    Code => "code", Label => "label", Both => "both", Dictionary => "dictionary");

/// What GUIDs and global ids become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum GuidType {
    /// Text, letter for letter as the service writes them.
    #[default]
    Text,
    /// 16 bytes: Arrow's extension `arrow.uuid`, Parquet's logical type UUID.
    Uuid,
}

named!(GuidType, "text or uuid", Text => "text", Uuid => "uuid");

/// What columns are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ColumnNames {
    /// By the names of the fields.
    #[default]
    Field,
    /// By their aliases, where they have one. Of columns that would have the same name in any case, the later
    /// ones get a number: `Name`, `Name_1`. The field's name is in the metadata of the Arrow field, `esri:name`.
    Alias,
}

named!(ColumnNames, "field or alias", Field => "field", Alias => "alias");

/// In which zone moments are shown. They are the same moments in any: what is stored is UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum DateDisplay {
    /// In the zone in which the layer keeps its dates (`dateFieldsTimeReference`), if it names one; fields of
    /// who edited when are always in UTC.
    #[default]
    Layer,
    /// In UTC.
    Utc,
}

named!(DateDisplay, "layer or utc", Layer => "layer", Utc => "utc");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for domains in [
            DomainValues::Code,
            DomainValues::Label,
            DomainValues::Both,
            DomainValues::Dictionary,
        ] {
            assert_eq!(domains.to_string().parse(), Ok(domains));
        }
        assert_eq!("UUID".parse(), Ok(GuidType::Uuid));
        assert_eq!("alias".parse(), Ok(ColumnNames::Alias));
        assert_eq!("utc".parse(), Ok(DateDisplay::Utc));
        assert_eq!(
            "names".parse::<DomainValues>().unwrap_err().to_string(),
            "'names' is none of code, label, both or dictionary"
        );
    }
}
