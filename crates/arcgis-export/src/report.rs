//! What came of an export.

use std::collections::BTreeMap;
use std::time::Duration;

use arcgis_layer::arcgis_auth_core::Url;
use arcgis_layer::{
    Completion, Delivered, Doubts, FetchStats, IdSet, Plan, ResolvedQuery, SkippedRow,
};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::format::FileFormat;
use crate::geometry_summary::GeometrySummary;
use crate::note::Note;
use crate::options::WriterOptions;
use crate::partition::PartitionReport;
use crate::resume::ResumeReport;
use crate::schema::ExportSchema;
use crate::tally::Start;

/// What came of an export. Its JSON has the same names, save `elapsed_seconds`, `where` and
/// `decoded_bytes`; every name is always there, and what is not known or does not apply is `null`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// This library and its version.
    pub tool: String,
    /// The layer's address, without secrets, or the saved answer's name.
    pub source: Option<String>,
    /// The layer's name.
    pub layer: Option<String>,
    /// What was asked for; none for saved answers.
    pub query: Option<QueryReport>,
    /// The field that identifies rows; none where there is none.
    pub object_id_field: Option<String>,
    /// Where the output is; none for tables in memory.
    pub output: Option<String>,
    /// How the file was written; none for tables in memory.
    pub writer: Option<WriterReport>,
    /// In which order the rows stand: `hilbert`, `id` or `none`; none for tables in memory, and where a spool of
    /// the caller's decides.
    pub order: Option<String>,
    /// When the export began; in JSON RFC 3339 in UTC.
    #[serde(serialize_with = "text")]
    pub started: Timestamp,
    /// When its output was complete; likewise.
    #[serde(serialize_with = "text")]
    pub finished: Timestamp,
    /// From the first request for the rows to the finished output; in JSON `elapsed_seconds`.
    #[serde(rename = "elapsed_seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
    /// Rows.
    pub rows: u64,
    /// Columns, the geometry among them; not the bounding boxes that a file has beside.
    pub columns: Vec<ColumnReport>,
    /// The geometry; none for tables.
    pub geometry: Option<GeometryReport>,
    /// The hash of the columns, as in the file's own account of its origin; none for saved answers, as the two below.
    pub schema_hash: Option<String>,
    /// When the layer had been edited last, by what it said before its first row; in JSON RFC 3339 in UTC.
    pub last_edit: Option<Timestamp>,
    /// The layer's generation before its first row, where it tracks changes.
    pub server_generation: Option<i64>,
    /// How it is known that the rows are all; none for saved answers.
    pub proof: Option<ProofReport>,
    /// What it took to fetch the rows; none for saved answers.
    pub fetch: Option<FetchReport>,
    /// What was there already, where the export went on behind an earlier one. Then `started`, `elapsed`
    /// and `fetch` are about the rest alone.
    pub resumed: Option<ResumeReport>,
    /// The size of the file in bytes.
    pub file_bytes: Option<u64>,
    /// Row groups in the file; none where its format has none.
    pub row_groups: Option<u64>,
    /// How rows were cut into files; none where all are in one. Then `file_bytes` is the size of all of them with their
    /// index, and `row_groups` are those of all.
    pub partitions: Option<PartitionReport>,
    /// Values that did not fit and became null, by column.
    pub misfits: Vec<MisfitReport>,
    /// Codes that no domain lists, by column, where labels were wanted; they stand as text among the labels.
    pub unlisted: Vec<MisfitReport>,
    /// What else is worth a word.
    pub notes: Vec<Note>,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct QueryReport {
    /// The address that asks for the rows, without order, offset and secrets.
    pub url: String,
    /// The SQL condition, `1=1` for every row; in JSON `where`.
    #[serde(rename = "where")]
    pub condition: String,
    /// Least longitude and latitude, greatest longitude and latitude.
    pub bbox: Option<[f64; 4]>,
    /// What else selected rows, and further parameters, as they were sent.
    pub params: BTreeMap<String, String>,
    /// In how many parts the geometry of a filter was asked for. Where it is more than one, as for polygons too
    /// large for one request, the geometry is in neither `url` nor `params`.
    pub parts: u64,
    /// The fields that were asked for, in order.
    pub fields: Vec<String>,
    /// Whether geometry was asked for.
    pub geometry: bool,
    /// The most rows that were wanted.
    pub limit: Option<u64>,
    /// The reference system that coordinates were asked for in, as sent: a number, or a text; in JSON
    /// too.
    #[serde(serialize_with = "number_or_text")]
    pub out_sr: Option<String>,
    /// By how much the server might simplify lines and polygons, in units of the coordinates.
    pub max_allowable_offset: Option<f64>,
}

