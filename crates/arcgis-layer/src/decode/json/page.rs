//! A query answer in Esri JSON, from its bytes to a sink.

use arcgis_auth_core::ServiceError;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::columns::Columns;
use super::geometry::{Flags, GeometryReader, Shape};
use super::number::Number;
use super::scanner::{Scalar, Scanner};
use crate::decode::column_names::Target;
use crate::decode::geometry_buffer::refuse;
use crate::decode::{Coordinates, DecodeContext, DecodeError, absent, object_id};
use crate::sink::{FeatureSink, PageFacts, SinkError, ValueRef};
use crate::spatial_reference::SpatialReference;

/// Decodes one page, a query's answer in Esri JSON (`f=json`), into a sink.
///
/// One pass over the bytes; rows cost no memory of their own. What comes before and after `features` may
/// come in any order.
///
/// - **Keys** match their column exactly, else in any case if one column alone matches so and the first row
///   does not have its exact name too. Of several values for one column the first counts. Other keys are
///   passed over; a column without a value is null.
/// - **Values** that are objects or arrays are passed as their JSON text. Bare `NaN` and `Infinity` are numbers.
///   The object id may be a number or digits in text, and is passed as an integer.
/// - **Geometry** has the ordinates of the layout, whatever the answer has: further numbers are left out, missing ones
///   are NaN. Of three numbers the third is z, unless `hasM` is said without `hasZ`; the geometry's own
///   flags count before the answer's, and those before the layout's. Rings are closed and
///   assigned. Positions whose x or y is null or not finite, rings without area and paths of one position are left
///   out and counted ([`PageFacts::repaired`]).
/// - **Rows that leave out nearly everything**, in numbers that no service has, are malformed: what a page takes in memory
///   stays a multiple of its bytes.
/// - **`error`** at the top level, also behind the features, is [`DecodeError::Service`], with the URL left empty.
///
/// # Errors
///
/// [`DecodeError`]. An answer without `features` is malformed, never an empty page. The sink may have been given rows
/// by then: drop it.
///
/// ```
/// use arcgis_layer::{DecodeContext, Field, FieldType, FeatureCollector, Layout, PageSink, decode_json};
///
/// let layout = Layout::new([
///     Field::new("OBJECTID", FieldType::Oid),
///     Field::new("NAME", FieldType::String),
/// ])
/// .with_object_id("OBJECTID");
/// let body = br#"{"features":[{"attributes":{"OBJECTID":7,"NAME":"Cairo"}}]}"#;
///
/// let mut page = FeatureCollector::new(layout.clone()).page(1);
/// let facts = decode_json(body, &DecodeContext::new(&layout), &mut page)?;
/// assert_eq!(facts.ids, [7]);
/// assert_eq!(page.into_features(&facts)[0].get("NAME").unwrap().as_str(), Some("Cairo"));
/// # Ok::<(), arcgis_layer::DecodeError>(())
/// ```
pub fn decode_json<S: FeatureSink>(
    body: &[u8],
    context: &DecodeContext<'_>,
    sink: &mut S,
) -> Result<PageFacts, DecodeError> {
    context.check()?;
    let mut geometry = GeometryReader::default();
    geometry.buffer.round_to(context.grid);
    let page = Page {
        scanner: Scanner::new(body)?,
        context,
        sink,
        facts: PageFacts {
            // A guess: rows take some hundred bytes, and pages have mostly 2,000 at most.
            ids: Vec::with_capacity((body.len() / 256).min(2_048)),
            ..PageFacts::default()
        },
        flags: Flags::default(),
        columns: Columns::new(context.layout),
        geometry,
        absent: 0,
        geometry_reference: None,
        scratch: String::new(),
    };
    page.read()
}

/// The members that a reader of answers acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    Features,
    SpatialReference,
    HasZ,
    HasM,
    Exceeded,
    Transform,
    Error,
    Attributes,
    Geometry,
    Other,
}

