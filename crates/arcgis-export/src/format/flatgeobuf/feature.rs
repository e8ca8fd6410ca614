//! One feature of a FlatGeobuf file.
//!
//! Slots are those of `feature.fbs` and `header.fbs`: 4 and 2 for each member before.

use flatbuffers::{FlatBufferBuilder, TableFinishedWIPOffset, WIPOffset};

use crate::format::cells::{Cell, uuid};
use crate::format::iso::{IsoDate, IsoMoment, IsoTime};
use crate::format::shape::Shape;
use crate::geometry_summary::WkbType;

mod slot {
    pub(super) const GEOMETRY: u16 = 4;
    pub(super) const PROPERTIES: u16 = 6;

    pub(super) const ENDS: u16 = 4;
    pub(super) const XY: u16 = 6;
    pub(super) const Z: u16 = 8;
    pub(super) const M: u16 = 10;
    pub(super) const TYPE: u16 = 16;
    pub(super) const PARTS: u16 = 18;
}

/// The type of a file of lines or polygons is that of several, even where a row has one: so all are alike.
pub(crate) fn promoted(kind: WkbType) -> WkbType {
    match kind {
        WkbType::LineString => WkbType::MultiLineString,
        WkbType::Polygon => WkbType::MultiPolygon,
        other => other,
    }
}

/// Encodes a feature, with its size before it. An empty geometry is none: readers refuse one without positions.
pub(crate) fn encode(
    builder: &mut FlatBufferBuilder<'_>,
    shape: Option<&Shape>,
    properties: &[u8],
) {
    builder.reset();
    let properties = (!properties.is_empty()).then(|| builder.create_vector(properties));
    let geometry = shape
        .filter(|shape| !shape.is_empty())
        .map(|shape| geometry(builder, shape));
    let table = builder.start_table();
    if let Some(geometry) = geometry {
        builder.push_slot_always(slot::GEOMETRY, geometry);
    }
    if let Some(properties) = properties {
        builder.push_slot_always(slot::PROPERTIES, properties);
    }
    let feature = builder.end_table(table);
    builder.finish_size_prefixed(feature, None);
}

type Table = WIPOffset<TableFinishedWIPOffset>;

fn geometry(builder: &mut FlatBufferBuilder<'_>, shape: &Shape) -> Table {
    let kind = promoted(shape.kind);
    if kind == WkbType::MultiPolygon {
        let parts: Vec<Table> = shape
            .polygons()
            .map(|rings| {
                let start = rings
                    .clone()
                    .next()
                    .map_or(0, |ring| shape.ring(ring).start);
                let ends: Vec<usize> = rings.map(|ring| shape.ring(ring).end).collect();
                flat(builder, shape, WkbType::Polygon, start, &ends)
            })
            .collect();
        let parts = builder.create_vector(&parts);
        let table = builder.start_table();
        builder.push_slot_always(slot::PARTS, parts);
        builder.push_slot_always(slot::TYPE, kind as u8);
        return builder.end_table(table);
    }
    let all = [shape.xy.len()];
    let ends = match kind {
        WkbType::MultiLineString => shape.ends.as_slice(),
        _ => &all,
    };
    flat(builder, shape, kind, 0, ends)
}

/// A geometry of positions from `start` to the last of `ends`, which stand there if there are several.
fn flat(
    builder: &mut FlatBufferBuilder<'_>,
    shape: &Shape,
    kind: WkbType,
    start: usize,
    ends: &[usize],
) -> Table {
    let end = ends.last().copied().unwrap_or(start);
    let xy = shape.xy.get(start..end).unwrap_or_default();
    let xy = builder.create_vector(xy.as_flattened());
    let z = axis(builder, &shape.z, start, end);
    let m = axis(builder, &shape.m, start, end);
    // A promoted line has its one end too: without it some readers take it for no line at all.
    let ends = (ends.len() > 1 || kind == WkbType::MultiLineString).then(|| {
        let ends: Vec<u32> = ends
            .iter()
            .map(|end| u32::try_from(end - start).unwrap_or(u32::MAX))
            .collect();
        builder.create_vector(&ends)
    });
    let table = builder.start_table();
    if let Some(ends) = ends {
        builder.push_slot_always(slot::ENDS, ends);
    }
    builder.push_slot_always(slot::XY, xy);
    for (slot, numbers) in [(slot::Z, z), (slot::M, m)] {
        if let Some(numbers) = numbers {
            builder.push_slot_always(slot, numbers);
        }
    }
    builder.push_slot_always(slot::TYPE, kind as u8);
    builder.end_table(table)
}

fn axis<'b>(
    builder: &mut FlatBufferBuilder<'b>,
    numbers: &[f64],
    start: usize,
    end: usize,
) -> Option<WIPOffset<flatbuffers::Vector<'b, f64>>> {
    let numbers = numbers
        .get(start..end)
        .filter(|numbers| !numbers.is_empty())?;
    Some(builder.create_vector(numbers))
}

/// Appends a value behind the number of its column; nothing for null.
pub(crate) fn push_property(out: &mut Vec<u8>, column: u16, narrow: Narrow, cell: Cell<'_>) {
    if cell == Cell::Null {
        return;
    }
    out.extend_from_slice(&column.to_le_bytes());
    match cell {
        Cell::Null => {}
        // Whole numbers come out of arrays of these types.
        Cell::Integer(number) => match narrow {
            Narrow::Short => out.extend_from_slice(&(number as i16).to_le_bytes()),
            Narrow::Int => out.extend_from_slice(&(number as i32).to_le_bytes()),
            Narrow::No => out.extend_from_slice(&number.to_le_bytes()),
        },
        Cell::Float(number) => out.extend_from_slice(&number.to_le_bytes()),
        Cell::Double(number) => out.extend_from_slice(&number.to_le_bytes()),
        Cell::Text(text) => push_bytes(out, text.as_bytes()),
        Cell::Bytes(bytes) => push_bytes(out, bytes),
        Cell::Uuid(bytes) => push_bytes(out, uuid(bytes).as_bytes()),
        Cell::Date(days) => push_bytes(out, IsoDate(days.into()).to_string().as_bytes()),
        Cell::Time(time) => push_bytes(out, IsoTime(time.into()).to_string().as_bytes()),
        Cell::Moment { microseconds, utc } => {
            let milliseconds = false;
            let moment = IsoMoment {
                microseconds,
                utc,
                milliseconds,
            };
            push_bytes(out, moment.to_string().as_bytes());
        }
    }
}

/// In how few bytes whole numbers of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Narrow {
    Short,
    Int,
    No,
}

/// Arrow's values have fewer than 2^31 bytes.
fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
}
