//! Where a file's rows come from, for its footer.

use arcgis_layer::Layer;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::schema::ExportSchema;

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
/// | `arcgis:out_sr` | the reference system that coordinates were asked for in, as it was sent |
/// | `arcgis:spatial_reference` | what the service calls the CRS |
/// | `arcgis:coordinates` | in what way coordinates came: `exact`, rounded by the service (`x 1e-9, y 1e-9`), or `mixed` |
/// | `arcgis:time_zone` | the zone in which the service shows its dates; values are in UTC all the same |
/// | `arcgis:schema_hash` | the XXH3 of the columns, in hexadecimal digits: names, types, and what the service says of each field |
/// | `arcgis:last_edit` | when the layer was edited last, read before the first row (`editingInfo.lastEditDate`), RFC 3339 in UTC |
/// | `arcgis:server_generation` | the layer's generation, read before the first row, where it tracks changes (`changeTrackingInfo`): what changed since, `extractChanges` tells |
/// | `arcgis:options` | how a GeoParquet file was exported, as JSON: what [`Sync`](crate::Sync) goes by |
/// | `arcgis:partition` | in one of several files of a dataset: the values that all its rows have in the columns that they are partitioned by, as JSON |
/// | `arcgis:rows` | the number of rows; those of this file, where a dataset is in several |
/// | `arcgis:proof` | how it is known that they are all |
/// | `arcgis:skipped` | the object ids of rows that the server cannot serve and that were left out, the first thousand, as JSON |
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
    /// The reference system that coordinates were asked for in, as it was sent.
    pub out_sr: Option<String>,
    /// The hash of the columns.
    pub schema_hash: Option<String>,
    /// When the layer was edited last, by what it said before the first row.
    pub last_edit: Option<Timestamp>,
    /// The layer's generation before the first row, where it tracks changes.
    pub server_generation: Option<i64>,
    /// How a GeoParquet file was exported, as JSON.
    pub options: Option<String>,
    /// The values that all rows have in the columns that they are partitioned by, as JSON.
    pub partition: Option<String>,
    /// In what way coordinates came, as [`Coordinates`](arcgis_layer::Coordinates) says it; none where no geometry did.
    pub coordinates: Option<String>,
    /// The zone in which the service shows its dates.
    pub time_zone: Option<String>,
    /// How it is known that the rows are all.
    pub proof: Option<String>,
    /// The object ids of rows that the server cannot serve, and that are left out, as JSON; none where there are none.
    pub skipped: Option<String>,
    /// The layer's copyright text.
    pub copyright: Option<String>,
    /// When the export began.
    pub retrieved: Option<Timestamp>,
}

impl Provenance {
    /// What is known before the rows are.
    pub(crate) fn known_at_start(&self) -> impl Iterator<Item = (String, String)> {
        let at_end = [
            "arcgis:coordinates",
            "arcgis:rows",
            "arcgis:proof",
            "arcgis:skipped",
        ];
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
            ("out_sr", self.out_sr.clone()),
            ("spatial_reference", self.spatial_reference.clone()),
            ("coordinates", self.coordinates.clone()),
            ("time_zone", self.time_zone.clone()),
            ("schema_hash", self.schema_hash.clone()),
            ("last_edit", self.last_edit.map(|time| time.to_string())),
            (
                "server_generation",
                self.server_generation.map(|number| number.to_string()),
            ),
            ("options", self.options.clone()),
            ("partition", self.partition.clone()),
            ("rows", Some(rows.to_string())),
            ("proof", self.proof.clone()),
            ("skipped", self.skipped.clone()),
            ("copyright", self.copyright.clone()),
            ("retrieved", self.retrieved.map(|time| time.to_string())),
            ("tool", Some(TOOL.to_owned())),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((format!("arcgis:{key}"), value?)))
    }
}

/// What a layer says of its state, read before the first row: an export that goes on in another process keeps
/// what the first one read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LayerState {
    /// Milliseconds since 1970.
    #[serde(default)]
    last_edit: Option<i64>,
    #[serde(default)]
    server_generation: Option<i64>,
}

impl LayerState {
    /// Asks the service for the generation if the layer tracks changes; that it does not say fails nothing.
    pub(crate) async fn of(layer: &Layer) -> Self {
        let generation = match layer.change_tracking().await {
            Ok(tracking) => tracking.map(|tracking| tracking.generation),
            Err(error) => {
                tracing::warn!(layer = %layer.address(), %error, "the layer's generation is not known");
                None
            }
        };
        Self::new(layer, generation)
    }

    /// The state of a layer whose generation is known, if it has one.
    pub(crate) fn new(layer: &Layer, generation: Option<i64>) -> Self {
        Self {
            last_edit: layer.info().last_edit_date,
            server_generation: generation,
        }
    }

    pub(crate) fn last_edit(self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.last_edit?).ok()
    }

    pub(crate) fn server_generation(self) -> Option<i64> {
        self.server_generation
    }
}

/// A hash of columns that any machine gives: of their names, types and metadata.
pub(crate) fn schema_hash(schema: &ExportSchema) -> String {
    let mut text = String::new();
    for field in schema.table().fields() {
        let mut known: Vec<_> = field.metadata().iter().collect();
        known.sort();
        text.push_str(&format!(
            "{}\u{1f}{}\u{1f}{}\u{1f}{known:?}\u{1e}",
            field.name(),
            field.data_type(),
            field.is_nullable()
        ));
    }
    format!("{:016x}", xxh3_64(text.as_bytes()))
}
