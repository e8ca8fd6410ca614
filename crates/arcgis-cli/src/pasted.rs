//! The query of a pasted address: what of it counts as an option, and what has to be one.
//!
//! People copy addresses out of a browser, with the whole form of the query page in them. What asks for
//! everything anyway is dropped; the condition and the fields are taken over; anything else that would
//! change rows or columns is refused, so that nobody takes a layer for a part of it.

use anyhow::Result;
use arcgis_rest::auth::{Url, is_secret_parameter};

use crate::args::{ColumnArgs, FilterArgs};
use crate::exit::{Failure, note};

/// What is asked of the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Rows with their columns.
    Export,
    /// The number of rows.
    Count,
}

/// What a parameter does to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Which rows, or whether there are rows at all.
    Rows,
    /// What of them, and in which order.
    Columns,
}

/// Parameters that would change the result: the values that do not, and what to give instead.
const DECIDING: [(&str, Effect, &[&str], &str); 29] = [
    ("time", Effect::Rows, &[], "--time"),
    ("historicMoment", Effect::Rows, &[], "--historic-moment"),
    ("gdbVersion", Effect::Rows, &[], "--gdb-version"),
    (
        "datumTransformation",
        Effect::Columns,
        &[],
        "--datum-transformation",
    ),
    ("objectIds", Effect::Rows, &[], "--object-ids"),
    ("uniqueIds", Effect::Rows, &[], "--where"),
    (
        "geometry",
        Effect::Rows,
        &[],
        "--bbox, a rectangle in degrees, or --clip",
    ),
    ("resultOffset", Effect::Rows, &["0"], "--where or --limit"),
    (
        "resultRecordCount",
        Effect::Rows,
        &[],
        "--limit for fewer rows, --page-size for smaller requests",
    ),
    (
        "returnIdsOnly",
        Effect::Rows,
        &["false"],
        "arcgis export, which gives the rows",
    ),
    (
        "returnUniqueIdsOnly",
        Effect::Rows,
        &["false"],
        "arcgis export, which gives the rows",
    ),
    (
        "returnExtentOnly",
        Effect::Rows,
        &["false"],
        "arcgis info, which shows the layer's extent",
    ),
    (
        "returnDistinctValues",
        Effect::Rows,
        &["false"],
        "--fields, which gives each row's values",
    ),
    (
        "outStatistics",
        Effect::Rows,
        &[],
        "arcgis export, which gives the rows",
    ),
    (
        "groupByFieldsForStatistics",
        Effect::Rows,
        &[],
        "arcgis export, which gives the rows",
    ),
    ("having", Effect::Rows, &[], "--where"),
    ("havingClause", Effect::Rows, &[], "--where"),
    (
        "returnCountOnly",
        Effect::Columns,
        &["false"],
        "arcgis count",
    ),
    (
        "returnGeometry",
        Effect::Columns,
        &["true"],
        "--no-geometry",
    ),
    ("outSR", Effect::Columns, &[], "--out-sr"),
    ("defaultSR", Effect::Columns, &[], "--out-sr"),
    (
        "maxAllowableOffset",
        Effect::Columns,
        &["0"],
        "--max-allowable-offset",
    ),
    (
        "quantizationParameters",
        Effect::Columns,
        &[],
        "--max-allowable-offset",
    ),
    (
        "geometryPrecision",
        Effect::Columns,
        &[],
        "--geometry-precision",
    ),
    (
        "orderByFields",
        Effect::Columns,
        &[],
        "no order: rows come in that of their object ids",
    ),
    (
        "resultType",
        Effect::Columns,
        &["none", "standard"],
        "--page-size",
    ),
    (
        "returnCentroid",
        Effect::Columns,
        &["false"],
        "nothing: there is no column for it",
    ),
    (
        "returnEnvelope",
        Effect::Columns,
        &["false"],
        "nothing: there is no column for it",
    ),
    ("outFields", Effect::Columns, &["*"], "--fields"),
];

