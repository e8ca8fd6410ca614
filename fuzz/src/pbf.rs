//! The PBF decoder, against `prost`.
//!
//! A case is a byte that chooses the layout, and a body. Any body only has to end well, and to agree with `prost` on
//! what is plain. What `prost` reads is then written anew by `prost`, which leaves one way to write it, and what
//! the decoder makes of that is worked out once more from the messages: rows and refusals have to be the same.

use arcgis_layer::{
    DecodeContext, DecodeError, GeometryLayout, GeometryType, Layout, PageFacts, decode_pbf,
    read_pbf_count, read_pbf_extent, read_pbf_header, read_pbf_ids,
};
use prost::Message as _;

use super::json::facts_fit;
use super::layouts::{Names, layout};
use super::messages::{Arm, Axes, Collection, Feature, FeatureResult, Geometry, Kind, Value};
use super::recorder::{Cell, Recorder, Row};
use super::shape::Read;

pub(crate) fn decode(body: &[u8], layout: &Layout) -> Result<(Vec<Row>, PageFacts), DecodeError> {
    let mut sink = Recorder::new(layout.fields.len());
    let facts = decode_pbf(body, &DecodeContext::new(layout), &mut sink)?;
    facts_fit(&sink.rows, &facts, layout);
    Ok((sink.rows, facts))
}

/// Decodes any bytes.
pub fn pbf(data: &[u8]) {
    let Some((&choice, body)) = data.split_first() else {
        return;
    };
    let layout = layout(choice);
    let raw = decode(body, &layout);
    let (count, ids) = (read_pbf_count(body), read_pbf_ids(body));
    let extent = read_pbf_extent(body);
    if let Ok(header) = read_pbf_header(body) {
        if let Ok((rows, facts)) = &raw {
            assert_eq!(header.rows, rows.len());
            assert_eq!(header.exceeded, facts.exceeded);
        }
        if let Ok((rows, _)) = decode(body, &header.layout()) {
            assert_eq!(header.rows, rows.len());
        }
    }
    let Ok(collection) = Collection::decode(body) else {
        return;
    };
    let Some(arm) = collection.result.and_then(|result| result.arm) else {
        assert!(raw.is_err() && count.is_err() && ids.is_err() && extent.is_err());
        return;
    };
    match arm {
        Arm::Count(wanted) => {
            if let Ok(count) = count {
                assert_eq!(count, wanted.count);
            }
            assert!(raw.is_err());
        }
        Arm::Ids(wanted) => {
            if let Ok(ids) = ids {
                assert!(ids.iter().map(|id| *id as u64).eq(wanted.object_ids));
            }
            assert!(raw.is_err());
        }
        Arm::Extent(_) => assert!(raw.is_err()),
        Arm::Features(page) => {
            if let Ok((rows, _)) = &raw {
                assert_eq!(rows.len(), page.features.len());
            }
            messages(page, &layout);
        }
    }
}

/// What a page of messages becomes.
fn messages(page: FeatureResult, layout: &Layout) {
    let wanted = rows(&page, layout);
    let reference = page.spatial_reference.clone().unwrap_or_default();
    let exceeded = page.exceeded_transfer_limit;
    match (wanted, decode(&page.encoded(), layout)) {
        (Some(wanted), Ok((rows, facts))) => {
            assert_eq!(wanted.len(), rows.len());
            assert_eq!(facts.exceeded, exceeded);
            let wkid = facts
                .spatial_reference
                .as_ref()
                .and_then(|found| found.wkid);
            assert_eq!(wkid.unwrap_or(0), i64::from(reference.wkid));
            for (wanted, row) in wanted.iter().zip(&rows) {
                for (column, cell) in wanted.cells.iter().enumerate() {
                    assert!(
                        same(cell, row.cell(column)),
                        "{cell:?} {:?}",
                        row.cell(column)
                    );
                }
                wanted.read.check(row.geometry.as_ref());
            }
            if layout.object_id.is_some() {
                let ids: Vec<Option<i64>> = wanted.iter().map(|row| row.id).collect();
                let found: Vec<Option<i64>> = facts.ids.iter().copied().map(Some).collect();
                assert_eq!(ids, found);
            }
            let repaired = wanted
                .iter()
                .filter(|row| row.read.repaired() == Some(true));
            assert_eq!(repaired.count(), facts.repaired);
        }
        (None, Err(_)) => {}
        (Some(_), Err(DecodeError::Geometry { problem, .. }))
            if problem.contains("overlap so much") => {}
        (wanted, found) => panic!("{wanted:?} was expected, not {found:?}"),
    }
}

