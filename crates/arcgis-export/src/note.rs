//! What is worth a word though it stops nothing.

use std::fmt;

use arcgis_layer::{Completion, GeometryType};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::crs::UnknownCrs;
use crate::format::FileFormat;

/// Something about an export that its user should know. [`fmt::Display`] says it in a sentence; JSON has
/// that as `message`, a short name as `kind`, and what the variant holds beside.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The reference system is not known: the output says so.
    UnknownCrs {
        /// Why not.
        reason: UnknownCrs,
        /// What the service calls it.
        spatial_reference: String,
    },
    /// The height system could not be taken over.
    UnknownHeights {
        /// Its number.
        wkid: i64,
    },
    /// The server was asked for coordinates in longitude and latitude, since the format knows nothing else.
    Reprojected {
        /// The format.
        format: FileFormat,
        /// The reference system that the layer has.
        from: String,
    },
    /// Values that did not fit became null.
    Misfits {
        /// The column.
        column: String,
        /// How many.
        count: u64,
    },
    /// Values of a column are codes that no domain lists: they stand as text among the labels, or without a label
    /// beside them.
    Unlisted {
        /// The column.
        column: String,
        /// How many.
        count: u64,
    },
    /// A field is of a type that is not known. Its values are written as text.
    UnknownType {
        /// The column.
        column: String,
        /// The service's name of the type.
        field_type: String,
    },
    /// Polygons were not valid and were mended.
    Mended {
        /// In how many rows.
        rows: u64,
        /// The object ids of the first ten, where rows have any.
        first: Vec<i64>,
    },
    /// Polygons that were to be mended cross themselves so often that it would take more time and memory than it is worth.
    /// They are written as they are.
    Tangled {
        /// In how many rows.
        rows: u64,
    },
    /// Geometries had an m, which the output has no place for.
    DroppedM {
        /// In how many rows.
        rows: u64,
    },
    /// Parts of geometries that are none were left out: positions without x or y, rings without area,
    /// paths of one position.
    LeftOut {
        /// In how many rows.
        rows: u64,
    },
    /// Geometries are of another kind than the layer says. They are written as they are.
    OtherGeometry {
        /// The layer's kind.
        expected: GeometryType,
        /// In how many rows.
        rows: u64,
    },
    /// Geometry was asked for and no row has any.
    NoGeometry {
        /// How many rows there are.
        rows: u64,
    },
    /// Rows came without this column, which is null in them.
    AbsentValues {
        /// The column.
        column: String,
        /// How many rows.
        rows: u64,
    },
    /// Some answers did not hold the rows that were asked for; those rows were fetched again by object id.
    Corrected {
        /// How many pages.
        pages: u64,
    },
    /// Pages came as JSON in place of PBF: what came as PBF did not hold up, or had not in earlier pages.
    FellBack {
        /// How many pages.
        pages: u64,
    },
    /// The server cannot serve some rows, which were left out as was allowed.
    Skipped {
        /// How many.
        rows: u64,
        /// The object ids of the first ten.
        first: Vec<i64>,
    },
    /// Rows were edited on the server meanwhile, and are here as they were at the end.
    Refetched {
        /// How many.
        rows: u64,
    },
    /// It is not known whether rows were edited on the server meanwhile: the layer tracks edits and could not be asked.
    EditsUnknown,
    /// Rows were edited on the server meanwhile, and may be here as they were before.
    Edited {
        /// How many; `None` where the layer does not say which.
        rows: Option<u64>,
    },
    /// Rows of the saved answer have attributes that none of its fields declares, and whose types are
    /// therefore not known: they were left out.
    UndeclaredAttributes {
        /// Their names.
        names: Vec<String>,
    },
    /// The saved answer holds only the first rows of its query.
    Partial {
        /// How many.
        rows: u64,
    },
}

