//! A query that the server refuses: which of its options is the likely cause.

use anyhow::Error;

use crate::args::{ColumnArgs, FilterArgs, OutSr};
use crate::exit::{Exit, Failure, service_error};

/// What a query was made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) filter: &'a FilterArgs,
    /// None for a count.
    pub(crate) columns: Option<&'a ColumnArgs>,
}

impl Asked<'_> {
    /// The same error with the options that it is about. `counted` says that the server has counted the
    /// rows of the same filter before, so that the filter is not the cause.
    pub(crate) fn explain(&self, error: Error, counted: bool) -> Error {
        let refused = service_error(&error).filter(|refused| {
            (refused.code() == 400 || refused.status() == 400) && refused.url().contains("/query")
        });
        let Some(refused) = refused else {
            return error;
        };
        let (exit, hint) = if counted {
            (Exit::Service, self.columns_hint())
        } else {
            let Some(hint) = self.filter_hint() else {
                return error;
            };
            (Exit::Usage, hint)
        };
        Failure::new(exit, refused.to_string())
            .with_hint(hint)
            .into()
    }

    /// The options of the filter, if there are any.
    fn filter_hint(&self) -> Option<String> {
        let mut given = Vec::new();
        if self.filter.where_clause.is_some() {
            given.push("--where");
        }
        if self.filter.clip.is_some() {
            given.push("--clip");
        }
        if self.filter.time.is_some() {
            given.push("--time");
        }
        if self.filter.historic_moment.is_some() {
            given.push("--historic-moment");
        }
        if self.filter.gdb_version.is_some() {
            given.push("--gdb-version");
        }
        if !self.filter.params.is_empty() {
            given.push("--param");
        }
        if given.is_empty() {
            return None;
        }
        let is = if given.len() == 1 { "is" } else { "are" };
        Some(format!(
            "the server cannot make sense of the filter: {} {is} to check; text stands in single quotes, and arcgis info <layer> lists the fields",
            given.join(" and ")
        ))
    }

    fn columns_hint(&self) -> String {
        let mut given = Vec::new();
        if let Some(columns) = self.columns {
            if matches!(columns.out_sr, Some(OutSr::Wkid(_))) {
                given.push("--out-sr");
            }
            if columns.max_allowable_offset.is_some() {
                given.push("--max-allowable-offset");
            }
            if columns.datum_transformation.is_some() {
                given.push("--datum-transformation");
            }
            if columns.geometry_precision.is_some() {
                given.push("--geometry-precision");
            }
            if !columns.fields.is_empty() || !columns.exclude_fields.is_empty() {
                given.push("--fields");
            }
        }
        match given.as_slice() {
            [] => "the rows were counted, but not given: a smaller --page-size or --format json may help".to_owned(),
            given => format!("the rows were counted, but not given: try without {}", given.join(", ")),
        }
    }
}
