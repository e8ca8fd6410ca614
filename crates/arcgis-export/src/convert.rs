//! From a saved answer to the file, or the table, that an export would make of it.

use arcgis_layer::{
    AnswerHeader, DecodeContext, DecodeError, IdSet, PageFacts, PageSink as _, decode_json,
    decode_pbf, read_header, read_pbf_header,
};

use crate::assembly::Assembly;
use crate::column_options::ColumnOptions;
use crate::destination::Destination;
use crate::error::Error;
use crate::event::Observer;
use crate::format::{Counted, FileFormat, NewFile, Requirement};
use crate::note::Note;
use crate::options::WriterOptions;
use crate::order::{Ordering, RowOrder};
use crate::page::ArrowSink;
use crate::provenance::{Provenance, schema_hash};
use crate::report::{Report, spatial_reference};
use crate::saved_answer::{AnswerKind, Outline, kind_of_pbf};
use crate::schema::{DateZone, ExportSchema};
use crate::spool::SpooledPage;
use crate::table::Table;
use crate::tally::{PageSums, Start, Tally};
use crate::writer_thread::GivenUp;

/// The conversion of a saved answer in Esri JSON (`…/query?f=json`) or PBF (`f=pbf`), told apart by its
/// first byte: fields, geometry type and CRS are what the answer itself declares.
///
/// What is no such answer (GeoJSON, a count, a list of ids) is an error that says what it is, and so is
/// an answer in which an object id stands for several rows. One that the server cut short is converted
/// with a note ([`Note::Partial`]).
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
    format: Option<FileFormat>,
    columns: ColumnOptions,
    lenient: bool,
}