/// `1 row`, `2 rows`.
fn of(count: u64, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCrs {
                reason,
                spatial_reference,
            } => write!(
                f,
                "the CRS is written as unknown: {reason} (the service says: {spatial_reference})"
            ),
            Self::UnknownHeights { wkid } => write!(
                f,
                "the height system {wkid} is not in the CRS: no table has it, or the CRS has heights of its own"
            ),
            Self::Reprojected { format, from } => write!(
                f,
                "the server was asked for longitude and latitude (EPSG:4326) in place of {from}: {format} knows nothing else"
            ),
            Self::Misfits { column, count } => write!(
                f,
                "column {column}: {} did not fit and became null",
                of(*count, "value")
            ),
            Self::Unlisted { column, count } => write!(
                f,
                "column {column}: {} without a label, since no domain lists them",
                of(*count, "code")
            ),
            Self::UnknownType { column, field_type } => write!(
                f,
                "column {column} is of a type that is not known, {field_type:?}, and written as text"
            ),
            Self::Mended { rows, first } => {
                write!(f, "polygons that were not valid were mended in {}", of(*rows, "row"))?;
                if !first.is_empty() {
                    let ids: Vec<String> = first.iter().map(i64::to_string).collect();
                    write!(f, ": object id {}", ids.join(", "))?;
                }
                match rows.saturating_sub(first.len() as u64) {
                    more if more > 0 && !first.is_empty() => write!(f, " and {more} more"),
                    _ => Ok(()),
                }
            }
            Self::Tangled { rows } => write!(
                f,
                "polygons that cross themselves some hundred thousand times were not mended in {}",
                of(*rows, "row")
            ),
            Self::DroppedM { rows } => write!(
                f,
                "m was left out in {}: the output has no place for it, as GeoParquet 2.0 would",
                of(*rows, "row")
            ),
            Self::LeftOut { rows } => write!(
                f,
                "positions that are no numbers, rings without area or paths of one position were left out in {}",
                of(*rows, "row")
            ),
            Self::OtherGeometry { expected, rows } => write!(
                f,
                "a geometry that is no {expected}, which is what the layer says it has, is in {}",
                of(*rows, "row")
            ),
            Self::NoGeometry { rows } => write!(
                f,
                "geometry was asked for, and none came in {}",
                of(*rows, "row")
            ),
            Self::AbsentValues { column, rows } => write!(
                f,
                "column {column} is null in {} that came without it",
                of(*rows, "row")
            ),
            Self::Corrected { pages } => write!(
                f,
                "{} did not hold the rows that were asked for, which were fetched again by object id",
                of(*pages, "answer")
            ),
            Self::FellBack { pages } => write!(
                f,
                "{} came as JSON in place of PBF, which did not hold up",
                of(*pages, "page")
            ),
            Self::Skipped { rows, first } => {
                let ids: Vec<String> = first.iter().map(i64::to_string).collect();
                write!(
                    f,
                    "{} that the server cannot serve: left out, object id {}",
                    of(*rows, "row"),
                    ids.join(", ")
                )?;
                match rows.saturating_sub(first.len() as u64) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::Refetched { rows } => write!(
                f,
                "edited on the server meanwhile, and fetched again: {}, here as at the end",
                of(*rows, "row")
            ),
            Self::EditsUnknown => f.write_str(
                "the layer tracks edits and could not be asked for them: rows may have been edited meanwhile",
            ),
            Self::Edited { rows: Some(rows) } => write!(
                f,
                "edited on the server meanwhile: {}, each here once, as before or as after",
                of(*rows, "row")
            ),
            Self::Edited { rows: None } => f.write_str(
                "the layer was edited meanwhile and does not say where: each row is as before or as after",
            ),
            Self::UndeclaredAttributes { names } => {
                const SHOWN: usize = 10;
                let shown = names.iter().take(SHOWN).map(String::as_str);
                let shown = shown.collect::<Vec<_>>().join(", ");
                write!(
                    f,
                    "attributes that no field declares were left out: {shown}"
                )?;
                match names.len().saturating_sub(SHOWN) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::Partial { rows } => write!(
                f,
                "the saved answer holds only the first {} of its query: the server had more",
                of(*rows, "row")
            ),
        }
    }
}

impl Note {
    /// What the end of a fetch showed.
    pub(crate) fn of_completion(completion: &Completion) -> impl Iterator<Item = Self> {
        let skipped = (!completion.skipped.is_empty()).then(|| Self::Skipped {
            rows: completion.skipped.len() as u64,
            first: completion
                .skipped
                .iter()
                .take(10)
                .map(|row| row.object_id)
                .collect(),
        });
        let drift = &completion.drift;
        let edited = if drift.edited {
            Some(Self::Edited { rows: None })
        } else {
            let rows = Some(drift.updated.len()).filter(|rows| *rows > 0);
            rows.is_some().then_some(Self::Edited { rows })
        };
        let refetched = Some(completion.refetched).filter(|rows| *rows > 0);
        let unknown = drift.edits_unknown.then_some(Self::EditsUnknown);
        skipped
            .into_iter()
            .chain(refetched.map(|rows| Self::Refetched { rows }))
            .chain(edited)
            .chain(unknown)
    }