/// How a file was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WriterReport {
    /// The format, by its [name](FileFormat::name): `geoparquet` and the like.
    pub format: String,
    /// The compression: `zstd:3`, `snappy` or `none`; none where the format has no choice.
    pub compression: Option<String>,
    /// Most rows in a row group; none where the format has no row groups, likewise below.
    pub row_group_rows: Option<u64>,
    /// About the most bytes in a row group, encoded.
    pub row_group_bytes: Option<u64>,
    /// The version of GeoParquet: `1.1` or `2.0`; none for other formats.
    pub geoparquet_version: Option<String>,
    /// How geometry is held, `wkb` or `native`; none for other formats.
    pub geometry_encoding: Option<String>,
    /// What ordering, encoding and writing took, while rows came and behind the last; in JSON `writing_seconds`.
    #[serde(rename = "writing_seconds", serialize_with = "seconds")]
    pub writing: Duration,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ColumnReport {
    /// The name.
    pub name: String,
    /// Its Arrow type.
    #[serde(rename = "type")]
    pub arrow_type: String,
    /// Its Esri type, `esriFieldType…`; none for the geometry, the offsets of moments and labels beside codes.
    pub esri_type: Option<String>,
    /// The field, where the column is called by its alias or holds its labels or offsets.
    pub field: Option<String>,
}

/// What the geometry is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GeometryReport {
    /// The CRS as authority and code, `EPSG:3857`; none if it is not known.
    pub crs: Option<String>,
    /// The name of the CRS.
    pub crs_name: Option<String>,
    /// What the service calls it.
    pub spatial_reference: String,
    /// In what way coordinates came: `exact`, rounded by the service to a grid, by its steps (`x 1e-9, y 1e-9`), or
    /// `mixed`; none where no geometry did.
    pub coordinates: Option<String>,
    /// The types that there are, by GeoParquet's names, in alphabetical order.
    pub types: Vec<String>,
    /// Least x and y, greatest x and y.
    pub extent: Option<[f64; 4]>,
    /// Least and greatest z.
    pub z_range: Option<[f64; 2]>,
    /// Rows without geometry.
    pub null_rows: u64,
    /// Rows with a geometry that has no position.
    pub empty_rows: u64,
    /// Rows whose m was left out.
    pub dropped_m_rows: u64,
    /// Rows whose geometry is of another kind than the layer's.
    pub other_kind_rows: u64,
    /// Rows whose polygons were not valid and were mended.
    pub mended_rows: u64,
}

/// How it is known that every row came once.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ProofReport {
    /// A short name, that of the [`Proof`](arcgis_layer::Proof): `object-ids`, `unique-ids-and-count` and the
    /// like; `count` where the layer had no rows for the query.
    pub level: String,
    /// The same for people.
    pub meaning: String,
    /// Rows that were deleted on the server meanwhile.
    pub deleted_rows: u64,
    /// The object ids of the first [`ProofReport::MOST_IDS`] of them.
    pub deleted_ids: Vec<i64>,
    /// Rows that were added on the server meanwhile, and are not in the output.
    pub inserted_rows: u64,
    /// The object ids of the first [`ProofReport::MOST_IDS`] of them.
    pub inserted_ids: Vec<i64>,
    /// Rows that were edited on the server meanwhile, where the layer tracks edits, and are here as they were at the end:
    /// they were fetched again.
    pub refetched_rows: u64,
    /// Other rows that were edited on the server meanwhile, where the layer tracks edits: each came once, as it was
    /// before or after.
    pub updated_rows: u64,
    /// The object ids of the first [`ProofReport::MOST_IDS`] of them.
    pub updated_ids: Vec<i64>,
    /// By how much the count changed meanwhile, where there are no ids to tell.
    pub count_change: i64,
    /// Whether the layer was edited meanwhile and does not say where.
    pub edited: bool,
    /// Whether the layer tracks edits and could not be asked for them: rows may have been edited meanwhile.
    pub edits_unknown: bool,
    /// Rows that the server cannot serve and that were left out, as
    /// [`FetchOptions::allow_skips`](arcgis_layer::FetchOptions::allow_skips) allows.
    pub skipped_rows: u64,
    /// The first [`ProofReport::MOST_IDS`] of them, with what the server said and what was tried.
    pub skipped: Vec<SkippedRow>,
}