impl Member {
    pub(super) fn of(name: &str) -> Self {
        match name {
            "features" => Self::Features,
            "spatialReference" => Self::SpatialReference,
            "hasZ" => Self::HasZ,
            "hasM" => Self::HasM,
            "exceededTransferLimit" => Self::Exceeded,
            "transform" => Self::Transform,
            "error" => Self::Error,
            "attributes" => Self::Attributes,
            "geometry" => Self::Geometry,
            _ => Self::Other,
        }
    }
}

struct Page<'a, 'c, S> {
    scanner: Scanner<'a>,
    context: &'c DecodeContext<'c>,
    sink: &'c mut S,
    facts: PageFacts,
    flags: Flags,
    columns: Columns<'a, 'c>,
    geometry: GeometryReader<'a>,
    /// How many values the rows left out.
    absent: usize,
    /// The first reference that a geometry named itself.
    geometry_reference: Option<(&'a str, SpatialReference)>,
    scratch: String,
}

impl<'a, S: FeatureSink> Page<'a, '_, S> {
    fn read(mut self) -> Result<PageFacts, DecodeError> {
        let mut features = false;
        let mut more = self.scanner.open(b'{')?;
        while more {
            let key = self.scanner.key()?;
            match Member::of(key.decode(&mut self.scratch)) {
                Member::Features if features => {
                    return Err(self.scanner.error("a second features member"));
                }
                Member::Features => {
                    features = true;
                    self.features()?;
                }
                Member::SpatialReference => {
                    let raw = self.scanner.raw()?;
                    self.facts.spatial_reference = spatial_reference(raw);
                }
                Member::HasZ => self.flags.z = Some(self.scanner.flag()?),
                Member::HasM => self.flags.m = Some(self.scanner.flag()?),
                Member::Exceeded => self.facts.exceeded = self.scanner.flag()?,
                Member::Transform => self.transform()?,
                Member::Error => {
                    if let Some(error) = service_error(self.scanner.raw()?) {
                        return Err(DecodeError::Service(error));
                    }
                }
                Member::Attributes | Member::Geometry | Member::Other => self.scanner.skip()?,
            }
            more = self.scanner.more(b'{')?;
        }
        if !self.scanner.at_end() {
            return Err(self
                .scanner
                .error("there is more behind the end of the answer"));
        }
        if !features {
            return Err(self.scanner.error("the answer has no features member"));
        }
        if let Some((_, own)) = self.geometry_reference {
            match &self.facts.spatial_reference {
                Some(reference) if reference.contradicts(&own) => {
                    return Err(refuse(
                        0,
                        format!("it is in the reference {own}, but the answer is in {reference}"),
                    ));
                }
                Some(_) => {}
                None => self.facts.spatial_reference = Some(own),
            }
        }
        if !self.facts.bbox.is_empty() {
            self.facts.coordinates = match self.context.grid {
                Some(grid) => Coordinates::Rounded(grid),
                None => Coordinates::Exact,
            };
        }
        Ok(self.facts)
    }

    fn transform(&mut self) -> Result<(), DecodeError> {
        if !self.scanner.null()? {
            let error = self
                .scanner
                .error("the coordinates are quantized, which nobody asked for");
            self.scanner.skip()?;
            if self.context.layout.geometry.is_some() {
                return Err(error);
            }
        }
        Ok(())
    }

    fn features(&mut self) -> Result<(), DecodeError> {
        let mut more = self.scanner.open(b'[')?;
        while more {
            self.context.check()?;
            self.scanner.peek()?;
            let start = self.scanner.at();
            self.feature()
                .map_err(|error| error.identified(&self.facts.ids))?;
            if self.context.layout.fingerprint {
                let text = self.scanner.since(start);
                self.facts.fingerprints.push(xxh3_64(text.as_bytes()));
            }
            self.facts.rows += 1;
            more = self.scanner.more(b'[')?;
        }
        Ok(())
    }

