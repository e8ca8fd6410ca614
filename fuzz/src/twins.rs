//! One page in both formats, which have to become the same rows.
//!
//! A case makes up a page: fields, values that both formats can say, and geometry on a grid whose step is a power of
//! two, so that no coordinate is rounded. The PBF is written by `prost`, the JSON here.

use std::fmt::Write as _;

use arcgis_layer::{Dimensions, GeometryLayout, GeometryType, Layout, SpatialReference};

use super::messages::{Axes, Feature, FeatureResult, Field, Geometry, Kind, Transform, Value};
use super::recorder::{Cell, Row, columns, decode_bytes};
use super::source::Source;

const NAMES: [&str; 4] = ["OBJECTID", "a", "Name", "\u{fc} \"x\""];

/// Decodes a made-up page twice.
pub fn twins(data: &[u8]) {
    let mut source = Source::new(data);
    let page = page(&mut source);
    let layout = layout(&page, source.byte());
    let text = json(&page);
    let left = decode_bytes(text.as_bytes(), &layout);
    let right = super::pbf::decode(&page.encoded(), &layout);
    match (left, right) {
        (Ok((left, left_facts)), Ok((right, right_facts))) => {
            assert_eq!(left.len(), right.len());
            for (left, right) in left.iter().zip(&right) {
                assert!(same(left, right), "{text}\n{left:?}\n{right:?}");
            }
            assert_eq!(left_facts.ids, right_facts.ids);
            assert_eq!(left_facts.without_geometry, right_facts.without_geometry);
            assert_eq!(left_facts.repaired, right_facts.repaired);
            assert_eq!(left_facts.exceeded, right_facts.exceeded);
        }
        (Err(_), Err(_)) => {}
        (left, right) => panic!("{text}\n{left:?}\n{right:?}"),
    }
}

pub(crate) fn page(source: &mut Source<'_>) -> FeatureResult {
    let count = source.below(NAMES.len() + 1);
    let fields = NAMES.iter().take(count).map(|name| Field {
        name: (*name).to_owned(),
        field_type: 4,
        ..Field::default()
    });
    let mut page = FeatureResult {
        fields: fields.collect(),
        exceeded_transfer_limit: source.flag(),
        has_z: source.flag(),
        has_m: source.flag(),
        geometry_type: source.below(4) as i32,
        ..FeatureResult::default()
    };
    let scale = (-f64::from(source.byte() % 30)).exp2();
    let origin = f64::from(source.byte() as i8) * 1024.0;
    page.transform = Some(Transform {
        origin: i32::from(source.flag()),
        scale: Some(Axes {
            x: scale,
            y: scale,
            m: 0.5,
            z: 0.25,
        }),
        translate: Some(Axes {
            x: origin,
            y: -origin,
            m: -64.0,
            z: f64::from(source.byte() as i8),
        }),
    });
    while !source.is_empty() && page.features.len() < 40 {
        let feature = feature(source, &page, count);
        page.features.push(feature);
    }
    page
}

fn feature(source: &mut Source<'_>, page: &FeatureResult, fields: usize) -> Feature {
    let attributes = (0..fields).map(|_| value(source)).collect();
    let geometry = (source.below(8) != 0).then(|| geometry(source, page));
    Feature {
        attributes,
        geometry,
        ..Feature::default()
    }
}

fn value(source: &mut Source<'_>) -> Value {
    Value::from(match source.below(7) {
        0 => Kind::Null(true),
        1 => Kind::Text(source.text(12)),
        2 => {
            let number = f64::from_bits(source.bits());
            if number.is_finite() {
                Kind::Double(number)
            } else {
                Kind::Double(-0.0)
            }
        }
        3 => Kind::Double(source.whole() as f64 / 16.0),
        4 => Kind::Sint(source.whole() as i32),
        5 => Kind::Int64(source.whole()),
        _ => Kind::Bool(source.flag()),
    })
}

fn geometry(source: &mut Source<'_>, page: &FeatureResult) -> Geometry {
    let point = page.geometry_type == 0;
    let parts = match page.geometry_type {
        0 | 1 => 1,
        _ => source.below(24),
    };
    let mut geometry = Geometry::default();
    for _ in 0..parts {
        let length = if point { 1 } else { 1 + source.below(9) as u32 };
        geometry.lengths.push(length);
        for _ in 0..length {
            // Small steps, so that rings touch, cross and repeat each other.
            for _ in 0..2 {
                geometry.coords.push(i64::from(source.byte() as i8) / 4);
            }
            for _ in 0..usize::from(page.has_z) + usize::from(page.has_m) {
                geometry.coords.push(i64::from(source.byte()));
            }
        }
    }
    if point {
        geometry.lengths.clear();
    }
    geometry
}

