//! What came of an export.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arcgis_layer::{Completion, FetchStats, PageFacts, Plan};
use serde::{Serialize, Serializer};

use crate::destination::Committed;
use crate::geometry_summary::GeometrySummary;
use crate::geoparquet::RowGroup;
use crate::note::Note;
use crate::page::{Misfits, PageBatch};
use crate::schema::ExportSchema;

/// What came of an export. Its JSON has the same names; what is not known is left out.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The layer's address, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The layer's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// Where the output is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Rows.
    pub rows: u64,
    /// Columns, the geometry among them; not the bounding boxes that a file has beside.
    pub columns: Vec<ColumnReport>,
    /// The geometry; none for tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub geometry: Option<GeometryReport>,
    /// How it is known that the rows are all; none for saved answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<ProofReport>,
    /// What it took to fetch the rows; none for saved answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetch: Option<FetchReport>,
    /// The size of the file in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_bytes: Option<u64>,
    /// Row groups in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_groups: Option<u64>,
    /// From the first request for the rows to the finished output; in JSON `elapsed_seconds`.
    #[serde(rename = "elapsed_seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
    /// Values that did not fit and became null, by column.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub misfits: Vec<MisfitReport>,
    /// What else is worth a word.
    pub notes: Vec<Note>,
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
    /// Its Esri type, `esriFieldType…`; none for the geometry and the offsets of moments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub esri_type: Option<String>,
}

/// What the geometry is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GeometryReport {
    /// The CRS as authority and code, `EPSG:3857`; none if it is not known.
    pub crs: Option<String>,
    /// The name of the CRS.
    pub crs_name: Option<String>,
    /// What the service calls it.
    pub spatial_reference: String,
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
}

/// How it is known that every row came once.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ProofReport {
    /// A short name: `object-ids`, `unique-ids-and-count` or `fingerprints-and-count`.
    pub level: String,
    /// The same for people.
    pub meaning: String,
    /// Rows that were deleted on the server meanwhile.
    pub deleted_rows: u64,
    /// Rows that were added on the server meanwhile, and are not in the output.
    pub inserted_rows: u64,
    /// By how much the count changed meanwhile, where there are no ids to tell.
    pub count_change: i64,
}

/// What it took to fetch the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FetchReport {
    /// How rows were asked for, and why.
    pub strategy: String,
    /// Why so.
    pub reason: String,
    /// The format that was asked for: JSON or PBF.
    pub format: String,
    /// Rows per page.
    pub page_size: u32,
    /// Requests for pages, retries included.
    pub requests: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Bytes of answers, after decompression.
    pub bytes: u64,
    /// Pages that were asked for in smaller parts.
    pub halved: u64,
    /// Answers that could not be decoded and were asked for again.
    pub refetched: u64,
    /// Pages in PBF that did not hold up and were asked for as JSON.
    pub fell_back: u64,
    /// Pages whose rows were not those asked for, and were fetched by object id instead.
    pub corrected: u64,
}

/// Values of one column that did not fit.
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

impl From<(&Plan, FetchStats)> for FetchReport {
    fn from((plan, stats): (&Plan, FetchStats)) -> Self {
        Self {
            strategy: plan.strategy().to_string(),
            reason: plan.reason().to_owned(),
            format: plan.format().to_string(),
            page_size: plan.page_size(),
            requests: stats.requests,
            retries: stats.retries,
            bytes: stats.bytes,
            halved: stats.halved,
            refetched: stats.refetched,
            fell_back: stats.fell_back,
            corrected: stats.corrected,
        }
    }
}

impl From<&Completion> for ProofReport {
    fn from(completion: &Completion) -> Self {
        Self {
            level: completion.proof.name().to_owned(),
            meaning: completion.proof.to_string(),
            deleted_rows: completion.drift.deleted.len(),
            inserted_rows: completion.drift.inserted.len(),
            count_change: completion.drift.count_change,
        }
    }
}

