//! Random pages in both formats, and random bytes.

use arcgis_layer::{
    GeometryType, read_header, read_pbf_count, read_pbf_extent, read_pbf_header, read_pbf_ids,
};
use arcgis_testkit::{
    Field, FieldType, Geometry, GeometryType as Kind, Layer, Quirk, Row, Value, Vertex,
};
use proptest::prelude::*;

use crate::compare::{PAGES, assert_same, capture, decode_bytes};
use crate::recorder::located;
use crate::service::{page, start};

const FIELDS: [FieldType; 11] = [
    FieldType::SmallInteger,
    FieldType::Integer,
    FieldType::BigInteger,
    FieldType::Single,
    FieldType::Double,
    FieldType::String,
    FieldType::Date,
    FieldType::DateOnly,
    FieldType::Guid,
    FieldType::Xml,
    FieldType::TimestampOffset,
];

fn value(kind: FieldType) -> BoxedStrategy<Value> {
    let value = match kind {
        FieldType::SmallInteger => any::<i16>().prop_map(Value::from).boxed(),
        FieldType::Integer => any::<i32>().prop_map(Value::from).boxed(),
        FieldType::BigInteger | FieldType::Date => any::<i64>().prop_map(Value::from).boxed(),
        FieldType::Single => any::<f32>().prop_map(Value::from).boxed(),
        FieldType::Double => any::<f64>().prop_map(Value::from).boxed(),
        _ => ".{0,12}".prop_map(Value::from).boxed(),
    };
    prop_oneof![1 => Just(Value::Null), 6 => value].boxed()
}

/// Coordinates of the reference system, whose grid is a tenth of a millimetre or 1e-9 degrees.
fn vertex(degrees: bool) -> impl Strategy<Value = Vertex> {
    let (x, y) = if degrees {
        (-180.0..180.0, -90.0..90.0)
    } else {
        (-2e7..2e7, -2e7..2e7)
    };
    let ordinate = || prop_oneof![1 => Just(f64::NAN), 5 => -9_000.0..9_000.0];
    (x, y, ordinate(), ordinate()).prop_map(|(x, y, z, m)| Vertex { x, y, z, m })
}

fn ring(centre: Vertex, radius: f64, corners: usize, clockwise: bool) -> Vec<Vertex> {
    let turn = if clockwise { -1.0 } else { 1.0 };
    let corner = |at: usize| {
        let angle = turn * (at % corners) as f64 / corners as f64 * std::f64::consts::TAU;
        Vertex {
            x: centre.x + radius * angle.cos(),
            y: centre.y + radius * angle.sin(),
            ..centre
        }
    };
    (0..=corners).map(corner).collect()
}

fn geometry(kind: Kind, degrees: bool) -> BoxedStrategy<Geometry> {
    let vertices = move || prop::collection::vec(vertex(degrees), 2..9);
    match kind {
        Kind::Point => vertex(degrees).prop_map(Geometry::Point).boxed(),
        Kind::Multipoint => vertices().prop_map(Geometry::Multipoint).boxed(),
        Kind::Polyline => prop::collection::vec(vertices(), 1..4)
            .prop_map(Geometry::Polyline)
            .boxed(),
        // Shells side by side, each with a hole or without.
        _ => (
            vertex(degrees),
            3..9_usize,
            prop::collection::vec(any::<bool>(), 1..4),
        )
            .prop_map(move |(centre, corners, holes)| {
                let radius = if degrees { 0.01 } else { 1_000.0 };
                let mut rings = Vec::new();
                for (at, hole) in holes.into_iter().enumerate() {
                    let centre = Vertex {
                        x: centre.x + at as f64 * radius * 3.0,
                        ..centre
                    };
                    rings.push(ring(centre, radius, corners, true));
                    if hole {
                        rings.push(ring(centre, radius / 4.0, corners, false));
                    }
                }
                Geometry::Polygon(rings)
            })
            .boxed(),
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Point),
        Just(Kind::Multipoint),
        Just(Kind::Polyline),
        Just(Kind::Polygon),
    ]
}