fn same(wanted: &Cell, found: &Cell) -> bool {
    match (wanted, found) {
        (Cell::Float(wanted), Cell::Float(found)) => {
            wanted.to_bits() == found.to_bits() || (wanted.is_nan() && found.is_nan())
        }
        (wanted, found) => wanted == found,
    }
}

#[derive(Debug)]
struct Wanted {
    cells: Vec<Cell>,
    id: Option<i64>,
    read: Read,
}

/// The rows of a page; `None` if it is to be refused.
fn rows(page: &FeatureResult, layout: &Layout) -> Option<Vec<Wanted>> {
    let names = Names::new(layout, page.fields.iter().map(|field| field.name.as_str()));
    let mut places: Vec<Option<usize>> = Vec::new();
    for field in &page.fields {
        let place = names.place(&field.name);
        let taken = place.is_some() && places.contains(&place);
        places.push(if taken { None } else { place });
    }
    let origin = page.transform.as_ref().map(|transform| transform.origin);
    if !matches!(origin, None | Some(0 | 1)) {
        return None;
    }
    let points_on = |value: &Value| matches!(value.kind, Some(Kind::Index(_)));
    if page.values.iter().any(points_on) {
        return None;
    }
    page.features
        .iter()
        .map(|feature| row(page, layout, feature, &places))
        .collect()
}

fn row(
    page: &FeatureResult,
    layout: &Layout,
    feature: &Feature,
    places: &[Option<usize>],
) -> Option<Wanted> {
    if feature.attributes.len() != places.len() {
        return None;
    }
    let columns = layout.fields.len();
    let mut cells = vec![Cell::Null; columns + 1];
    let mut found = vec![false; columns + 1];
    for (value, place) in feature.attributes.iter().zip(places) {
        let Some(place) = *place else { continue };
        found[place] = true;
        cells[place] = match value.kind {
            Some(Kind::Index(index)) => {
                if layout.fingerprint {
                    return None;
                }
                cell(page.values.get(usize::try_from(index).ok()?)?)
            }
            _ => cell(value),
        };
    }
    let mut id = None;
    if let Some(column) = &layout.object_id {
        let place = column.column.unwrap_or(columns);
        if !found[place] {
            return None;
        }
        let number = object_id(&cells[place])?;
        id = Some(number);
        cells[place] = Cell::Int(number);
    }
    cells.truncate(columns);
    if cells.contains(&Cell::Str("refuse me".to_owned())) {
        return None;
    }
    let read = match &layout.geometry {
        None => Read::None,
        Some(layout) => geometry_of(page, feature, layout)?,
    };
    Some(Wanted { cells, id, read })
}

fn cell(value: &Value) -> Cell {
    match value.kind.clone() {
        None | Some(Kind::Null(_) | Kind::Index(_)) => Cell::Null,
        Some(Kind::Text(text)) => Cell::Str(text),
        Some(Kind::Float(number)) => Cell::Float(f64::from(number)),
        Some(Kind::Double(number)) => Cell::Float(number),
        Some(Kind::Sint(number)) => Cell::Int(i64::from(number)),
        Some(Kind::Uint(number)) => Cell::Int(i64::from(number)),
        Some(Kind::Int64(number) | Kind::Sint64(number)) => Cell::Int(number),
        Some(Kind::Uint64(number)) => match i64::try_from(number) {
            Ok(number) => Cell::Int(number),
            Err(_) => Cell::Float(number as f64),
        },
        Some(Kind::Bool(flag)) => Cell::Bool(flag),
    }
}

