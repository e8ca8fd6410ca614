//! Geometry: origins, deltas, z and m, parts, and what is refused.

use arcgis_layer::Dimensions::{Xy, Xym, Xyz, Xyzm};
use arcgis_layer::GeometryType::{Envelope, Multipatch, Multipoint, Point, Polygon, Polyline};
use arcgis_layer::{DecodeError, Dimensions, GeometryType, Layout, PageFacts};
use prost::Message;

use crate::compare::{decode, decode_bytes, refused};
use crate::messages::{Axes, Feature, FeatureResult, Geometry, ShapeBuffer, Transform};
use crate::recorder::{Row, Shape, located};

/// Steps of 0.5 from (1000, 2000); z of 0.25 from -100, m of 2 from -50.
fn transform(origin: i32) -> Option<Transform> {
    Some(Transform {
        origin,
        scale: Some(Axes {
            x: 0.5,
            y: 0.5,
            m: 2.0,
            z: 0.25,
        }),
        translate: Some(Axes {
            x: 1000.0,
            y: 2000.0,
            m: -50.0,
            z: -100.0,
        }),
    })
}

fn number(kind: GeometryType) -> i32 {
    match kind {
        Multipoint => 1,
        Polyline => 2,
        Polygon => 3,
        Multipatch => 4,
        Envelope => 5,
        _ => 0,
    }
}

fn page(kind: GeometryType, dims: Dimensions, lengths: &[u32], coords: &[i64]) -> FeatureResult {
    FeatureResult {
        geometry_type: number(kind),
        has_z: dims.has_z(),
        has_m: dims.has_m(),
        transform: transform(0),
        features: vec![Feature {
            geometry: Some(Geometry {
                geometry_type: 0,
                lengths: lengths.to_vec(),
                coords: coords.to_vec(),
            }),
            ..Feature::default()
        }],
        ..FeatureResult::default()
    }
}

fn one(rows: Vec<Row>) -> Shape {
    assert_eq!(rows.len(), 1);
    rows.into_iter().next().unwrap().geometry.unwrap()
}

fn read(kind: GeometryType, dims: Dimensions, lengths: &[u32], coords: &[i64]) -> Shape {
    let layout = located(kind, dims);
    one(decode(page(kind, dims, lengths, coords), &layout).0)
}

#[test]
fn t10_y_counts_downwards_and_deltas_start_again_at_every_part() {
    let shape = read(
        Polygon,
        Xy,
        &[5, 4],
        &[
            // A square of 10, clockwise: up, right, down, left.
            0, 0, 0, -20, 20, 0, 0, 20, -20, 0, // And a hole whose first position is absolute.
            4, -4, 8, 0, 0, -8, -8, 8,
        ],
    );
    assert_eq!((shape.ring_ends, shape.part_ends), (vec![5, 9], vec![2]));
    assert_eq!(
        shape.coords,
        [
            // Turned round, as outputs have it.
            1000.0, 2000.0, 1010.0, 2000.0, 1010.0, 2010.0, 1000.0, 2010.0, 1000.0, 2000.0, //
            1002.0, 2002.0, 1006.0, 2006.0, 1006.0, 2002.0, 1002.0, 2002.0
        ]
    );
}

#[test]
fn the_origin_may_be_the_lower_left() {
    let mut answer = page(Polyline, Xy, &[2], &[2, 2, 2, 2]);
    let layout = located(Polyline, Xy);
    let coords = |answer: &FeatureResult| one(decode(answer.clone(), &layout).0).coords;
    assert_eq!(coords(&answer), [1001.0, 1999.0, 1002.0, 1998.0]);
    answer.transform = transform(1);
    assert_eq!(coords(&answer), [1001.0, 2001.0, 1002.0, 2002.0]);
    answer.transform = transform(2);
    let error = refused(answer, &layout);
    assert!(error.to_string().contains("origin"), "{error}");
}

#[test]
fn t11_z_and_m_are_absolute() {
    let coords = [2, -2, 404, 30, 2, -2, 408, 40];
    let shape = read(Polyline, Xyzm, &[2], &coords);
    assert_eq!(
        shape.coords,
        [1001.0, 2001.0, 1.0, 10.0, 1002.0, 2002.0, 2.0, 30.0]
    );
    let answer = page(Polyline, Xyzm, &[2], &coords);
    let with = |dims: Dimensions| one(decode(answer.clone(), &located(Polyline, dims)).0).coords;
    assert_eq!(with(Xy), [1001.0, 2001.0, 1002.0, 2002.0]);
    assert_eq!(with(Xyz), [1001.0, 2001.0, 1.0, 1002.0, 2002.0, 2.0]);
    assert_eq!(with(Xym), [1001.0, 2001.0, 10.0, 1002.0, 2002.0, 30.0]);
    // Asked for, and not there.
    let flat = page(Point, Xy, &[], &[2, -2]);
    let shape = one(decode(flat, &located(Point, Xyzm)).0);
    assert_eq!(format!("{:?}", shape.coords), "[1001.0, 2001.0, NaN, NaN]");
    let measured = read(Point, Xym, &[1], &[2, -2, 30]);
    assert_eq!(measured.coords, [1001.0, 2001.0, 10.0]);
}