    fn feature(&mut self) -> Result<(), DecodeError> {
        let row = self.facts.rows;
        self.columns.begin_row();
        let ids = self.facts.ids.len();
        let mut geometry = false;
        let mut located = false;
        let mut more = self.scanner.open(b'{')?;
        while more {
            let member = if self.scanner.exactly(b"\"attributes\":") {
                Member::Attributes
            } else if self.scanner.exactly(b"\"geometry\":") {
                Member::Geometry
            } else {
                let key = self.scanner.key()?;
                Member::of(key.decode(&mut self.scratch))
            };
            match member {
                Member::Attributes => self.attributes(row)?,
                Member::Geometry if self.context.layout.geometry.is_some() && !geometry => {
                    geometry = true;
                    located = self.geometry(row)?;
                }
                _ => self.scanner.skip()?,
            }
            more = self.scanner.more(b'{')?;
        }
        for column in self.columns.missing() {
            self.absent += 1;
            *self.facts.absent.entry(column).or_default() += 1;
            self.sink
                .attribute(column, ValueRef::Null)
                .map_err(|source| DecodeError::refused(row, source))?;
        }
        if let Some(problem) = absent::problem(self.absent, self.scanner.bytes()) {
            return Err(self.scanner.error(problem));
        }
        if self.context.layout.object_id.is_some() && self.facts.ids.len() == ids {
            return Err(DecodeError::ObjectId {
                row,
                problem: "it is not among the attributes".to_owned(),
            });
        }
        if self.context.layout.geometry.is_some() && !located {
            self.facts.note_no_geometry(row);
        }
        self.sink
            .end_row()
            .map_err(|source| DecodeError::refused(row, source))
    }

    fn attributes(&mut self, row: usize) -> Result<(), DecodeError> {
        if self.scanner.null()? {
            return Ok(());
        }
        self.columns.begin_attributes(self.scanner);
        let id_column = self
            .context
            .layout
            .object_id
            .as_ref()
            .and_then(|id| id.column);
        let mut more = self.scanner.open(b'{')?;
        while more {
            let target = match self.columns.expected(&mut self.scanner) {
                Some(target) => target,
                None => self.columns.key(&mut self.scanner)?,
            };
            match target {
                Target::Skip => self.scanner.skip()?,
                Target::HiddenId => {
                    self.object_id(row)?;
                }
                Target::Column(column) if Some(column) == id_column => {
                    let id = self.object_id(row)?;
                    self.sink
                        .attribute(column, ValueRef::Int(id))
                        .map_err(|source| DecodeError::refused(row, source))?;
                }
                Target::Column(column) => {
                    self.attribute(column).map_err(|error| error.in_row(row))?;
                }
            }
            more = self.scanner.exactly(b",") || self.scanner.more(b'{')?;
            // Keys are expected without white space in front.
            if more && self.scanner.byte() <= b' ' {
                self.scanner.peek()?;
            }
        }
        Ok(())
    }

    #[inline]
    fn attribute(&mut self, column: usize) -> Result<(), Fault> {
        // As nearly all values stand there.
        let value = match self.scanner.byte() {
            b'0'..=b'9' | b'-' => self.scanner.digits().map(|number| match number {
                Number::Int(value) => ValueRef::Int(value),
                Number::Float(value) => ValueRef::Float(value),
            }),
            b'"' => {
                let text = self.scanner.string()?;
                Some(ValueRef::Str(text.decode(&mut self.scratch)))
            }
            b'n' if self.scanner.exactly(b"null") => Some(ValueRef::Null),
            _ => None,
        };
        match value {
            Some(value) => Ok(self.sink.attribute(column, value)?),
            None => self.other_attribute(column),
        }
    }

    fn other_attribute(&mut self, column: usize) -> Result<(), Fault> {
        let value = match self.scanner.peek()? {
            b'{' | b'[' => ValueRef::Str(self.scanner.raw()?),
            _ => match self.scanner.scalar()? {
                Scalar::Null => ValueRef::Null,
                Scalar::Bool(value) => ValueRef::Bool(value),
                Scalar::Number(Number::Int(value)) => ValueRef::Int(value),
                Scalar::Number(Number::Float(value)) => ValueRef::Float(value),
                Scalar::Text(text) => ValueRef::Str(text.decode(&mut self.scratch)),
            },
        };
        Ok(self.sink.attribute(column, value)?)
    }

