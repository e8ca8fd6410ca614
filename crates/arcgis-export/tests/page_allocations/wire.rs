//! The rows as answers in both formats, written with nothing but the description of these.

use std::fmt::Write as _;
use std::ops::Range;

use arcgis_export::arcgis_layer::{GeometryType, serde_json};

use crate::rows::{Cell, Column, Part, Shape};

/// `f=json`.
pub(crate) fn json(columns: &[Column], shape: Option<Shape>, rows: Range<usize>) -> Vec<u8> {
    let (z, m) = ordinates(shape);
    let mut body =
        format!(r#"{{"objectIdFieldName":"OBJECTID","hasZ":{z},"hasM":{m},"features":["#);
    for row in rows.clone() {
        let comma = if row == rows.start { "" } else { "," };
        write!(body, r#"{comma}{{"attributes":{{"#).unwrap();
        for (place, column) in columns.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(body, r#"{comma}"{}":"#, column.field.name).unwrap();
            match column.cell(row, place) {
                Cell::Null => write!(body, "null"),
                Cell::Whole(number) => write!(body, "{number}"),
                Cell::Single(number) => write!(body, "{number}"),
                Cell::Double(number) => write!(body, "{number}"),
                Cell::Text(text) => write!(body, "{}", serde_json::Value::from(text)),
            }
            .unwrap();
        }
        body.push('}');
        if let Some(shape) = shape {
            body.push_str(r#","geometry":"#);
            match shape.parts(row) {
                Some(parts) => geometry(&mut body, shape, &parts),
                None => body.push_str("null"),
            }
        }
        body.push('}');
    }
    body.push_str("]}");
    body.into_bytes()
}

fn ordinates(shape: Option<Shape>) -> (bool, bool) {
    shape.map_or((false, false), |shape| {
        (shape.dims.has_z(), shape.dims.has_m())
    })
}

fn geometry(body: &mut String, shape: Shape, parts: &[Part]) {
    let (z, m) = ordinates(Some(shape));
    let number = |number: i64| match number {
        0 => "null".to_owned(),
        number => format!("{number}.25"),
    };
    if shape.kind == GeometryType::Point {
        let [x, y, height, measure] = parts[0][0];
        write!(body, r#"{{"x":{x}.25,"y":{y}.25"#).unwrap();
        if z {
            write!(body, r#","z":{}"#, number(height)).unwrap();
        }
        if m {
            write!(body, r#","m":{}"#, number(measure)).unwrap();
        }
        body.push('}');
        return;
    }
    let position = |&[x, y, height, measure]: &[i64; 4]| {
        let mut position = format!("[{x}.25,{y}.25");
        for (has, ordinate) in [(z, height), (m, measure)] {
            if has {
                write!(position, ",{}", number(ordinate)).unwrap();
            }
        }
        position + "]"
    };
    let list = |part: &Part| part.iter().map(position).collect::<Vec<_>>().join(",");
    let parts: Vec<String> = parts
        .iter()
        .map(|part| format!("[{}]", list(part)))
        .collect();
    match shape.kind {
        GeometryType::Multipoint => write!(body, r#"{{"points":{}}}"#, parts[0]),
        GeometryType::Polyline => write!(body, r#"{{"paths":[{}]}}"#, parts.join(",")),
        _ => write!(body, r#"{{"rings":[{}]}}"#, parts.join(",")),
    }
    .unwrap();
}

fn number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn signed(out: &mut Vec<u8>, whole: i64) {
    number(out, ((whole << 1) ^ (whole >> 63)) as u64);
}

/// A member that is a message or text.
fn member(out: &mut Vec<u8>, place: u8, bytes: &[u8]) {
    out.push(place << 3 | 2);
    number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// `f=pbf`.
pub(crate) fn pbf(columns: &[Column], shape: Option<Shape>, rows: Range<usize>) -> Vec<u8> {
    let mut page = Vec::new();
    if let Some(shape) = shape {
        let (z, m) = ordinates(Some(shape));
        let kind = match shape.kind {
            GeometryType::Point => 0,
            GeometryType::Multipoint => 1,
            GeometryType::Polyline => 2,
            _ => 3,
        };
        page.extend([7 << 3, kind, 10 << 3, z.into(), 11 << 3, m.into()]);
        // Steps of 1 up and to the right from 0.25, on all axes.
        let axes = |number: f64| {
            let axis = |place: u8| {
                let mut axis = vec![place << 3 | 1];
                axis.extend(number.to_le_bytes());
                axis
            };
            (1..=4).flat_map(axis).collect::<Vec<u8>>()
        };
        let mut transform = vec![1 << 3, 1];
        member(&mut transform, 2, &axes(1.0));
        member(&mut transform, 3, &axes(0.25));
        member(&mut page, 12, &transform);
    }
    for column in columns {
        let mut field = Vec::new();
        member(&mut field, 1, column.field.name.as_bytes());
        field.extend([2 << 3, column.number]);
        member(&mut page, 13, &field);
    }
    for row in rows {
        let mut feature = Vec::new();
        for (place, column) in columns.iter().enumerate() {
            member(
                &mut feature,
                1,
                &value(&column.cell(row, place), place == 0),
            );
        }
        if let Some((shape, parts)) = shape.and_then(|shape| Some((shape, shape.parts(row)?))) {
            member(&mut feature, 2, &packed(shape, &parts));
        }
        member(&mut page, 15, &feature);
    }
    let mut result = Vec::new();
    member(&mut result, 1, &page);
    let mut body = Vec::new();
    member(&mut body, 2, &result);
    body
}

fn value(cell: &Cell, id: bool) -> Vec<u8> {
    let mut value = Vec::new();
    match cell {
        Cell::Null => {}
        Cell::Whole(whole) if id => {
            value.push(5 << 3);
            number(&mut value, *whole as u64);
        }
        Cell::Whole(whole) => {
            // What has 32 bits comes as such.
            value.push(if i32::try_from(*whole).is_ok() { 4 } else { 8 } << 3);
            signed(&mut value, *whole);
        }
        Cell::Single(single) => {
            value.push(2 << 3 | 5);
            value.extend(single.to_le_bytes());
        }
        Cell::Double(double) => {
            value.push(3 << 3 | 1);
            value.extend(double.to_le_bytes());
        }
        Cell::Text(text) => member(&mut value, 1, text.as_bytes()),
    }
    value
}

fn packed(shape: Shape, parts: &[Part]) -> Vec<u8> {
    let (z, m) = ordinates(Some(shape));
    let (mut lengths, mut coords) = (Vec::new(), Vec::new());
    for part in parts {
        number(&mut lengths, part.len() as u64);
        // x and y are steps from the position before in the part; z and m are not.
        let mut last = [0, 0];
        for &[x, y, height, measure] in part {
            signed(&mut coords, x - last[0]);
            signed(&mut coords, y - last[1]);
            last = [x, y];
            for (has, ordinate) in [(z, height), (m, measure)] {
                if has {
                    signed(&mut coords, ordinate);
                }
            }
        }
    }
    let mut geometry = Vec::new();
    if shape.kind != GeometryType::Point {
        member(&mut geometry, 2, &lengths);
    }
    member(&mut geometry, 3, &coords);
    geometry
}