#[test]
fn t13_a_missing_m_or_z_is_zero_steps() {
    let shape = read(Polyline, Xyzm, &[2], &[2, -2, 0, 0, 2, -2, 408, 40]);
    assert_eq!(
        format!("{:?}", shape.coords),
        "[1001.0, 2001.0, NaN, NaN, 1002.0, 2002.0, 2.0, 30.0]"
    );
    // Where z begins with 0, 0 is a height.
    let mut answer = page(Point, Xyz, &[1], &[2, -2, 0]);
    answer
        .transform
        .as_mut()
        .unwrap()
        .translate
        .as_mut()
        .unwrap()
        .z = 0.0;
    let shape = one(decode(answer, &located(Point, Xyz)).0);
    assert_eq!(shape.coords, [1001.0, 2001.0, 0.0]);
}

#[test]
fn t34_coordinates_without_a_transform_are_refused_and_pages_without_geometry_are_fine() {
    let layout = located(Polygon, Xy);
    let mut answer = page(Polygon, Xy, &[4], &[0, 0, 0, -2, 2, 0, -2, 2]);
    answer.transform = None;
    let error = refused(answer.clone(), &layout);
    assert!(
        matches!(&error, DecodeError::Geometry { row: 0, problem, .. } if problem.contains("no transform")),
        "{error}"
    );
    // Nobody asked for it.
    assert_eq!(decode(answer.clone(), &located_nowhere()).1.rows, 1);
    answer.features[0].geometry = None;
    let (rows, facts) = decode(answer.clone(), &layout);
    assert_eq!(
        (rows[0].geometry.clone(), facts.without_geometry),
        (None, 1)
    );
    answer.features[0].geometry = Some(Geometry::default());
    let (rows, facts) = decode(answer, &layout);
    let shape = one(rows);
    assert_eq!((shape.kind, shape.coords.len()), (Polygon, 0));
    assert_eq!(facts.without_geometry, 1);
}

fn located_nowhere() -> Layout {
    crate::recorder::columns(&[])
}

#[test]
fn a_scale_of_zero_is_no_scale() {
    let broken = |dims: Dimensions, change: fn(&mut Axes)| {
        let mut answer = page(Point, Xyzm, &[1], &[2, -2, 4, 4]);
        let scale = answer.transform.as_mut().unwrap().scale.as_mut().unwrap();
        change(scale);
        let body = answer.encoded();
        decode_bytes(&body, &located(Point, dims))
    };
    let zero_x: fn(&mut Axes) = |axes| axes.x = 0.0;
    let nan_y: fn(&mut Axes) = |axes| axes.y = f64::NAN;
    let zero_z: fn(&mut Axes) = |axes| axes.z = 0.0;
    let zero_m: fn(&mut Axes) = |axes| axes.m = 0.0;
    for (dims, change) in [(Xy, zero_x), (Xy, nan_y), (Xyz, zero_z), (Xym, zero_m)] {
        let error = broken(dims, change).unwrap_err();
        assert!(
            matches!(&error, DecodeError::Geometry { row: 0, problem, .. } if problem.contains("scale")),
            "{error}"
        );
    }
    // That of an axis that nobody wants does not matter.
    assert!(broken(Xy, zero_z).is_ok() && broken(Xyz, zero_m).is_ok());
    let mut infinite = page(Point, Xy, &[], &[i64::MAX, 0]);
    infinite
        .transform
        .as_mut()
        .unwrap()
        .scale
        .as_mut()
        .unwrap()
        .x = f64::MAX;
    let error = refused(infinite, &located(Point, Xy));
    assert!(error.to_string().contains("not finite"), "{error}");
    let mut nowhere = page(Point, Xy, &[], &[2, 2]);
    nowhere.transform.as_mut().unwrap().scale = None;
    refused(nowhere, &located(Point, Xy));
}

