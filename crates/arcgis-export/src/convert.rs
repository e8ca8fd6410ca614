//! From a saved answer to the file, or the table, that an export would make of it.

use std::time::Instant;

use arcgis_layer::{
    DecodeContext, PageFacts, PageSink as _, decode_json, decode_pbf, read_header, read_pbf_header,
};

use crate::assembly::Assembly;
use crate::destination::Destination;
use crate::error::Error;
use crate::event::Observer;
use crate::note::Note;
use crate::options::WriterOptions;
use crate::page::{ArrowSink, PageBatch};
use crate::provenance::Provenance;
use crate::report::{Report, Tally, spatial_reference};
use crate::schema::{DateZone, ExportSchema};
use crate::table::Table;

/// The conversion of a saved answer in Esri JSON (`…/query?f=json`) or PBF (`f=pbf`), told apart by its
/// first byte: fields, geometry type and CRS are what the answer itself declares.
///
/// ```
/// use arcgis_export::Conversion;
///
/// let answer = br#"{
///     "geometryType": "esriGeometryPoint", "spatialReference": {"wkid": 4326},
///     "fields": [{"name": "NAME", "type": "esriFieldTypeString"}],
///     "features": [{"attributes": {"NAME": "Cairo"}, "geometry": {"x": 31.25, "y": 30.05}}]
/// }"#;
/// let table = Conversion::new(answer).into_table()?;
/// assert_eq!(table.batch.num_rows(), 1);
/// assert_eq!(table.crs.unwrap().id(), "EPSG:4326");
/// # Ok::<(), arcgis_export::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Conversion<'a> {
    answer: &'a [u8],
    source: Option<String>,
    writer: WriterOptions,
    lenient: bool,
}

impl<'a> Conversion<'a> {
    /// The conversion of an answer.
    pub fn new(answer: &'a [u8]) -> Self {
        Self {
            answer,
            source: None,
            writer: WriterOptions::default(),
            lenient: false,
        }
    }

    /// Sets where the answer comes from, for report and footer: a file's name, say.
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Sets how to write files.
    pub fn with_writer(mut self, options: WriterOptions) -> Self {
        self.writer = options;
        self
    }

    /// Whether a value that does not fit its column becomes null, and is counted in the report,
    /// instead of an error. Default: no.
    pub fn with_lenient(mut self, lenient: bool) -> Self {
        self.lenient = lenient;
        self
    }

    /// Writes the rows as GeoParquet (or as plain Parquet, if there is no geometry). Blocks the thread.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] and [`Error::Unwritable`] before anything is read, [`Error::Answer`] if the
    /// answer cannot be read, [`Error::Write`].
    pub fn to(self, destination: &dyn Destination) -> Result<Report, Error> {
        let started = Instant::now();
        let output = destination.open()?;
        let rows = self.rows(started)?;
        let mut assembly = Assembly::new(output, &rows.schema, &self.writer, Observer::default())?;
        let geometry = rows.page.geometry.clone();
        assembly.push(0, rows.page)?;
        let provenance = self.provenance(&rows.schema);
        let (output, groups) = assembly.finish(&geometry, &provenance)?;
        let committed = output.commit()?;
        let mut report = rows.tally.report(rows.notes).in_file(committed, &groups);
        report.source = self.source;
        Ok(report)
    }

    /// Puts the rows into memory, as one table.
    ///
    /// # Errors
    ///
    /// [`Error::Answer`] if the answer cannot be read.
    pub fn into_table(self) -> Result<Table, Error> {
        let rows = self.rows(Instant::now())?;
        let provenance = self.provenance(&rows.schema);
        let mut report = rows.tally.report(rows.notes);
        report.source = self.source;
        Ok(Table::new(
            &rows.schema,
            vec![rows.page.batch],
            &provenance,
            report,
        )?)
    }

    fn provenance(&self, schema: &ExportSchema) -> Provenance {
        Provenance {
            source: self.source.clone(),
            spatial_reference: schema.geometry_name().map(|_| spatial_reference(schema)),
            ..Provenance::default()
        }
    }

    fn rows(&self, started: Instant) -> Result<Rows, Error> {
        let json = is_json(self.answer);
        let header = if json {
            read_header(self.answer)
        } else {
            read_pbf_header(self.answer)
        };
        let header = header.map_err(Error::Answer)?;
        let layout = header.layout();
        let schema = ExportSchema::new(&layout, DateZone::Utc);
        let sink = ArrowSink::new(schema.clone()).with_lenient(self.lenient);
        let mut page = sink.page(header.rows);
        let context = DecodeContext::new(&layout);
        let facts: Result<PageFacts, _> = if json {
            decode_json(self.answer, &context, &mut page)
        } else {
            decode_pbf(self.answer, &context, &mut page)
        };
        let facts = facts.map_err(Error::Answer)?;
        let page = page.into_batch()?;
        let mut tally = Tally::new(&schema, started);
        tally.add(&page, &facts);
        let mut notes = tally.notes();
        if facts.exceeded {
            notes.push(Note::Partial {
                rows: facts.rows as u64,
            });
        }
        Ok(Rows {
            schema,
            page,
            tally,
            notes,
        })
    }
}

/// Whether the answer is text. PBF begins with the tag of its first member, which is no brace.
fn is_json(answer: &[u8]) -> bool {
    let text = answer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(answer);
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    // Nothing at all is no PBF either; what reads JSON says so best.
    first.is_none_or(|byte| *byte == b'{' || *byte == b'[' || *byte == b'<')
}

struct Rows {
    schema: ExportSchema,
    page: PageBatch,
    tally: Tally,
    notes: Vec<Note>,
}
