//! `f=pbf`, as the published `FeatureCollection.proto` has it.

use crate::geometry::Position;
use crate::layers::{Field, FieldType, Layer, Value};

/// The grid that a server takes for degrees unless it is asked for another one.
const SCALE: f64 = 1e-9;
const ORIGIN: f64 = -400.0;

/// The layout of a page: what stands before its rows, without the flag of more.
pub(crate) fn head(layer: &Layer) -> Vec<u8> {
    let mut head = Vec::new();
    text(&mut head, 1, "OBJECTID");
    let mut unique = Vec::new();
    text(&mut unique, 1, "OBJECTID");
    number(&mut unique, 2, 1);
    message(&mut head, 2, &unique);
    if let Some((kind, _)) = layer.geometry {
        number(&mut head, 7, kind.pbf());
        let mut reference = Vec::new();
        number(&mut reference, 1, 4326);
        number(&mut reference, 2, 4326);
        message(&mut head, 8, &reference);
        let mut transform = Vec::new();
        let pair = |value: f64| {
            let mut pair = Vec::new();
            double(&mut pair, 1, value);
            double(&mut pair, 2, value);
            pair
        };
        // The origin is upper left, which is the default and not said: y counts down from it.
        message(&mut transform, 2, &pair(SCALE));
        message(&mut transform, 3, &pair(ORIGIN));
        message(&mut head, 12, &transform);
    }
    for field in &layer.fields {
        message(&mut head, 13, &described(field));
    }
    head
}

/// The flag that more rows follow.
pub(crate) fn exceeded() -> Vec<u8> {
    let mut flag = Vec::new();
    number(&mut flag, 9, 1);
    flag
}

/// What stands before `length` bytes of a page's layout and rows.
pub(crate) fn envelope(length: usize) -> Vec<u8> {
    let mut inner = Vec::new();
    tag(&mut inner, 1, 2);
    varint(&mut inner, length as u64);
    let mut outer = Vec::new();
    tag(&mut outer, 2, 2);
    varint(&mut outer, (inner.len() + length) as u64);
    outer.extend(inner);
    outer
}

/// A count of rows.
pub(crate) fn count(rows: u64) -> Vec<u8> {
    let (mut count, mut result, mut answer) = (Vec::new(), Vec::new(), Vec::new());
    number(&mut count, 1, rows);
    message(&mut result, 2, &count);
    message(&mut answer, 2, &result);
    answer
}

fn described(field: &Field) -> Vec<u8> {
    let kind = match field.kind {
        FieldType::SmallInteger => 0,
        FieldType::Integer => 1,
        FieldType::Single => 2,
        FieldType::Double => 3,
        FieldType::Text => 4,
        FieldType::Date => 5,
        FieldType::ObjectId => 6,
    };
    let mut described = Vec::new();
    text(&mut described, 1, field.name);
    number(&mut described, 2, kind);
    text(&mut described, 3, field.name);
    described
}

/// One row, as a member of the page.
pub(crate) fn row(layer: &Layer, row: u64, out: &mut Vec<u8>) {
    let mut feature = Vec::new();
    for field in &layer.fields {
        let mut value = Vec::new();
        match ((field.value)(row), field.kind) {
            (Value::Null, _) => {}
            (Value::Integer(id), FieldType::ObjectId) => number(&mut value, 5, id as u64),
            (Value::Integer(whole), _) => number(&mut value, 4, zigzag(whole)),
            (Value::Date(moment), _) => number(&mut value, 8, zigzag(moment)),
            (Value::Double(fraction), _) => double(&mut value, 3, fraction),
            (Value::Single(fraction), _) => {
                tag(&mut value, 2, 5);
                value.extend(fraction.to_le_bytes());
            }
            (Value::Text(words), _) => text(&mut value, 1, &words),
        }
        message(&mut feature, 1, &value);
    }
    if let Some((kind, geometry)) = layer.geometry {
        let geometry = geometry(row);
        let (mut lengths, mut coords) = (Vec::new(), Vec::new());
        for part in geometry.parts() {
            varint(&mut lengths, part.len() as u64);
            deltas(part, &mut coords);
        }
        let mut described = Vec::new();
        if kind.pbf() != 0 {
            message(&mut described, 2, &lengths);
        }
        message(&mut described, 3, &coords);
        message(&mut feature, 2, &described);
    }
    message(out, 15, &feature);
}

/// The first position of a part is given whole, the others as steps.
fn deltas(part: &[Position], out: &mut Vec<u8>) {
    let mut last = [0i64; 2];
    for position in part {
        for (axis, last) in last.iter_mut().enumerate() {
            let up = ((position[axis] - ORIGIN) / SCALE).round() as i64;
            let at = if axis == 1 { -up } else { up };
            varint(out, zigzag(at - *last));
            *last = at;
        }
    }
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn tag(out: &mut Vec<u8>, member: u64, wire: u64) {
    varint(out, member << 3 | wire);
}

fn number(out: &mut Vec<u8>, member: u64, value: u64) {
    tag(out, member, 0);
    varint(out, value);
}

fn double(out: &mut Vec<u8>, member: u64, value: f64) {
    tag(out, member, 1);
    out.extend(value.to_le_bytes());
}

fn message(out: &mut Vec<u8>, member: u64, content: &[u8]) {
    tag(out, member, 2);
    varint(out, content.len() as u64);
    out.extend(content);
}

fn text(out: &mut Vec<u8>, member: u64, content: &str) {
    message(out, member, content.as_bytes());
}