/// What it took to fetch the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FetchReport {
    /// How rows were asked for first: the name of the [`Strategy`](arcgis_layer::Strategy), such as `offset`.
    pub strategy: String,
    /// Why so.
    pub reason: String,
    /// The format that was asked for: `json` or `pbf`.
    pub format: String,
    /// Rows per page.
    pub page_size: u32,
    /// Requests for pages, retries included.
    pub requests: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Bytes of answers, after decompression; in JSON `decoded_bytes`.
    #[serde(rename = "decoded_bytes")]
    pub bytes: u64,
    /// What decoding took, on all threads together; in JSON `decoding_seconds`.
    #[serde(rename = "decoding_seconds", serialize_with = "seconds")]
    pub decoding: Duration,
    /// Pages that were asked for in smaller parts.
    pub halved: u64,
    /// Answers that could not be decoded and were asked for again.
    pub refetched: u64,
    /// Answers with rows in JSON in place of PBF: what came as PBF did not hold up, or had not in earlier pages.
    pub fell_back: u64,
    /// Pages whose rows were not those asked for, and were fetched by object id instead.
    pub corrected: u64,
    /// How many rows each way of asking has brought; in JSON by the names of the strategies.
    pub delivered: Delivered,
    /// What the server was caught at and what was made up for, and how often; in JSON by names such as
    /// `ignored-offset`.
    pub doubts: Doubts,
    /// The moment as of which the rows are, where the layer keeps its history; in JSON RFC 3339 in UTC.
    pub historic_moment: Option<Timestamp>,
    /// The most time that the fetch was given; in JSON `time_budget_seconds`.
    #[serde(rename = "time_budget_seconds", serialize_with = "seconds_if_any")]
    pub time_budget: Option<Duration>,
}

/// Values of one column that were out of the common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MisfitReport {
    /// The column.
    pub column: String,
    /// How many.
    pub count: u64,
}

fn seconds<S: Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(elapsed.as_secs_f64())
}

fn seconds_if_any<S: Serializer>(
    budget: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match budget {
        Some(budget) => seconds(budget, serializer),
        None => serializer.serialize_none(),
    }
}

fn text<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(moment)
}

/// The number of a reference system as a number, whatever else as text.
fn number_or_text<S: Serializer>(sent: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    match sent {
        None => serializer.serialize_none(),
        Some(sent) => match sent.parse::<i64>() {
            Ok(number) => serializer.serialize_i64(number),
            Err(_) => serializer.serialize_str(sent),
        },
    }
}

/// What a query asks for, from the address without secrets that asks for it.
impl From<(&ResolvedQuery, Url)> for QueryReport {
    fn from((query, url): (&ResolvedQuery, Url)) -> Self {
        let mut sent: BTreeMap<String, String> = url
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        // As a query with a rectangle sends it, and not some other geometry of the caller's.
        let ours = sent.get("inSR").is_some_and(|wkid| wkid == "4326")
            && sent
                .get("geometryType")
                .is_some_and(|kind| kind == "esriGeometryEnvelope");
        let bbox = sent
            .get("geometry")
            .filter(|_| ours)
            .and_then(|text| rectangle(text));
        if bbox.is_some() {
            for name in ["geometry", "geometryType", "inSR", "spatialRel"] {
                sent.remove(name);
            }
        }
        let condition = sent
            .remove("where")
            .unwrap_or_else(|| query.where_clause().to_owned());
        for name in ["outFields", "returnGeometry"] {
            sent.remove(name);
        }
        let layout = query.layout();
        Self {
            condition,
            bbox,
            out_sr: sent.remove("outSR"),
            max_allowable_offset: sent
                .remove("maxAllowableOffset")
                .and_then(|distance| distance.parse().ok()),
            params: sent,
            parts: query.parts() as u64,
            fields: layout
                .fields
                .iter()
                .map(|field| field.name.clone())
                .collect(),
            geometry: layout.geometry.is_some(),
            limit: query.limit(),
            url: url.into(),
        }
    }
}

/// The sides of a rectangle as a query sends it.
fn rectangle(sent: &str) -> Option<[f64; 4]> {
    let envelope: serde_json::Value = serde_json::from_str(sent).ok()?;
    let side = |name: &str| envelope.get(name)?.as_f64();
    Some([side("xmin")?, side("ymin")?, side("xmax")?, side("ymax")?])
}

impl GeometryReport {
    /// Takes over what is known of all geometries.
    pub(crate) fn set(&mut self, all: &GeometrySummary) {
        let types = all.geometry_types().into_iter();
        self.types = types.map(str::to_owned).collect();
        self.extent = all
            .bbox()
            .map(|bbox| [bbox.xmin, bbox.ymin, bbox.xmax, bbox.ymax]);
        self.z_range = all.z_range().map(|(least, most)| [least, most]);
        self.null_rows = all.nulls();
        self.empty_rows = all.empty();
        self.dropped_m_rows = all.dropped_m();
        self.other_kind_rows = all.other_kind();
        self.mended_rows = all.mended();
    }
}

impl WriterReport {
    pub(crate) fn new(format: FileFormat, options: &WriterOptions, writing: Duration) -> Self {
        let groups = format.has_row_groups().then_some(options);
        Self {
            format: format.name().to_owned(),
            compression: format
                .compression(options)
                .map(|compression| compression.to_string()),
            row_group_rows: groups.map(|options| options.row_group_rows.get() as u64),
            row_group_bytes: groups.map(|options| options.row_group_bytes.get() as u64),
            geoparquet_version: groups.map(|options| options.geoparquet_version.to_string()),
            geometry_encoding: groups.map(|options| options.geometry_encoding.to_string()),
            writing,
        }
    }
}

