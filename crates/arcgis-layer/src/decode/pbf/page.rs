//! A query's answer in protocol buffers, from its bytes to a sink.

use xxhash_rust::xxh3::xxh3_64;

use super::answer::{self, Kind};
use super::features::Features;
use super::geometry::{GeometryReader, Grid};
use super::value::{self, Cell, Given};
use super::wire::{Member, Message, malformed};
use crate::decode::column_names::{ColumnNames, Target};
use crate::decode::geometry_buffer::{CURVES, refuse};
use crate::decode::{Coordinates, DecodeContext, DecodeError, absent, object_id};
use crate::sink::{FeatureSink, PageFacts, ValueRef};

/// Decodes one page, a query's answer in protocol buffers (`f=pbf`), into a sink.
///
/// It walks over the bytes and makes no messages: rows cost no memory of their own. What the answer says beside its
/// rows may stand before or behind them.
///
/// - **Fields** are matched with columns as [`decode_json`](crate::decode_json) does. Values come by position; a row
///   with more or fewer values than there are fields is malformed.
/// - **Values** are passed as they come, whatever the field's type: numbers of all widths as integers, those beyond
///   64 bits with a sign, `float` and `double` as floats, a `float` exactly. A value of an unknown kind is malformed.
///   The object id may be any whole number, or digits in text.
/// - **Geometry** is scaled back as the answer's `transform` says, which rounds coordinates to its scale, mostly 0.1 mm or
///   1e-9 degrees: half of that is the most by which they differ from those in JSON. It has the ordinates of the
///   layout; missing ones are NaN. m is NaN where the server wrote 0 before the transform, and z where it did so and
///   the transform moves it, for that is how missing ones are written. Rings are closed and assigned, and rings without
///   area and paths of one position left out and counted ([`PageFacts::repaired`]).
/// - **Geometry that cannot be trusted** is [`DecodeError::Geometry`]: coordinates without a transform or with a scale
///   of 0, true curves, multipatches, shape buffers. Parts that do not add up to the coordinates are malformed.
/// - **Errors** come as JSON, also when this format was asked for: [`DecodeError::Service`], with the URL left empty.
/// - **Fingerprints** are of the row's bytes, so that they differ from those of the same row in JSON.
///
/// # Errors
///
/// [`DecodeError`]. An answer without features, such as no bytes at all, is malformed, never an empty page. The sink
/// may have been given rows by then: drop it.
///
/// ```
/// use arcgis_layer::{DecodeContext, Field, FieldType, FeatureCollector, Layout, PageSink, decode_pbf};
///
/// let layout = Layout::new([
///     Field::new("OBJECTID", FieldType::Oid),
///     Field::new("NAME", FieldType::String),
/// ])
/// .with_object_id("OBJECTID");
/// // Two fields, and one row: 7 and Cairo.
/// let body = b"\x12\x25\x0a\x23\x6a\x0a\x0a\x08OBJECTID\x6a\x06\x0a\x04NAME\x7a\x0d\x0a\x02\x28\x07\x0a\x07\x0a\x05Cairo";
///
/// let mut page = FeatureCollector::new(layout.clone()).page(1);
/// let facts = decode_pbf(body, &DecodeContext::new(&layout), &mut page)?;
/// assert_eq!(facts.ids, [7]);
/// assert_eq!(page.into_features(&facts)[0].get("NAME").unwrap().as_str(), Some("Cairo"));
/// # Ok::<(), arcgis_layer::DecodeError>(())
/// ```
pub fn decode_pbf<S: FeatureSink>(
    body: &[u8],
    context: &DecodeContext<'_>,
    sink: &mut S,
) -> Result<PageFacts, DecodeError> {
    context.check()?;
    let features = Features::read(answer::open(body, Kind::Features)?)?;
    let mut names = ColumnNames::new(context.layout);
    let mut had = vec![false; names.slots()];
    let mut targets = Vec::with_capacity(features.fields.len());
    let mut announced = false;
    for field in &features.fields {
        let mut target = match names.exactly(field.name) {
            Some(target) => target,
            None => {
                if !std::mem::replace(&mut announced, true) {
                    for field in &features.fields {
                        names.announce(field.name);
                    }
                }
                names.resolve(field.name)
            }
        };
        if let Some(had) = names.slot(target).and_then(|slot| had.get_mut(slot)) {
            // Of several fields for one column the first counts.
            if std::mem::replace(had, true) {
                target = Target::Skip;
            }
        }
        targets.push(target);
    }
    let id_place = context.layout.object_id.as_ref().and_then(|id| {
        let id = id.column.map_or(Target::HiddenId, Target::Column);
        targets.iter().position(|&target| target == id)
    });
    let missing: Vec<usize> = (0..names.columns())
        .filter(|&column| had.get(column) == Some(&false))
        .collect();
    let left_out = missing.len().saturating_mul(features.count);
    if let Some(problem) = absent::problem(left_out, body.len()) {
        return Err(malformed(0, problem));
    }
    let page = Page {
        body,
        context,
        sink,
        facts: PageFacts {
            // Each row has taken two bytes of the page at least.
            ids: Vec::with_capacity(features.count),
            ..PageFacts::default()
        },
        grid: Grid::of(&features),
        features,
        targets,
        id_place,
        missing,
        geometry: GeometryReader::default(),
    };
    page.read()
}