pub(crate) fn layout(page: &FeatureResult, choice: u8) -> Layout {
    let names: Vec<&str> = page
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    let mut layout = columns(&names);
    if choice & 1 == 1 {
        layout = layout.with_object_id("OBJECTID");
    }
    if choice & 2 == 2 {
        return layout;
    }
    let kind = [
        GeometryType::Point,
        GeometryType::Multipoint,
        GeometryType::Polyline,
        GeometryType::Polygon,
    ];
    let kind = kind[usize::try_from(page.geometry_type).unwrap()];
    layout.with_geometry(GeometryLayout {
        kind,
        dims: Dimensions::new(choice & 4 == 4, choice & 8 == 8),
        spatial_reference: SpatialReference::default(),
    })
}

fn same(left: &Row, right: &Row) -> bool {
    let cells = left.cells.iter().zip(&right.cells).all(|pair| match pair {
        (Some(Cell::Float(left)), Some(Cell::Float(right))) => left.to_bits() == right.to_bits(),
        (left, right) => left == right,
    });
    let shapes = match (&left.geometry, &right.geometry) {
        (Some(left), Some(right)) => {
            (left.kind, left.dims, &left.ring_ends, &left.part_ends)
                == (right.kind, right.dims, &right.ring_ends, &right.part_ends)
                && left.coords.len() == right.coords.len()
                && left
                    .coords
                    .iter()
                    .zip(&right.coords)
                    .all(|(left, right)| left == right || (left.is_nan() && right.is_nan()))
        }
        (left, right) => left == right,
    };
    cells && shapes
}

/// The page as JSON.
pub(crate) fn json(page: &FeatureResult) -> String {
    let mut text = format!(
        r#"{{"hasZ":{},"hasM":{},"exceededTransferLimit":{},"features":["#,
        page.has_z, page.has_m, page.exceeded_transfer_limit
    );
    for (row, feature) in page.features.iter().enumerate() {
        text.push_str(if row > 0 { ",{" } else { "{" });
        text.push_str(r#""attributes":{"#);
        for (place, (field, value)) in page.fields.iter().zip(&feature.attributes).enumerate() {
            let comma = if place > 0 { "," } else { "" };
            let name = serde_json::to_string(&field.name).unwrap();
            let _ = write!(text, "{comma}{name}:{}", literal(value));
        }
        text.push('}');
        if let Some(geometry) = &feature.geometry {
            let _ = write!(text, r#","geometry":{}"#, shape(page, geometry));
        }
        text.push('}');
    }
    text.push_str("]}");
    text
}

fn literal(value: &Value) -> String {
    match value.kind.as_ref().unwrap() {
        Kind::Text(text) => serde_json::to_string(text).unwrap(),
        // With a point or an exponent, so that it is no integer.
        Kind::Double(number) => format!("{number:?}"),
        Kind::Sint(number) => number.to_string(),
        Kind::Int64(number) => number.to_string(),
        Kind::Bool(flag) => flag.to_string(),
        _ => "null".to_owned(),
    }
}

fn shape(page: &FeatureResult, geometry: &Geometry) -> String {
    let transform = page.transform.as_ref().unwrap();
    let (scale, translate) = (transform.scale.unwrap(), transform.translate.unwrap());
    let up = if transform.origin == 0 { -1.0 } else { 1.0 };
    let stride = 2 + usize::from(page.has_z) + usize::from(page.has_m);
    let lengths: &[u32] = match page.geometry_type {
        0 => &[1],
        _ => &geometry.lengths,
    };
    let mut numbers = geometry.coords.chunks(stride);
    let mut parts: Vec<Vec<Vec<String>>> = Vec::new();
    for &length in lengths {
        let (mut x, mut y) = (0, 0);
        let mut part = Vec::new();
        for steps in numbers.by_ref().take(length as usize) {
            x += steps[0];
            y += steps[1];
            let mut position = vec![
                format!("{:?}", x as f64 * scale.x + translate.x),
                format!("{:?}", y as f64 * (up * scale.y) + translate.y),
            ];
            if page.has_z {
                position.push(match steps[2] {
                    0 if translate.z != 0.0 => "null".to_owned(),
                    z => format!("{:?}", z as f64 * scale.z + translate.z),
                });
            }
            if page.has_m {
                position.push(match steps[stride - 1] {
                    0 => "null".to_owned(),
                    m => format!("{:?}", m as f64 * scale.m + translate.m),
                });
            }
            part.push(position);
        }
        parts.push(part);
    }
    let list = |part: &Vec<Vec<String>>| {
        let positions: Vec<String> = part.iter().map(|p| format!("[{}]", p.join(","))).collect();
        format!("[{}]", positions.join(","))
    };
    let lists = |name: &str| {
        let parts: Vec<String> = parts.iter().map(list).collect();
        format!(r#"{{"{name}":[{}]}}"#, parts.join(","))
    };
    match page.geometry_type {
        0 => {
            let names: &[&str] = match (page.has_z, page.has_m) {
                (false, true) => &["x", "y", "m"],
                _ => &["x", "y", "z", "m"],
            };
            let members = names.iter().zip(&parts[0][0]);
            let members: Vec<String> = members
                .map(|(name, n)| format!(r#""{name}":{n}"#))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        1 => format!(r#"{{"points":{}}}"#, list(&parts[0])),
        2 => lists("paths"),
        _ => lists("rings"),
    }
}