impl FetchReport {
    pub(crate) fn new(plan: &Plan, stats: FetchStats, time_budget: Option<Duration>) -> Self {
        let moment = plan.historic_moment();
        Self {
            strategy: plan.strategy().name().to_owned(),
            reason: plan.reason().to_owned(),
            format: plan.format().param().to_owned(),
            page_size: plan.page_size(),
            requests: stats.requests,
            retries: stats.retries,
            bytes: stats.bytes,
            decoding: stats.decoding,
            halved: stats.halved,
            refetched: stats.refetched,
            fell_back: stats.fell_back,
            corrected: stats.corrected,
            delivered: stats.delivered,
            doubts: stats.doubts,
            historic_moment: moment.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
            time_budget,
        }
    }
}

impl ProofReport {
    /// How many object ids are listed at most.
    pub const MOST_IDS: usize = 1_000;

    pub(crate) fn new(plan: &Plan, completion: &Completion) -> Self {
        let drift = &completion.drift;
        let first = |ids: &IdSet| ids.iter().take(Self::MOST_IDS).collect();
        // Ids are not listed, and rows not told apart, where there are none.
        let none = plan.matching() == 0;
        let (level, meaning) = match (none, drift.count_change) {
            (true, 0) => ("count", "no rows, counted at start and end".to_owned()),
            (true, now) => (
                "count",
                format!("no rows, counted at the start; {now} at the end"),
            ),
            (false, _) => (completion.proof.name(), completion.proof.to_string()),
        };
        Self {
            level: level.to_owned(),
            meaning,
            deleted_rows: drift.deleted.len(),
            deleted_ids: first(&drift.deleted),
            inserted_rows: drift.inserted.len(),
            inserted_ids: first(&drift.inserted),
            refetched_rows: completion.refetched,
            updated_rows: drift.updated.len(),
            updated_ids: first(&drift.updated),
            count_change: drift.count_change,
            edited: drift.edited,
            edits_unknown: drift.edits_unknown,
            skipped_rows: completion.skipped.len() as u64,
            skipped: completion
                .skipped
                .iter()
                .take(Self::MOST_IDS)
                .cloned()
                .collect(),
        }
    }
}

impl Report {
    /// With what is known of the geometries in the file.
    pub(crate) fn with_geometry(mut self, written: &GeometrySummary) -> Self {
        if let Some(geometry) = &mut self.geometry {
            let (dropped_m, mended) = (geometry.dropped_m_rows, geometry.mended_rows);
            geometry.set(written);
            // These do not show in a file.
            (geometry.dropped_m_rows, geometry.mended_rows) = (dropped_m, mended);
        }
        self
    }

    /// With values that the format of the file has no place for.
    pub(crate) fn with_misfits(mut self, misfits: BTreeMap<String, u64>) -> Self {
        for (column, count) in misfits {
            self.notes.push(Note::Misfits {
                column: column.clone(),
                count,
            });
            match self
                .misfits
                .iter_mut()
                .find(|misfit| misfit.column == column)
            {
                Some(misfit) => misfit.count += count,
                None => self.misfits.push(MisfitReport { column, count }),
            }
        }
        self
    }

    /// The report of a file that is complete, though it has not got its name yet.
    pub(crate) fn in_file(
        mut self,
        name: String,
        bytes: u64,
        row_groups: Option<u64>,
        writer: WriterReport,
        start: Start,
    ) -> Self {
        self.writer = Some(writer);
        self.output = Some(name);
        self.file_bytes = Some(bytes);
        self.row_groups = row_groups;
        self.finished = Timestamp::now();
        self.elapsed = start.elapsed();
        self
    }
}

pub(crate) fn columns(schema: &ExportSchema) -> Vec<ColumnReport> {
    schema
        .table()
        .fields()
        .iter()
        .map(|field| ColumnReport {
            name: field.name().clone(),
            arrow_type: field.data_type().to_string(),
            esri_type: field.metadata().get("esri:type").cloned(),
            field: ["esri:name", "esri:label_of", "esri:offset_of"]
                .iter()
                .find_map(|key| field.metadata().get(*key).cloned()),
        })
        .collect()
}

/// What the service calls the CRS: its number, or its text.
pub(crate) fn spatial_reference(schema: &ExportSchema) -> String {
    let Some(reference) = schema.spatial_reference() else {
        return String::new();
    };
    match (reference.code(), &reference.wkt, &reference.wkt2) {
        (None, Some(wkt), _) | (None, None, Some(wkt)) => wkt.clone(),
        _ => reference.to_string(),
    }
}