struct Page<'a, 'c, S> {
    body: &'a [u8],
    context: &'c DecodeContext<'c>,
    sink: &'c mut S,
    facts: PageFacts,
    grid: Grid,
    features: Features<'a>,
    /// Where the value of each field goes.
    targets: Vec<Target>,
    /// Which of them is the object id.
    id_place: Option<usize>,
    /// The columns that no field is for.
    missing: Vec<usize>,
    geometry: GeometryReader,
}

impl<'a, S: FeatureSink> Page<'a, '_, S> {
    fn read(mut self) -> Result<PageFacts, DecodeError> {
        while let Some(row) = self.features.next_row()? {
            self.context.check()?;
            self.feature(row)
                .map_err(|error| error.identified(&self.facts.ids))?;
            if self.context.layout.fingerprint {
                self.facts.fingerprints.push(xxh3_64(row.bytes()));
            }
            self.facts.rows += 1;
        }
        self.facts.exceeded = self.features.exceeded;
        self.facts.foreign = self
            .features
            .transform
            .is_some_and(|transform| transform.begins_at_zero());
        if let (false, Some(grid)) = (self.facts.bbox.is_empty(), self.features.transform) {
            self.facts.coordinates = Coordinates::Rounded(grid);
        }
        self.facts.spatial_reference = self.features.spatial_reference.take();
        if self.facts.rows > 0 {
            let rows = self.facts.rows;
            self.facts.absent = self
                .missing
                .into_iter()
                .map(|column| (column, rows))
                .collect();
        }
        Ok(self.facts)
    }

    fn feature(&mut self, mut message: Message<'a>) -> Result<(), DecodeError> {
        let row = self.facts.rows;
        let at = message.at();
        let ids = self.facts.ids.len();
        let mut values = 0;
        let mut shape = None;
        let mut unknown = None;
        loop {
            values = self.plain_values(&mut message, values, row)?;
            let Some(member) = message.next()? else {
                break;
            };
            match member.number {
                1 => {
                    self.attribute(values, member, row)?;
                    values += 1;
                }
                2 if shape.is_some() => return Err(malformed(member.at, "a second geometry")),
                2 => shape = Some(member.message()?),
                // A centroid, aggregates and an envelope beside the geometry, or a curve that it stands for.
                4..=6 => {}
                other => unknown = unknown.or(Some(other)),
            }
        }
        if values != self.targets.len() {
            return Err(malformed(
                at,
                format!(
                    "row {row} has {values} values for {} fields",
                    self.targets.len()
                ),
            ));
        }
        for &column in &self.missing {
            self.sink
                .attribute(column, ValueRef::Null)
                .map_err(|source| DecodeError::refused(row, source))?;
        }
        if self.context.layout.object_id.is_some() && self.facts.ids.len() == ids {
            return Err(DecodeError::ObjectId {
                row,
                problem: "it is not among the fields".to_owned(),
            });
        }
        if let Some(layout) = &self.context.layout.geometry {
            let located = match (shape, unknown) {
                (_, Some(7)) => return Err(refuse(row, CURVES)),
                (_, Some(3)) => {
                    return Err(refuse(row, "the geometry is a shape buffer"));
                }
                (None, Some(other)) => {
                    return Err(refuse(
                        row,
                        format!("the geometry is of the unknown form {other}"),
                    ));
                }
                (None, None) => false,
                (Some(shape), _) => {
                    let kind = self
                        .geometry
                        .read(shape, self.context, layout, &self.grid, row)?;
                    self.geometry
                        .buffer
                        .deliver(kind, row, &mut self.facts, self.sink)?
                }
            };
            if !located {
                self.facts.note_no_geometry(row);
            }
        }
        self.sink
            .end_row()
            .map_err(|source| DecodeError::refused(row, source))
    }

    /// Passes values as long as they are plain, and tells how many there are now.
    #[inline]
    fn plain_values(
        &mut self,
        message: &mut Message<'a>,
        mut place: usize,
        row: usize,
    ) -> Result<usize, DecodeError> {
        let mut page = self.body.get(message.at()..).unwrap_or_default();
        let mut left = message.bytes().len();
        let targets = self.targets.get(place..).unwrap_or_default();
        for &target in targets {
            let Target::Column(column) = target else {
                break;
            };
            let length = if Some(place) == self.id_place {
                let Some((id, length)) = value::plain_whole(page, left) else {
                    break;
                };
                self.facts.ids.push(id);
                self.sink
                    .attribute(column, ValueRef::Int(id))
                    .map_err(|source| DecodeError::refused(row, source))?;
                length
            } else {
                match value::give(page, left, self.sink, column) {
                    Given::Taken(length) => length,
                    Given::Refused(source) => return Err(DecodeError::refused(row, source)),
                    Given::Other => break,
                }
            };
            page = page.get(length..).unwrap_or_default();
            left -= length;
            place += 1;
        }
        message.pass(message.bytes().len() - left);
        Ok(place)
    }

    fn attribute(
        &mut self,
        place: usize,
        member: Member<'a>,
        row: usize,
    ) -> Result<(), DecodeError> {
        if let Some(Target::Skip) | None = self.targets.get(place) {
            return Ok(());
        }
        let value = match value::read(member.message()?)? {
            Cell::Value(value) => value,
            Cell::Index(index) => self.indexed(index, member.at)?,
        };
        self.value(place, value, row)
    }

    #[inline]
    fn value(
        &mut self,
        place: usize,
        mut value: ValueRef<'a>,
        row: usize,
    ) -> Result<(), DecodeError> {
        if Some(place) == self.id_place {
            value = ValueRef::Int(self.object_id(value, row)?);
        }
        match self.targets.get(place) {
            Some(&Target::Column(column)) => self
                .sink
                .attribute(column, value)
                .map_err(|source| DecodeError::refused(row, source)),
            // One value too many is counted, and reported at the row's end.
            Some(Target::HiddenId | Target::Skip) | None => Ok(()),
        }
    }

    #[cold]
    fn indexed(&self, index: u64, at: usize) -> Result<ValueRef<'a>, DecodeError> {
        if self.context.layout.fingerprint {
            // Equal bytes would not be equal rows.
            return Err(malformed(
                at,
                "a row without id refers to values that stand elsewhere",
            ));
        }
        let value = usize::try_from(index)
            .ok()
            .and_then(|index| self.features.values.get(index).copied());
        value.ok_or_else(|| malformed(at, format!("there is no value {index}")))
    }

    fn object_id(&mut self, value: ValueRef<'_>, row: usize) -> Result<i64, DecodeError> {
        let id = match value {
            ValueRef::Int(id) => Ok(id),
            ValueRef::Float(number) => object_id::from_float(number),
            ValueRef::Str(text) => object_id::from_text(text),
            ValueRef::Null => Err("it is null".to_owned()),
            ValueRef::Bool(flag) => Err(format!("it is {flag}")),
        };
        let id = id.map_err(|problem| DecodeError::ObjectId { row, problem })?;
        self.facts.ids.push(id);
        Ok(id)
    }
}