/// Parameters that change nothing here, whatever they say: formats, forms of the query page, parts of a
/// spatial filter that has no geometry, and what is always asked for as the layer has it.
const IDLE: [&str; 27] = [
    "f",
    "callback",
    "where",
    "geometryType",
    "inSR",
    "spatialRel",
    "distance",
    "units",
    "relationParam",
    "returnGeodetic",
    "returnZ",
    "returnM",
    "returnTrueCurves",
    "returnExceededLimitFeatures",
    "returnFeatureCollection",
    "returnQueryGeometry",
    "featureEncoding",
    "multipatchOption",
    "applyVCSProjection",
    "cacheHint",
    "collation",
    "sqlFormat",
    "timeRelation",
    "dojo.preventCache",
    "submit",
    "_",
    "_ts",
];

/// Values with which a parameter says nothing.
const EMPTY: [&str; 4] = ["", "none", "null", "undefined"];

/// The query of an address.
#[derive(Debug, Default)]
pub(crate) struct Pasted(Vec<(String, String)>);

impl Pasted {
    /// The query of pasted text, if that is a URL. Secrets are no part of it.
    pub(crate) fn of(text: &str) -> Self {
        let text = text.trim().trim_matches(['"', '\'', '<', '>']).trim();
        let url = if text.contains("://") {
            Url::parse(text)
        } else {
            Url::parse(&format!("https://{text}"))
        };
        // What stands behind a page's address is no query of a layer.
        let url = match url {
            Ok(url) if is_of_services(&url) => url,
            _ => return Self::default(),
        };
        Self(
            url.query_pairs()
                .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
                .filter(|(name, _)| !is_secret_parameter(name))
                .collect(),
        )
    }

    /// The options of an export, with what the address says where they say nothing.
    pub(crate) fn into_export(
        self,
        filter: &mut FilterArgs,
        columns: &mut ColumnArgs,
        quiet: bool,
    ) -> Result<()> {
        self.check(Use::Export)?;
        self.take_where(filter, quiet);
        if let Some(fields) = self.get("outFields").filter(|fields| *fields != "*") {
            if columns.fields.is_empty() {
                tell(
                    quiet,
                    &format!("--fields {fields:?} taken from the address"),
                );
                columns.fields = vec![fields.to_owned()];
            } else {
                tell(
                    quiet,
                    "--fields counts, and outFields in the address does not",
                );
            }
        }
        Ok(())
    }

    /// As [`Pasted::into_export`], of a count.
    pub(crate) fn into_count(self, filter: &mut FilterArgs, quiet: bool) -> Result<()> {
        self.check(Use::Count)?;
        self.take_where(filter, quiet);
        Ok(())
    }

    /// Says that the query of an address does not narrow what is shown of a layer.
    pub(crate) fn tell_unused(&self, quiet: bool) {
        let narrowed = self.condition().is_some() || self.check(Use::Count).is_err();
        if narrowed {
            tell(
                quiet,
                "the whole layer is shown: the query in the address does not count here",
            );
        }
    }

    fn take_where(&self, filter: &mut FilterArgs, quiet: bool) {
        let Some(condition) = self.condition() else {
            return;
        };
        if filter.where_clause.is_none() {
            tell(
                quiet,
                &format!("--where {condition:?} taken from the address"),
            );
            filter.where_clause = Some(condition.to_owned());
        } else {
            tell(quiet, "--where counts, and where in the address does not");
        }
    }

