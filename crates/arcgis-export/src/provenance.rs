//! Where a file's rows come from, for its footer.

use jiff::Timestamp;

/// This library and its version.
pub(crate) const TOOL: &str = concat!("arcgis-export ", env!("CARGO_PKG_VERSION"));

/// What a file says of its own origin, as key and value texts in its footer; a table, in the metadata
/// of its schema.
///
/// | key | value |
/// |---|---|
/// | `arcgis:source` | the layer's address, without secrets |
/// | `arcgis:layer`, `arcgis:layer_id` | its name and number |
/// | `arcgis:query` | the address that asks for the rows, without order and offset |
/// | `arcgis:filter_parts` | in how many parts the geometry of a filter was asked for, if it is too large for `arcgis:query` |
/// | `arcgis:limit` | the most rows that were wanted |
/// | `arcgis:spatial_reference` | what the service calls the CRS |
/// | `arcgis:time_zone` | the zone in which the service shows its dates; values are in UTC all the same |
/// | `arcgis:rows` | the number of rows |
/// | `arcgis:proof` | how it is known that they are all |
/// | `arcgis:copyright` | the layer's copyright text |
/// | `arcgis:retrieved` | when the export began, RFC 3339 in UTC |
/// | `arcgis:tool` | this library and its version |
///
/// What is not known is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Provenance {
    /// The layer's address, without secrets.
    pub source: Option<String>,
    /// The layer's name.
    pub layer: Option<String>,
    /// The layer's number.
    pub layer_id: Option<i64>,
    /// The address that asks for the rows, without secrets.
    pub query: Option<String>,
    /// In how many parts the geometry of a filter was asked for, where it is too large for one request: then
    /// it is not in `query`.
    pub filter_parts: Option<u64>,
    /// The most rows that were wanted.
    pub limit: Option<u64>,
    /// What the service calls the CRS.
    pub spatial_reference: Option<String>,
    /// The zone in which the service shows its dates.
    pub time_zone: Option<String>,
    /// How it is known that the rows are all.
    pub proof: Option<String>,
    /// The layer's copyright text.
    pub copyright: Option<String>,
    /// When the export began.
    pub retrieved: Option<Timestamp>,
}

impl Provenance {
    /// What is known before the rows are.
    pub(crate) fn known_at_start(&self) -> impl Iterator<Item = (String, String)> {
        let at_end = ["arcgis:rows", "arcgis:proof"];
        self.pairs(0)
            .filter(move |(key, _)| !at_end.contains(&key.as_str()))
    }

    /// All of it as a JSON object, whose names have no `arcgis:` before them.
    pub(crate) fn json(&self, rows: u64) -> String {
        let members: Vec<String> = self
            .pairs(rows)
            .map(|(key, value)| {
                let name = key.strip_prefix("arcgis:").unwrap_or(&key);
                let [name, value] = [name, &value].map(serde_json::Value::from);
                format!("{name}:{value}")
            })
            .collect();
        format!("{{{}}}", members.join(","))
    }

    pub(crate) fn pairs(&self, rows: u64) -> impl Iterator<Item = (String, String)> {
        [
            ("source", self.source.clone()),
            ("layer", self.layer.clone()),
            ("layer_id", self.layer_id.map(|id| id.to_string())),
            ("query", self.query.clone()),
            (
                "filter_parts",
                self.filter_parts.map(|parts| parts.to_string()),
            ),
            ("limit", self.limit.map(|rows| rows.to_string())),
            ("spatial_reference", self.spatial_reference.clone()),
            ("time_zone", self.time_zone.clone()),
            ("rows", Some(rows.to_string())),
            ("proof", self.proof.clone()),
            ("copyright", self.copyright.clone()),
            ("retrieved", self.retrieved.map(|time| time.to_string())),
            ("tool", Some(TOOL.to_owned())),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((format!("arcgis:{key}"), value?)))
    }
}