impl<'a> Conversion<'a> {
    /// The conversion of an answer.
    pub fn new(answer: &'a [u8]) -> Self {
        Self {
            answer,
            source: None,
            writer: WriterOptions::default(),
            format: None,
            columns: ColumnOptions::default(),
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

    /// Sets the format of the file. Default: by the extension of its name, and GeoParquet where that says none.
    pub fn with_format(mut self, format: FileFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Sets what columns hold, where there is a choice.
    pub fn with_columns(mut self, options: ColumnOptions) -> Self {
        self.columns = options;
        self
    }

    /// Whether a value that does not fit its column becomes null, and is counted in the report,
    /// instead of an error. Default: no.
    pub fn with_lenient(mut self, lenient: bool) -> Self {
        self.lenient = lenient;
        self
    }

    /// Writes the rows to a file. Blocks the thread.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] and [`Error::Unwritable`] before anything is read, [`Error::Answer`] if the
    /// answer cannot be read, [`Error::OtherAnswer`] if it is one without rows or fields,
    /// [`Error::Doubled`] if it has rows more than once, [`Error::Write`].
    pub fn to(self, destination: &dyn Destination) -> Result<Report, Error> {
        let start = Start::now();
        if destination.is_folder() {
            return Err(Error::Unsupported {
                option: "a dataset in several files".to_owned(),
                by: "saved answers".to_owned(),
            });
        }
        let format = FileFormat::of_destination(self.format, &destination.name());
        self.writer.check_sort_folder(format, false)?;
        Requirement(format).check_options(&self.writer)?;
        Requirement(format).check_columns(&self.columns)?;
        let output = destination.open()?;
        let columns = self.columns.for_file(format, &self.writer);
        let rows = self.rows(start, &columns)?;
        Requirement(format).check_crs(&rows.schema)?;
        let given_up = GivenUp::default();
        let ordering = Ordering {
            schema: &rows.schema,
            order: RowOrder::of_file(&self.writer, format),
            options: &self.writer,
            strategy: None,
            holds: false,
            partitions: None,
            part: output.temporary(),
            given_up: given_up.clone(),
        };
        let (spool, order) = (ordering.spool(None), ordering.order());
        let provenance = self.provenance(&rows.schema);
        let new = NewFile {
            format,
            output: Counted::new(output),
            schema: &rows.schema,
            options: &self.writer,
            provenance: &provenance,
            lenient: self.lenient,
            partitions: None,
            given_up: given_up.clone(),
        };
        let mut assembly = Assembly::new(new, spool, Observer::default(), given_up)?;
        assembly.push(rows.page)?;
        let mut report = rows.tally.report(rows.notes);
        report.order = Some(order.to_string());
        report.source = self.source;
        report.object_id_field = rows.object_id_field;
        let file = assembly.finish(&rows.tally.sums, &provenance)?;
        file.commit(report, destination.name(), &self.writer, start, |_| Ok(()))
    }

    /// Puts the rows into memory, as one table.
    ///
    /// # Errors
    ///
    /// [`Error::Answer`], [`Error::OtherAnswer`] and [`Error::Doubled`], as [`Conversion::to`].
    pub fn into_table(self) -> Result<Table, Error> {
        let rows = self.rows(Start::now(), &self.columns)?;
        let provenance = self.provenance(&rows.schema);
        let mut report = rows.tally.report(rows.notes);
        report.source = self.source;
        report.object_id_field = rows.object_id_field;
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
            schema_hash: Some(schema_hash(schema)),
            spatial_reference: schema.geometry_name().map(|_| spatial_reference(schema)),
            ..Provenance::default()
        }
    }

    fn rows(&self, start: Start, columns: &ColumnOptions) -> Result<Rows, Error> {
        let json = is_json(self.answer);
        let (header, outline) = header(self.answer, json)?;
        let layout = header.layout();
        let schema = ExportSchema::with_options(&layout, DateZone::Utc, columns);
        let sink = ArrowSink::new(schema.clone()).with_lenient(self.lenient);
        let mut page = sink.page(header.rows);
        let context = DecodeContext::new(&layout);
        let facts: Result<PageFacts, _> = if json {
            decode_json(self.answer, &context, &mut page)
        } else {
            decode_pbf(self.answer, &context, &mut page)
        };
        let facts = facts.map_err(Error::Answer)?;
        let doubled = doubled(&facts.ids);
        if !doubled.is_empty() {
            return Err(Error::Doubled(Box::new(doubled)));
        }
        let page = page.into_batch()?;
        let (partial, has) = (facts.exceeded, facts.rows as u64);
        let page = SpooledPage::new(0, page, facts).with_bytes(self.answer.len() as u64);
        let mut tally = Tally::new(&schema, start);
        tally.add(&PageSums::of(&page), &page.replaces);
        let mut notes = tally.notes();
        if !outline.undeclared.is_empty() {
            notes.push(Note::UndeclaredAttributes {
                names: outline.undeclared,
            });
        }
        if partial {
            notes.push(Note::Partial { rows: has });
        }
        Ok(Rows {
            schema,
            page,
            tally,
            notes,
            object_id_field: header.object_id_field,
        })
    }
}

/// What the answer says of itself, once it is known to have rows with fields.
fn header(answer: &[u8], json: bool) -> Result<(AnswerHeader, Outline), Error> {
    let header = if json {
        read_header(answer)
    } else {
        read_pbf_header(answer)
    };
    let header = match header {
        Ok(header) => header,
        Err(error @ DecodeError::Malformed { .. }) => {
            let kind = if json {
                Outline::of(answer, &[]).kind()
            } else {
                kind_of_pbf(answer)
            };
            return Err(kind.map_or(Error::Answer(error), Error::OtherAnswer));
        }
        Err(error) => return Err(Error::Answer(error)),
    };
    let outline = if json {
        Outline::of(answer, &header.fields)
    } else {
        Outline::default()
    };
    if header.fields.is_empty() {
        if let Some(kind) = outline.kind() {
            return Err(Error::OtherAnswer(kind));
        }
        // Rows of geometry alone are what a query without fields gets.
        let bare = header.geometry_type.is_some() && header.rows > 0 && !outline.attributes;
        if !bare {
            return Err(Error::OtherAnswer(AnswerKind::NoFields));
        }
    }
    Ok((header, outline))
}

/// The ids that stand for more than one row.
fn doubled(ids: &[i64]) -> IdSet {
    let mut seen = IdSet::new();
    ids.iter().copied().filter(|id| !seen.insert(*id)).collect()
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
    page: SpooledPage,
    tally: Tally,
    notes: Vec<Note>,
    object_id_field: Option<String>,
}
