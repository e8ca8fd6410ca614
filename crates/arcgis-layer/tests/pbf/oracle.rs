//! Every capture against what `prost` makes of it, with the transform written down once more, in plain words.

use arcgis_layer::{GeometryType, read_pbf_header, read_pbf_ids};
use prost::Message;

use crate::compare::{PAGES, capture, decode_bytes, kind_of};
use crate::messages::{Arm, Axes, Collection, FeatureResult, Geometry, Kind, Value};
use crate::recorder::{Cell, Shape};

fn cell(value: &Value) -> Cell {
    match value.kind.clone() {
        None | Some(Kind::Null(_)) => Cell::Null,
        Some(Kind::Text(text)) => Cell::Str(text),
        Some(Kind::Float(number)) => Cell::Float(f64::from(number)),
        Some(Kind::Double(number)) => Cell::Float(number),
        Some(Kind::Sint(number)) => Cell::Int(i64::from(number)),
        Some(Kind::Uint(number)) => Cell::Int(i64::from(number)),
        Some(Kind::Int64(number) | Kind::Sint64(number)) => Cell::Int(number),
        Some(Kind::Uint64(number)) => Cell::Int(i64::try_from(number).unwrap()),
        Some(Kind::Bool(flag)) => Cell::Bool(flag),
        Some(Kind::Index(_)) => panic!("an index"),
    }
}

/// The positions of each part, scaled back.
fn parts(page: &FeatureResult, geometry: &Geometry) -> Vec<Vec<[f64; 4]>> {
    let transform = page.transform.clone().unwrap();
    let scale: Axes = transform.scale.unwrap();
    let translate: Axes = transform.translate.unwrap();
    let stride = 2 + usize::from(page.has_z) + usize::from(page.has_m);
    let lengths = match page.geometry_type {
        0 => vec![1],
        _ => geometry.lengths.clone(),
    };
    let mut numbers = geometry.coords.chunks(stride);
    let found = lengths
        .iter()
        .map(|&length| {
            let (mut x, mut y) = (0, 0);
            let positions = numbers.by_ref().take(length as usize);
            positions
                .map(|position| {
                    x += position[0];
                    y += position[1];
                    let sign = if transform.origin == 0 { -1.0 } else { 1.0 };
                    let z = page
                        .has_z
                        .then(|| position[2] as f64 * scale.z + translate.z);
                    let m = page.has_m.then(|| match position[stride - 1] {
                        0 => f64::NAN,
                        steps => steps as f64 * scale.m + translate.m,
                    });
                    [
                        x as f64 * scale.x + translate.x,
                        sign * y as f64 * scale.y + translate.y,
                        z.unwrap_or(f64::NAN),
                        m.unwrap_or(f64::NAN),
                    ]
                })
                .collect()
        })
        .collect();
    assert!(numbers.next().is_none());
    found
}

/// The positions of a shape in the same form, each ring a part.
fn shape_parts(shape: &Shape) -> Vec<Vec<[f64; 4]>> {
    let ends = match shape.ring_ends.as_slice() {
        [] => vec![shape.coords.len() / shape.dims.size()],
        ends => ends.to_vec(),
    };
    let mut from = 0;
    ends.iter()
        .map(|&end| {
            let positions = &shape.coords[from * shape.dims.size()..end * shape.dims.size()];
            from = end;
            positions
                .chunks(shape.dims.size())
                .map(|position| {
                    let z = if shape.dims.has_z() {
                        position[2]
                    } else {
                        f64::NAN
                    };
                    let m = match shape.dims.has_m() {
                        true => position[shape.dims.size() - 1],
                        false => f64::NAN,
                    };
                    [position[0], position[1], z, m]
                })
                .collect()
        })
        .collect()
}

/// Rings may have been put in another order and turned round.
fn canonical(mut parts: Vec<Vec<[f64; 4]>>, rings: bool) -> Vec<Vec<[u64; 4]>> {
    let key = |position: &[f64; 4]| {
        position.map(|number| {
            if number.is_nan() {
                u64::MAX
            } else {
                number.to_bits()
            }
        })
    };
    let area = |ring: &[[f64; 4]]| -> f64 {
        let pairs = ring.windows(2);
        let x0 = ring[0][0];
        let y0 = ring[0][1];
        pairs
            .map(|pair| {
                (pair[0][0] - x0) * (pair[1][1] - y0) - (pair[1][0] - x0) * (pair[0][1] - y0)
            })
            .sum()
    };
    if rings {
        for ring in &mut parts {
            if area(ring) < 0.0 {
                ring.reverse();
            }
        }
    }
    let mut parts: Vec<Vec<[u64; 4]>> = parts
        .iter()
        .map(|part| part.iter().map(key).collect())
        .collect();
    if rings {
        parts.sort();
    }
    parts
}

#[test]
fn every_capture_is_what_prost_reads() {
    let (mut cells, mut positions) = (0, 0);
    for path in PAGES {
        let Some(body) = capture(path) else { return };
        let oracle = FeatureResult::decoded(&body);
        let header = read_pbf_header(&body).unwrap();
        let layout = header.layout();
        let (rows, facts) = decode_bytes(&body, &layout).unwrap();
        assert_eq!(rows.len(), oracle.features.len(), "{path}");
        assert_eq!(facts.exceeded, oracle.exceeded_transfer_limit);
        let reference = oracle.spatial_reference.clone().unwrap_or_default();
        assert_eq!(
            facts
                .spatial_reference
                .unwrap_or_default()
                .wkid
                .unwrap_or(0),
            i64::from(reference.wkid)
        );
        for (row, feature) in rows.iter().zip(&oracle.features) {
            assert_eq!(layout.fields.len(), feature.attributes.len(), "{path}");
            for (column, value) in feature.attributes.iter().enumerate() {
                assert_eq!(*row.cell(column), cell(value), "{path}");
                cells += 1;
            }
            let (Some(shape), Some(geometry)) = (&row.geometry, &feature.geometry) else {
                assert!(
                    row.geometry.is_none() && feature.geometry.is_none(),
                    "{path}"
                );
                continue;
            };
            assert_eq!(Some(shape.kind), kind_of(oracle.geometry_type), "{path}");
            let rings = shape.kind == GeometryType::Polygon;
            let expected = parts(&oracle, geometry);
            positions += expected.iter().map(Vec::len).sum::<usize>();
            assert_eq!(
                canonical(shape_parts(shape), rings),
                canonical(expected, rings),
                "{path}"
            );
        }
    }
    println!("{cells} values and {positions} positions compared");
    assert!(cells > 10_000 && positions > 5_000);
}

#[test]
fn ids_are_what_prost_reads() {
    let Some(body) = capture("arcpbf/ids.pbf") else {
        return;
    };
    let Some(Arm::Ids(oracle)) = Collection::decode(&*body).unwrap().result.unwrap().arm else {
        panic!("no ids");
    };
    let ids = read_pbf_ids(&body).unwrap();
    assert!(
        ids.iter()
            .zip(&oracle.object_ids)
            .all(|(a, b)| *a as u64 == *b)
    );
    assert_eq!(ids.len(), oracle.object_ids.len());
}