    fn object_id(&mut self, row: usize) -> Result<i64, DecodeError> {
        let start = self.scanner;
        if let (b'0'..=b'9', Some(Number::Int(id))) = (start.byte(), self.scanner.digits()) {
            return Ok(self.identified(id));
        }
        self.scanner = start;
        let problem = match self.scanner.peek()? {
            b'{' | b'[' => {
                self.scanner.skip()?;
                "it is no number".to_owned()
            }
            _ => match self.scanner.scalar()? {
                Scalar::Number(Number::Int(id)) => return Ok(self.identified(id)),
                Scalar::Number(Number::Float(number)) => match object_id::from_float(number) {
                    Ok(id) => return Ok(self.identified(id)),
                    Err(problem) => problem,
                },
                Scalar::Text(text) => match object_id::from_text(text.decode(&mut self.scratch)) {
                    Ok(id) => return Ok(self.identified(id)),
                    Err(problem) => problem,
                },
                Scalar::Null => "it is null".to_owned(),
                Scalar::Bool(flag) => format!("it is {flag}"),
            },
        };
        Err(DecodeError::ObjectId { row, problem })
    }

    fn identified(&mut self, id: i64) -> i64 {
        self.facts.ids.push(id);
        id
    }

    /// Passes a geometry; false if it is null or empty.
    fn geometry(&mut self, row: usize) -> Result<bool, DecodeError> {
        let Some(layout) = &self.context.layout.geometry else {
            return Ok(false);
        };
        let shape = self
            .geometry
            .read(&mut self.scanner, self.context, layout, self.flags, row)?;
        if let Some(raw) = self.geometry.spatial_reference {
            self.geometry_reference(raw, row)?;
        }
        let Shape::Of(kind) = shape else {
            return Ok(false);
        };
        self.geometry
            .buffer
            .deliver(kind, row, &mut self.facts, self.sink)
    }

    /// Geometries that name a reference have to agree.
    fn geometry_reference(&mut self, raw: &'a str, row: usize) -> Result<(), DecodeError> {
        match &self.geometry_reference {
            Some((first, _)) if *first == raw => {}
            Some((_, first)) => {
                if let Some(own) = spatial_reference(raw).filter(|own| own.contradicts(first)) {
                    return Err(refuse(
                        row,
                        format!("it is in the reference {own}, but an earlier row is in {first}"),
                    ));
                }
            }
            None => {
                if let Some(own) = spatial_reference(raw) {
                    self.geometry_reference = Some((raw, own));
                }
            }
        }
        Ok(())
    }
}

/// An error whose row is not known where it happens.
enum Fault {
    Decode(DecodeError),
    Sink(SinkError),
}

impl Fault {
    #[cold]
    fn in_row(self, row: usize) -> DecodeError {
        match self {
            Self::Decode(error) => error,
            Self::Sink(source) => DecodeError::refused(row, source),
        }
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<SinkError> for Fault {
    fn from(error: SinkError) -> Self {
        Self::Sink(error)
    }
}

/// A spatial reference from its JSON; `None` if it says nothing.
pub(super) fn spatial_reference(raw: &str) -> Option<SpatialReference> {
    let value: Value = serde_json::from_str(raw).ok()?;
    Some(SpatialReference::from_json(&value)).filter(|reference| !reference.is_empty())
}

/// The error that an `error` member is; `None` if it says that there is none.
pub(super) fn service_error(raw: &str) -> Option<ServiceError> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let error = match serde_json::from_str(raw) {
        Ok(Value::Null | Value::Bool(false)) => return None,
        Ok(error) => error,
        // Valid for the scanner, not for the standard: the text is still the best there is.
        Err(_) => Value::String(raw.chars().take(500).collect()),
    };
    let code = error.get("code").unwrap_or(&error);
    let message = error
        .get("message")
        .and_then(text)
        .filter(|message| !message.trim().is_empty())
        .or_else(|| error.get("error_description").and_then(text))
        .or_else(|| error.as_str().map(str::to_owned))
        .unwrap_or_else(|| "Unknown error".to_owned());
    let details = match error.get("details").or_else(|| error.get("messages")) {
        Some(Value::Array(details)) => details.iter().filter_map(text).collect(),
        Some(Value::String(detail)) => vec![detail.clone()],
        _ => Vec::new(),
    };
    Some(ServiceError::new(200, number(code).unwrap_or(-1), message, "").with_details(details))
}