#[test]
fn lengths_of_points_do_not_matter() {
    for lengths in [&[][..], &[1], &[2], &[7, 9]] {
        assert_eq!(read(Point, Xy, lengths, &[2, -2]).coords, [1001.0, 2001.0]);
        assert_eq!(read(Point, Xy, lengths, &[]).coords, Vec::<f64>::new());
    }
    for coords in [&[1][..], &[1, 2, 3], &[1, 2, 3, 4]] {
        let error = refused(page(Point, Xy, &[1], coords), &located(Point, Xy));
        assert!(matches!(error, DecodeError::Malformed { .. }), "{error}");
    }
}

#[test]
fn parts_have_to_add_up() {
    for (kind, dims, lengths, coords) in [
        (Polyline, Xy, &[2][..], 6),
        (Polyline, Xy, &[3], 4),
        (Polyline, Xy, &[], 4),
        (Polyline, Xy, &[2], 0),
        (Multipoint, Xy, &[2], 5),
        (Polygon, Xyz, &[4], 8),
        (Polygon, Xy, &[u32::MAX, u32::MAX], 8),
        (Polygon, Xy, &[4, u32::MAX], 8),
    ] {
        let numbers: Vec<i64> = (1..=coords).collect();
        let error = refused(page(kind, dims, lengths, &numbers), &located(kind, dims));
        assert!(
            matches!(&error, DecodeError::Malformed { problem, .. } if problem.contains("coordinates")),
            "{error}"
        );
    }
}

#[test]
fn multipoints_lines_and_empty_parts_are_read() {
    let points = read(Multipoint, Xy, &[3], &[2, 0, 2, 0, 2, 0]);
    assert_eq!(
        points.coords,
        [1001.0, 2000.0, 1002.0, 2000.0, 1003.0, 2000.0]
    );
    assert_eq!(points.kind, Multipoint);
    let lines = read(Polyline, Xy, &[2, 0, 2], &[0, 0, 2, 0, 0, -2, 2, 0]);
    assert_eq!(lines.ring_ends, [2, 4]);
    assert_eq!(lines.coords[4..], [1000.0, 2001.0, 1001.0, 2001.0]);
    // A path of one position is no line.
    let layout = located(Polyline, Xy);
    let (rows, facts) = decode(page(Polyline, Xy, &[1, 2], &[0, 0, 2, 0, 2, 0]), &layout);
    assert_eq!(one(rows).ring_ends, [2]);
    assert_eq!((facts.repaired, facts.without_geometry), (1, 0));
    let flat = &[0, 0, 2, 0, -2, 0];
    let (rows, facts) = decode(page(Polygon, Xy, &[3], flat), &located(Polygon, Xy));
    assert_eq!(one(rows).coords, Vec::<f64>::new());
    assert_eq!((facts.repaired, facts.without_geometry), (1, 1));
}

#[test]
fn rings_are_assigned_by_containment() {
    // Two shells, and between them the hole of the first; none closed.
    let shape = read(
        Polygon,
        Xy,
        &[3, 3, 3],
        &[
            0, 0, 0, -40, 40, 40, //
            100, 0, 0, -40, 40, 40, //
            4, -4, 8, 4, -8, -12,
        ],
    );
    assert_eq!(shape.part_ends, [2, 3]);
    assert_eq!(shape.ring_ends, [4, 8, 12]);
}

#[test]
fn the_kind_is_the_geometrys_own_then_the_answers_then_the_layers() {
    let coords = [0, 0, 2, 0, 2, 2];
    let kind = |own: i32, declared: i32, layer: GeometryType| {
        let mut answer = page(Point, Xy, &[3], &coords);
        answer.geometry_type = declared;
        answer.features[0].geometry.as_mut().unwrap().geometry_type = own;
        one(decode(answer, &located(layer, Xy)).0).kind
    };
    assert_eq!(kind(1, 2, Polygon), Multipoint);
    assert_eq!(kind(0, 2, Polygon), Polyline);
    // 0 is also what is not said.
    assert_eq!(kind(0, 0, Polyline), Polyline);
}

#[test]
fn what_is_not_decoded_says_so() {
    let something = || {
        Some(ShapeBuffer {
            bytes: vec![1, 2, 3],
        })
    };
    let layout = located(Polygon, Xy);
    let refusal = |feature: Feature| {
        let mut answer = page(Polygon, Xy, &[], &[]);
        answer.features.push(feature);
        assert_eq!(decode(answer.clone(), &located_nowhere()).1.rows, 2);
        match refused(answer, &layout) {
            DecodeError::Geometry {
                row: 1, problem, ..
            } => problem,
            other => panic!("{other}"),
        }
    };
    let curve = refusal(Feature {
        curve: something(),
        ..Feature::default()
    });
    assert!(curve.contains("true curves"), "{curve}");
    let buffer = refusal(Feature {
        shape_buffer: something(),
        ..Feature::default()
    });
    assert!(buffer.contains("shape buffer"), "{buffer}");
    // Taken for no geometry it would lose one.
    let newer = refusal(Feature {
        newer: something(),
        ..Feature::default()
    });
    assert!(newer.contains("unknown form 9"), "{newer}");
    for (kind, what) in [
        (4, "multipatch"),
        (5, "envelope"),
        (127, "not known"),
        (9, "not known"),
    ] {
        let problem = refusal(Feature {
            geometry: Some(Geometry {
                geometry_type: kind,
                lengths: vec![1],
                coords: vec![1, 2],
            }),
            ..Feature::default()
        });
        assert!(problem.contains(what), "{problem}");
    }
}

