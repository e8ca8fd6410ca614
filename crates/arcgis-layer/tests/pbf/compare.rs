//! Pages from bytes, and rows of one format against those of the other.

use std::path::PathBuf;

use arcgis_layer::{
    DecodeContext, DecodeError, FieldType, GeometryType, Layout, PageFacts, decode_pbf,
};

use crate::messages::FeatureResult;
use crate::recorder::{Cell, Recorder, Row, Shape};

pub(crate) fn decode_bytes(
    body: &[u8],
    layout: &Layout,
) -> Result<(Vec<Row>, PageFacts), DecodeError> {
    let mut sink = Recorder::new(layout.fields.len());
    let facts = decode_pbf(body, &DecodeContext::new(layout), &mut sink)?;
    assert_eq!(facts.rows, sink.rows.len());
    Ok((sink.rows, facts))
}

pub(crate) fn decode(page: FeatureResult, layout: &Layout) -> (Vec<Row>, PageFacts) {
    decode_bytes(&page.encoded(), layout).unwrap()
}

pub(crate) fn refused(page: FeatureResult, layout: &Layout) -> DecodeError {
    decode_bytes(&page.encoded(), layout).unwrap_err()
}

/// A captured answer; `None`, with a line that says so, where there are no captures.
pub(crate) fn capture(path: &str) -> Option<Vec<u8>> {
    let Some(folder) = std::env::var_os("ARCGIS_CAPTURES") else {
        println!("skipped: ARCGIS_CAPTURES is not set");
        return None;
    };
    Some(std::fs::read(PathBuf::from(folder).join(path)).unwrap())
}

/// The captures that are pages, and those that are also there in JSON.
pub(crate) const PAGES: [&str; 17] = [
    "pbf/PBFLineHasM.pbf",
    "pbf/PBFLineResponse.pbf",
    "pbf/PBFMultiPolygonResponseCRS3857.pbf",
    "pbf/PBFNoObjectIdFieldResponse.pbf",
    "pbf/PBFPointHasZ.pbf",
    "pbf/PBFPointResponse.pbf",
    "pbf/PBFPolygonHasZM.pbf",
    "pbf/PBFPolygonPage1.pbf",
    "pbf/PBFPolygonPage2.pbf",
    "pbf/PBFPolygonResponse.pbf",
    "pbf/PBFPolygonResponseCRS4326.pbf",
    "pbf/PBFWithDomainResponse.pbf",
    "arcpbf/multipoint.pbf",
    "arcpbf/pnts.pbf",
    "arcpbf/small-lines.pbf",
    "arcpbf/small-polys.pbf",
    "arcpbf/table.pbf",
];

pub(crate) const PAIRS: [(&str, &str); 6] = [
    ("json/LineHasM.json", "pbf/PBFLineHasM.pbf"),
    ("json/PointHasZ.json", "pbf/PBFPointHasZ.pbf"),
    ("json/PolygonHasZM.json", "pbf/PBFPolygonHasZM.pbf"),
    ("json/arcGISLineResponse.json", "pbf/PBFLineResponse.pbf"),
    ("json/arcGISPointResponse.json", "pbf/PBFPointResponse.pbf"),
    (
        "json/arcGISPolygonResponse.json",
        "pbf/PBFPolygonResponse.pbf",
    ),
];

/// Whether both values are the same to the column that they are for.
pub(crate) fn same_cell(json: &Cell, pbf: &Cell, field_type: &FieldType) -> bool {
    let single = *field_type == FieldType::Single;
    match (json, pbf) {
        // JSON has as few digits as a float of 32 bits needs.
        (Cell::Int(json), Cell::Float(pbf)) if single => *json as f32 == *pbf as f32,
        (Cell::Float(json), Cell::Float(pbf)) if single => *json as f32 == *pbf as f32,
        // And does not say which numbers have a fraction.
        (Cell::Int(json), Cell::Float(pbf)) => *json as f64 == *pbf,
        (Cell::Float(json), Cell::Float(pbf)) => json == pbf || (json.is_nan() && pbf.is_nan()),
        // Not-a-number is text in JSON.
        (Cell::Str(json), Cell::Float(pbf)) => json
            .parse()
            .is_ok_and(|json: f64| json == *pbf || (json.is_nan() && pbf.is_nan())),
        (json, pbf) => json == pbf,
    }
}

/// Rows agree: values, parts, and coordinates up to `quantum`.
pub(crate) fn assert_same(json: &[Row], pbf: &[Row], layout: &Layout, quantum: f64, name: &str) {
    assert_eq!(json.len(), pbf.len(), "{name}");
    for (at, (json, pbf)) in json.iter().zip(pbf).enumerate() {
        for (column, field) in layout.fields.iter().enumerate() {
            let (json, pbf) = (json.cell(column), pbf.cell(column));
            assert!(
                same_cell(json, pbf, &field.field_type),
                "{name}, row {at}, {}: {json:?} and {pbf:?}",
                field.name
            );
        }
        match (&json.geometry, &pbf.geometry) {
            (Some(json), Some(pbf)) => assert_same_shape(json, pbf, quantum, name),
            (None, None) => {}
            (json, pbf) => panic!("{name}, row {at}: {json:?} and {pbf:?}"),
        }
    }
}

fn assert_same_shape(json: &Shape, pbf: &Shape, quantum: f64, name: &str) {
    assert_eq!((json.kind, json.dims), (pbf.kind, pbf.dims), "{name}");
    assert_eq!(json.ring_ends, pbf.ring_ends, "{name}");
    assert_eq!(json.part_ends, pbf.part_ends, "{name}");
    assert_eq!(json.coords.len(), pbf.coords.len(), "{name}");
    let size = json.dims.size();
    for (at, (a, b)) in json.coords.iter().zip(&pbf.coords).enumerate() {
        // z and m are on a grid of their own.
        let quantum = if at % size < 2 { quantum } else { 1e-4 };
        // Half of it, and what floats of that size cannot tell apart.
        let most = quantum / 2.0 + a.abs() * 1e-15 + 1e-10;
        assert!(
            (a - b).abs() <= most || (a.is_nan() && b.is_nan()),
            "{name}: {a} and {b}"
        );
    }
}

/// How far apart the steps of an answer's coordinates are.
pub(crate) fn quantum(body: &[u8]) -> f64 {
    FeatureResult::decoded(body)
        .transform
        .and_then(|transform| transform.scale)
        .map_or(0.0, |scale| scale.x)
}

/// A field as the format numbers its type, from 0.
pub(crate) fn kind_of(geometry: i32) -> Option<GeometryType> {
    [
        GeometryType::Point,
        GeometryType::Multipoint,
        GeometryType::Polyline,
        GeometryType::Polygon,
    ]
    .get(usize::try_from(geometry).ok()?)
    .copied()
}