fn layers() -> impl Strategy<Value = (Layer, bool)> {
    let shape = (
        kinds(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        0..3_usize,
    );
    shape.prop_flat_map(|(kind, degrees, has_z, has_m, quirk)| {
        let values: Vec<_> = FIELDS.map(value).into();
        let located = prop::option::weighted(0.8, geometry(kind, degrees));
        prop::collection::vec((values, located), 1..12).prop_map(move |rows| {
            let mut layer =
                Layer::new("layer", kind).with_wkid(if degrees { 4326 } else { 102_100 });
            if has_z {
                layer = layer.with_z();
            }
            if has_m {
                layer = layer.with_m();
            }
            layer = match quirk {
                1 => layer.with_quirk(Quirk::FeaturesFirst),
                2 => layer.with_quirk(Quirk::LowerLeftOrigin),
                _ => layer,
            };
            for (at, field) in FIELDS.into_iter().enumerate() {
                layer = layer.with_field(Field::new(format!("F{at}"), field));
            }
            for (values, geometry) in rows {
                let mut row = Row::new();
                for (at, value) in values.into_iter().enumerate() {
                    row = row.with(format!("F{at}"), value);
                }
                layer = layer.with_row(match geometry {
                    Some(geometry) => row.at(geometry),
                    None => row,
                });
            }
            (layer, degrees)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_page_is_the_same_in_both_formats((layer, degrees) in layers()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let service = runtime.block_on(start(layer));
        let (json, pbf) = (page(&service, "json"), page(&service, "pbf"));
        let (json_header, header) = (read_header(&json).unwrap(), read_pbf_header(&pbf).unwrap());
        prop_assert_eq!(json_header.geometry_type, header.geometry_type);
        prop_assert_eq!(json_header.rows, header.rows);
        prop_assert_eq!(&json_header.spatial_reference, &header.spatial_reference);
        let layout = json_header.layout();
        let (json_rows, json_facts) = crate::recorder::decode_bytes(&json, &layout).unwrap();
        let (rows, facts) = decode_bytes(&pbf, &layout).unwrap();
        assert_same(&json_rows, &rows, &layout, if degrees { 1e-9 } else { 1e-4 }, "random");
        prop_assert_eq!(json_facts.ids, facts.ids);
        prop_assert_eq!(json_facts.without_geometry, facts.without_geometry);
        prop_assert_eq!(json_facts.repaired, facts.repaired);
        prop_assert_eq!(json_facts.exceeded, facts.exceeded);
    }
}

/// Whatever the bytes are, there is an answer, and no sink sees half a contract.
fn survives(body: &[u8]) {
    let _ = read_pbf_count(body);
    let _ = read_pbf_ids(body);
    let _ = read_pbf_extent(body);
    if let Ok(header) = read_pbf_header(body) {
        let _ = decode_bytes(body, &header.layout());
    }
    for kind in [GeometryType::Point, GeometryType::Polygon] {
        for dims in [arcgis_layer::Dimensions::Xy, arcgis_layer::Dimensions::Xyzm] {
            let _ = decode_bytes(body, &located(kind, dims));
        }
    }
}

/// A page by hand, for where there are no captures.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = PAGES
        .iter()
        .filter_map(|path| capture(path))
        .filter(|body| body.len() < 4_000)
        .collect();
    let own = b"\x12\x35\x0a\x33\x38\x03\x62\x28\x12\x12\x09\x95\xd6\x26\xe8\x0b\x2e\x11\x3e\x11\x95\xd6\x26\xe8\x0b\x2e\x11\x3e\x1a\x12\x09\x00\x00\x00\x00\x00\x00\x79\xc0\x11\x00\x00\x00\x00\x00\x00\x79\xc0\x6a\x00\x7a\x03\x0a\x01\x00";
    seeds.push(own.to_vec());
    seeds
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_survived(body in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&body);
        // As the features of an answer, where the bytes mean more.
        if body.len() < 124 {
            let length = body.len() as u8;
            survives(&[&[0x12, length + 2, 0x0a, length], &body[..]].concat());
        }
    }
}

#[test]
fn mutated_pages_are_survived() {
    let seeds = seeds();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut decoded = 0;
    for _ in 0..4_000 {
        let mut body = seeds[random(seeds.len())].clone();
        for _ in 0..=random(3) {
            let at = random(body.len());
            match random(12) {
                0..=4 => body[at] = random(256) as u8,
                5..=8 => body[at] ^= 1 << random(8),
                9 => body.truncate(at.max(1)),
                10 => body.insert(at, [0x00, 0x7f, 0x80, 0xff][random(4)]),
                _ => {
                    body.remove(at);
                    if body.is_empty() {
                        body.push(0);
                    }
                }
            }
        }
        survives(&body);
        decoded += usize::from(read_pbf_header(&body).is_ok());
    }
    println!("{decoded} of 4000 mutated pages had a header");
}

/// Bytes that announce much must not make the decoder allocate or work much.
#[test]
fn announcements_alone_cost_nothing() {
    // A polygon of 2^32 - 1 positions in two bytes of coordinates, many times over.
    let geometry = b"\x12\x05\xff\xff\xff\xff\x0f\x1a\x02\x02\x02";
    let mut feature = vec![0x12, geometry.len() as u8];
    feature.extend_from_slice(geometry);
    let mut features = vec![0x38, 0x03];
    for _ in 0..10_000 {
        features.extend([0x7a, feature.len() as u8]);
        features.extend_from_slice(&feature);
    }
    let mut body = features;
    for member in [0x0a, 0x12] {
        let mut framed = vec![member];
        prost::encode_length_delimiter(body.len(), &mut framed).unwrap();
        framed.append(&mut body);
        body = framed;
    }
    let started = std::time::Instant::now();
    let layout = located(GeometryType::Polygon, arcgis_layer::Dimensions::Xy);
    assert!(decode_bytes(&body, &layout).is_err());
    assert!(started.elapsed().as_secs() < 5);
}