#[test]
fn a_centroid_is_not_the_geometry() {
    let mut answer = page(Polygon, Xy, &[], &[]);
    answer.features[0].geometry = None;
    answer.features[0].centroid = Some(Geometry {
        geometry_type: 0,
        lengths: vec![],
        coords: vec![1, 2],
    });
    let (rows, facts) = decode(answer, &located(Polygon, Xy));
    assert_eq!(
        (rows[0].geometry.clone(), facts.without_geometry),
        (None, 1)
    );
}

#[test]
fn coordinates_use_all_64_bits_and_no_more() {
    let exact = read(
        Point,
        Xy,
        &[],
        &[9_007_199_254_740_991, -9_007_199_254_740_991],
    );
    assert_eq!(exact.coords[0], 9_007_199_254_740_991.0 * 0.5 + 1000.0);
    let answer = page(Polyline, Xy, &[2], &[i64::MAX, 0, 1, 0]);
    let error = refused(answer, &located(Polyline, Xy));
    assert!(error.to_string().contains("64 bits"), "{error}");
}

/// A repeated member may come packed, one by one, or in several lists.
#[test]
fn lists_may_come_in_pieces() {
    let (lengths, coords) = ([2_u8, 2], [0_i64, 0, 2, -300, 700, 0, 2, -2]);
    let zigzag = |number: i64| ((number << 1) ^ (number >> 63)) as u64;
    let varint = |number: u64| {
        let mut bytes = Vec::new();
        prost::encoding::encode_varint(number, &mut bytes);
        bytes
    };
    let packed = |numbers: &[i64]| {
        let list: Vec<u8> = numbers.iter().flat_map(|&n| varint(zigzag(n))).collect();
        [vec![0x1a, list.len() as u8], list].concat()
    };
    let single = |number: i64| [vec![0x18], varint(zigzag(number))].concat();
    let expected = read(Polyline, Xy, &[2, 2], &coords);
    let variants: [Vec<u8>; 4] = [
        [vec![0x12, 2], lengths.to_vec(), packed(&coords)].concat(),
        [
            packed(&coords[..3]),
            packed(&coords[3..]),
            vec![0x12, 2],
            lengths.to_vec(),
        ]
        .concat(),
        [
            vec![0x10, lengths[0]],
            coords.iter().flat_map(|&n| single(n)).collect(),
            vec![0x10, lengths[1]],
        ]
        .concat(),
        [
            vec![0x12, 2],
            lengths.to_vec(),
            packed(&coords[..2]),
            single(coords[2]),
            packed(&coords[3..]),
        ]
        .concat(),
    ];
    for geometry in variants {
        let feature = [vec![0x12, geometry.len() as u8], geometry.clone()].concat();
        let mut answer = page(Polyline, Xy, &[], &[]);
        answer.features.clear();
        let mut result = answer.encode_to_vec();
        result.extend([0x7a, feature.len() as u8]);
        result.extend(feature);
        let mut body = vec![0x12];
        let mut inner = vec![0x0a];
        prost::encode_length_delimiter(result.len(), &mut inner).unwrap();
        inner.extend(result);
        prost::encode_length_delimiter(inner.len(), &mut body).unwrap();
        body.extend(inner);
        let (rows, _) = decode_bytes(&body, &located(Polyline, Xy)).unwrap();
        assert_eq!(one(rows), expected, "{geometry:x?}");
    }
}

#[test]
fn the_page_is_as_wide_as_its_geometry() {
    let mut answer = page(Point, Xy, &[], &[10, 6]);
    answer.features.push(Feature::default());
    answer
        .features
        .extend(page(Point, Xy, &[], &[-2, -16]).features);
    let (_, facts): (_, PageFacts) = decode(answer, &located(Point, Xy));
    let bbox = facts.bbox;
    assert_eq!(
        [bbox.xmin, bbox.ymin, bbox.xmax, bbox.ymax],
        [999.0, 1997.0, 1005.0, 2008.0]
    );
    assert_eq!((facts.rows, facts.without_geometry), (3, 1));
}
