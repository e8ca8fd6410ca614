//! Geometry as GeoPackage holds it: a header, and ISO WKB.

use crate::format::shape::Shape;
use crate::geometry_summary::WkbType;

const LITTLE_ENDIAN: u8 = 0b0_0001;
const ENVELOPE_XY: u8 = 0b0_0010;
const EMPTY: u8 = 0b1_0000;

/// The type of a column of lines or polygons is that of several, so a row with one becomes several of one.
pub(crate) fn promoted(kind: WkbType) -> WkbType {
    match kind {
        WkbType::LineString => WkbType::MultiLineString,
        WkbType::Polygon => WkbType::MultiPolygon,
        other => other,
    }
}

/// Puts a geometry together. Points have no envelope: they are their own.
pub(crate) fn encode(out: &mut Vec<u8>, srs_id: i32, shape: &Shape, wkb: &[u8]) {
    out.clear();
    let envelope = shape.bounds().filter(|_| shape.kind != WkbType::Point);
    let flags = LITTLE_ENDIAN
        | if envelope.is_some() { ENVELOPE_XY } else { 0 }
        | if shape.is_empty() { EMPTY } else { 0 };
    out.extend_from_slice(&[b'G', b'P', 0, flags]);
    out.extend_from_slice(&srs_id.to_le_bytes());
    if let Some(bounds) = envelope {
        for side in [bounds.xmin, bounds.xmax, bounds.ymin, bounds.ymax] {
            out.extend_from_slice(&side.to_le_bytes());
        }
    }
    let kind = promoted(shape.kind);
    if kind == shape.kind {
        out.extend_from_slice(wkb);
        return;
    }
    let dims = u32::from(shape.has_z) * 1000 + u32::from(shape.has_m) * 2000;
    out.push(1);
    out.extend_from_slice(&(kind as u32 + dims).to_le_bytes());
    let parts = u32::from(!shape.is_empty());
    out.extend_from_slice(&parts.to_le_bytes());
    if parts > 0 {
        out.extend_from_slice(wkb);
    }
}