/// What is known of the pages so far, on its way to a report.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    schema: ExportSchema,
    started: Instant,
    rows: u64,
    pub(crate) geometry: GeometrySummary,
    misfits: Misfits,
    left_out: u64,
    absent: BTreeMap<usize, u64>,
}

impl Tally {
    pub(crate) fn new(schema: &ExportSchema, started: Instant) -> Self {
        Self {
            schema: schema.clone(),
            started,
            rows: 0,
            geometry: GeometrySummary::default(),
            misfits: Misfits::new(schema),
            left_out: 0,
            absent: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, page: &PageBatch, facts: &PageFacts) {
        if page.batch.num_rows() == 0 {
            return;
        }
        self.rows += page.batch.num_rows() as u64;
        self.geometry.merge(&page.geometry);
        self.misfits.merge(&page.misfits);
        self.left_out += facts.repaired as u64;
        for (column, rows) in &facts.absent {
            *self.absent.entry(*column).or_default() += *rows as u64;
        }
    }

    /// What the pages showed.
    pub(crate) fn notes(&self) -> Vec<Note> {
        let mut notes = Vec::new();
        if let Some(reason) = self.schema.unknown_crs() {
            notes.push(Note::UnknownCrs {
                reason: reason.clone(),
                spatial_reference: spatial_reference(&self.schema),
            });
        }
        if let Some(wkid) = self.schema.crs().and_then(|crs| crs.unknown_vertical()) {
            notes.push(Note::UnknownHeights { wkid });
        }
        if self.geometry.dropped_m() > 0 {
            notes.push(Note::DroppedM {
                rows: self.geometry.dropped_m(),
            });
        }
        if self.left_out > 0 {
            notes.push(Note::LeftOut {
                rows: self.left_out,
            });
        }
        notes.extend(self.misfits.iter().map(|(column, count)| Note::Misfits {
            column: column.to_owned(),
            count,
        }));
        notes.extend(
            self.absent
                .iter()
                .map(|(&column, &rows)| Note::AbsentValues {
                    column: self.schema.column_name(column).to_owned(),
                    rows,
                }),
        );
        notes
    }

    /// The report, of an output in memory as far as this goes.
    pub(crate) fn report(&self, notes: Vec<Note>) -> Report {
        let geometry = &self.geometry;
        Report {
            source: None,
            layer: None,
            output: None,
            rows: self.rows,
            columns: columns(&self.schema),
            geometry: self.schema.geometry_name().map(|_| GeometryReport {
                crs: self.schema.crs().map(|crs| crs.id()),
                crs_name: self.schema.crs().map(|crs| crs.name().to_owned()),
                spatial_reference: spatial_reference(&self.schema),
                types: geometry
                    .geometry_types()
                    .into_iter()
                    .map(str::to_owned)
                    .collect(),
                extent: geometry
                    .bbox()
                    .map(|bbox| [bbox.xmin, bbox.ymin, bbox.xmax, bbox.ymax]),
                z_range: geometry.z_range().map(|(least, most)| [least, most]),
                null_rows: geometry.nulls(),
                empty_rows: geometry.empty(),
                dropped_m_rows: geometry.dropped_m(),
            }),
            proof: None,
            fetch: None,
            file_bytes: None,
            row_groups: None,
            elapsed: self.started.elapsed(),
            misfits: self
                .misfits
                .iter()
                .map(|(column, count)| MisfitReport {
                    column: column.to_owned(),
                    count,
                })
                .collect(),
            notes,
        }
    }
}

impl Report {
    pub(crate) fn in_file(mut self, committed: Committed, row_groups: &[RowGroup]) -> Self {
        self.output = Some(committed.name);
        self.file_bytes = Some(committed.bytes);
        self.row_groups = Some(row_groups.len() as u64);
        self
    }
}

fn columns(schema: &ExportSchema) -> Vec<ColumnReport> {
    schema
        .table()
        .fields()
        .iter()
        .map(|field| ColumnReport {
            name: field.name().clone(),
            arrow_type: field.data_type().to_string(),
            esri_type: field.metadata().get("esri:type").cloned(),
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