    /// The condition, unless it holds for every row.
    fn condition(&self) -> Option<&str> {
        self.get("where").filter(|condition| {
            let bare: String = condition.split_whitespace().collect();
            !matches!(bare.as_str(), "1=1" | "(1=1)" | "'1'='1'")
        })
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, value)| known.eq_ignore_ascii_case(name) && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Refuses what an option has to say.
    fn check(&self, purpose: Use) -> Result<()> {
        for (name, value) in &self.0 {
            if EMPTY.iter().any(|empty| value.eq_ignore_ascii_case(empty))
                || IDLE.iter().any(|idle| name.eq_ignore_ascii_case(idle))
            {
                continue;
            }
            let known = DECIDING
                .iter()
                .find(|(known, ..)| name.eq_ignore_ascii_case(known));
            let instead = match known {
                Some(("outFields", ..)) => continue,
                Some((_, Effect::Columns, ..)) if purpose == Use::Count => continue,
                Some((_, _, neutral, _))
                    if neutral.iter().any(|same| value.eq_ignore_ascii_case(same))
                        || is_zero(value) && neutral.contains(&"0") =>
                {
                    continue;
                }
                Some((.., instead)) => (*instead).to_owned(),
                // A flag that is off.
                None if value.eq_ignore_ascii_case("false") => continue,
                None => format!("--param {name}=…"),
            };
            // The value is not quoted: nothing tells that it is no secret.
            return Err(Failure::usage(format!(
                "{name} in the address would change the result, and does not count there"
            ))
            .with_hint(format!(
                "take it out of the address; instead there is {instead}"
            ))
            .into());
        }
        Ok(())
    }
}

/// Whether a path leads to services, and not to a page about one.
fn is_of_services(url: &Url) -> bool {
    let path = url.path().to_ascii_lowercase();
    ["featureserver", "mapserver", "/rest/services"]
        .iter()
        .any(|part| path.contains(part))
}

fn is_zero(value: &str) -> bool {
    value.parse() == Ok(0.0)
}

fn tell(quiet: bool, text: &str) {
    if !quiet {
        note(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYER: &str = "https://h.example/arcgis/rest/services/x/FeatureServer/0/query";

    fn refused(query: &str, purpose: Use) -> Option<String> {
        let error = Pasted::of(&format!("{LAYER}?{query}"))
            .check(purpose)
            .err()?;
        Some(error.to_string())
    }

    // What ArcGIS Server's own query page sends when nothing but the condition is filled in.
    #[test]
    fn the_form_of_the_query_page_asks_for_everything() {
        let form = "where=POP+%3E+5&text=&objectIds=&time=&timeRelation=esriTimeRelationOverlaps&geometry=\
            &geometryType=esriGeometryEnvelope&inSR=&spatialRel=esriSpatialRelIntersects&distance=0.0\
            &units=esriSRUnit_Foot&relationParam=&outFields=*&returnGeometry=true&returnTrueCurves=false\
            &maxAllowableOffset=0&geometryPrecision=&outSR=&havingClause=&returnIdsOnly=false\
            &returnCountOnly=false&orderByFields=&groupByFieldsForStatistics=&outStatistics=&returnZ=false\
            &returnM=false&gdbVersion=&historicMoment=&returnDistinctValues=false&resultOffset=0\
            &resultRecordCount=&returnExtentOnly=false&sqlFormat=none&datumTransformation=\
            &parameterValues=&rangeValues=&quantizationParameters=&featureEncoding=esriDefault&f=html";
        assert_eq!(refused(form, Use::Export), None);
        let pasted = Pasted::of(&format!("{LAYER}?{form}"));
        assert_eq!(pasted.condition(), Some("POP > 5"));
        assert_eq!(pasted.get("OUTFIELDS"), Some("*"));
    }

    #[test]
    fn what_changes_the_result_is_refused() {
        for query in [
            "geometry=1,2,3,4",
            "objectIds=1,2",
            "time=0",
            "returnGeometry=false",
            "outsr=4326",
            "resultRecordCount=10",
            "resultOffset=10",
            "orderByFields=A",
            "returnCountOnly=true",
            "gdbVersion=v",
            "outStatistics=[]",
        ] {
            let error = refused(query, Use::Export).unwrap();
            let name = query.split('=').next().unwrap();
            assert!(error.starts_with(name), "{error}");
        }
        for query in ["returnGeometry=false", "outSR=4326", "returnCountOnly=true"] {
            assert_eq!(refused(query, Use::Count), None);
        }
        assert!(refused("geometry=1,2,3,4", Use::Count).is_some());
        assert_eq!(
            refused("token=CANARY&f=json&where=1%20=%201", Use::Export),
            None
        );
    }
}