    /// A short name that does not change: `unknown-crs`, `dropped-m` and the like.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UnknownCrs { .. } => "unknown-crs",
            Self::UnknownHeights { .. } => "unknown-heights",
            Self::Reprojected { .. } => "reprojected",
            Self::Misfits { .. } => "misfits",
            Self::Unlisted { .. } => "unlisted-codes",
            Self::UnknownType { .. } => "unknown-type",
            Self::Mended { .. } => "mended",
            Self::Tangled { .. } => "tangled",
            Self::DroppedM { .. } => "dropped-m",
            Self::LeftOut { .. } => "left-out",
            Self::OtherGeometry { .. } => "other-geometry",
            Self::NoGeometry { .. } => "no-geometry",
            Self::AbsentValues { .. } => "absent-values",
            Self::Corrected { .. } => "corrected",
            Self::FellBack { .. } => "fell-back",
            Self::Skipped { .. } => "skipped",
            Self::Refetched { .. } => "refetched",
            Self::EditsUnknown => "edits-unknown",
            Self::Edited { .. } => "edited",
            Self::UndeclaredAttributes { .. } => "undeclared-attributes",
            Self::Partial { .. } => "partial",
        }
    }
}

impl Serialize for Note {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", self.kind())?;
        map.serialize_entry("message", &self.to_string())?;
        match self {
            Self::UnknownCrs {
                spatial_reference, ..
            } => map.serialize_entry("spatial_reference", spatial_reference)?,
            Self::UnknownHeights { wkid } => map.serialize_entry("wkid", wkid)?,
            Self::Reprojected { format, from } => {
                map.serialize_entry("format", format.name())?;
                map.serialize_entry("from", from)?;
            }
            Self::UnknownType { column, field_type } => {
                map.serialize_entry("column", column)?;
                map.serialize_entry("type", field_type)?;
            }
            Self::Misfits { column, count } | Self::Unlisted { column, count } => {
                map.serialize_entry("column", column)?;
                map.serialize_entry("count", count)?;
            }
            Self::Tangled { rows }
            | Self::DroppedM { rows }
            | Self::LeftOut { rows }
            | Self::NoGeometry { rows }
            | Self::Refetched { rows }
            | Self::Partial { rows } => map.serialize_entry("rows", rows)?,
            Self::OtherGeometry { expected, rows } => {
                map.serialize_entry("expected", expected.esri_name())?;
                map.serialize_entry("rows", rows)?;
            }
            Self::AbsentValues { column, rows } => {
                map.serialize_entry("column", column)?;
                map.serialize_entry("rows", rows)?;
            }
            Self::Corrected { pages } | Self::FellBack { pages } => {
                map.serialize_entry("pages", pages)?;
            }
            Self::Skipped { rows, first } | Self::Mended { rows, first } => {
                map.serialize_entry("rows", rows)?;
                map.serialize_entry("first", first)?;
            }
            Self::EditsUnknown => {}
            Self::Edited { rows } => map.serialize_entry("rows", rows)?,
            Self::UndeclaredAttributes { names } => map.serialize_entry("names", names)?,
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        let dropped = |rows| Note::DroppedM { rows }.to_string();
        assert!(dropped(1).starts_with("m was left out in 1 row: "));
        assert!(dropped(2).starts_with("m was left out in 2 rows: "));
    }

    #[test]
    fn skipped_rows_are_named() {
        let skipped = |rows, first: &[i64]| {
            let first = first.to_vec();
            Note::Skipped { rows, first }.to_string()
        };
        assert_eq!(
            skipped(1, &[7]),
            "1 row that the server cannot serve: left out, object id 7"
        );
        assert!(skipped(5, &[1, 2]).ends_with("object id 1, 2 and 3 more"));
    }

    #[test]
    fn long_lists_of_names_are_cut() {
        let names: Vec<String> = (0..12).map(|n| format!("a{n}")).collect();
        let told = Note::UndeclaredAttributes { names }.to_string();
        assert!(
            told.ends_with(": a0, a1, a2, a3, a4, a5, a6, a7, a8, a9 and 2 more"),
            "{told}"
        );
    }
}