fn object_id(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Int(id) => Some(*id),
        Cell::Float(number) => (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0)
            .then_some(*number as i64),
        Cell::Str(text) => text.trim().parse().ok(),
        Cell::Null | Cell::Bool(_) => None,
    }
}

fn geometry_of(page: &FeatureResult, feature: &Feature, layout: &GeometryLayout) -> Option<Read> {
    if feature.curve.is_some() || feature.shape_buffer.is_some() {
        return None;
    }
    match (&feature.geometry, &feature.newer) {
        (Some(geometry), _) => self::geometry(page, geometry, layout),
        (None, Some(_)) => None,
        (None, None) => Some(Read::None),
    }
}

fn geometry(page: &FeatureResult, geometry: &Geometry, layout: &GeometryLayout) -> Option<Read> {
    let kind = match (geometry.geometry_type, page.geometry_type) {
        (0, 0) => layout.kind,
        (0, declared) => kind_of(declared)?,
        (own, _) => kind_of(own)?,
    };
    if matches!(kind, GeometryType::Multipatch | GeometryType::Envelope) {
        return None;
    }
    let point = kind == GeometryType::Point;
    let empty = point || geometry.lengths.iter().all(|&length| length == 0);
    if geometry.coords.is_empty() && empty {
        return Some(Read::of_parts(kind, Vec::new(), layout.dims, false));
    }
    let stride = 2 + usize::from(page.has_z) + usize::from(page.has_m);
    let lengths: &[u32] = if point { &[1] } else { &geometry.lengths };
    let positions: u64 = lengths.iter().copied().map(u64::from).sum();
    if positions * stride as u64 != geometry.coords.len() as u64 {
        return None;
    }
    let transform = page.transform.as_ref()?;
    let scale = transform.scale.unwrap_or_default();
    let translate = transform.translate.unwrap_or_default();
    usable(page, layout, &scale, &translate).then_some(())?;
    let up = if transform.origin == 0 { -1.0 } else { 1.0 };
    let mut numbers = geometry.coords.chunks(stride);
    let mut parts = Vec::new();
    for &length in lengths {
        let (mut x, mut y) = (0_i64, 0_i64);
        let mut part = Vec::new();
        for _ in 0..length {
            let steps = numbers.next()?;
            x = x.checked_add(steps[0])?;
            y = y.checked_add(steps[1])?;
            let mut position = [
                x as f64 * scale.x + translate.x,
                y as f64 * (up * scale.y) + translate.y,
                f64::NAN,
                f64::NAN,
            ];
            // 0 is also what is written for a missing one.
            if page.has_z && (steps[2] != 0 || translate.z == 0.0) {
                position[2] = steps[2] as f64 * scale.z + translate.z;
            }
            if page.has_m && steps[stride - 1] != 0 {
                position[3] = steps[stride - 1] as f64 * scale.m + translate.m;
            }
            if !(position[0].is_finite() && position[1].is_finite()) {
                return None;
            }
            part.push(position);
        }
        parts.push(part);
    }
    Some(Read::of_parts(kind, parts, layout.dims, false))
}

/// Whether the axes that are wanted have a scale.
fn usable(page: &FeatureResult, layout: &GeometryLayout, scale: &Axes, translate: &Axes) -> bool {
    let fits =
        |scale: f64, translate: f64| scale.is_finite() && scale != 0.0 && translate.is_finite();
    let z = page.has_z && layout.dims.has_z();
    let m = page.has_m && layout.dims.has_m();
    fits(scale.x, translate.x)
        && fits(scale.y, translate.y)
        && (!z || fits(scale.z, translate.z))
        && (!m || fits(scale.m, translate.m))
}

fn kind_of(number: i32) -> Option<GeometryType> {
    Some(match number {
        0 => GeometryType::Point,
        1 => GeometryType::Multipoint,
        2 => GeometryType::Polyline,
        3 => GeometryType::Polygon,
        4 => GeometryType::Multipatch,
        5 => GeometryType::Envelope,
        _ => return None,
    })
}
