//! The layers of the comparison: their fields, and each value by formula.

use crate::geometry::{self, Geometry, Kind};
use crate::mixture::{below, between, bits, unit};

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Single(f32),
    Double(f64),
    Text(String),
    /// Milliseconds since 1970.
    Date(i64),
}

/// The types that every contestant knows: what few know would end the comparison.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum FieldType {
    ObjectId,
    SmallInteger,
    Integer,
    Single,
    Double,
    Text,
    Date,
}

pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: FieldType,
    pub(crate) value: fn(u64) -> Value,
}

/// The kind of a layer's geometries, and their formula.
pub(crate) type Shape = (Kind, fn(u64) -> Geometry);

pub(crate) struct Layer {
    pub(crate) name: &'static str,
    pub(crate) geometry: Option<Shape>,
    /// Rows that the service gives at once.
    pub(crate) page: usize,
    pub(crate) fields: Vec<Field>,
}

pub(crate) const NAMES: [&str; 4] = ["points", "polygons", "lines", "table"];

pub(crate) fn named(name: &str) -> Option<Layer> {
    let (geometry, page, columns): (Option<Shape>, usize, usize) = match name {
        "points" => (Some((Kind::Point, geometry::point)), 2_000, 20),
        "polygons" => (Some((Kind::Polygon, geometry::polygon)), 1_000, 9),
        "lines" => (Some((Kind::Line, geometry::line)), 1_000, 12),
        "table" => (None, 2_000, 20),
        _ => return None,
    };
    let name = NAMES.into_iter().find(|known| *known == name)?;
    Some(Layer {
        name,
        geometry,
        page,
        fields: fields().into_iter().take(columns).collect(),
    })
}

fn fields() -> Vec<Field> {
    use FieldType::{Date, Double, Integer, ObjectId, Single, SmallInteger, Text};
    let field = |name, kind, value| Field { name, kind, value };
    vec![
        field("OBJECTID", ObjectId, |row| Value::Integer(row as i64)),
        field("LANES", SmallInteger, |row| {
            Value::Integer(below(row, 20, 8) as i64)
        }),
        field("NAME", Text, |row| text(name_of(row))),
        field("CATEGORY", Text, |row| {
            text(CATEGORIES[below(row, 1, 12) as usize])
        }),
        field("POPULATION", Integer, |row| {
            Value::Integer(below(row, 2, 3_000_000) as i64)
        }),
        field("ELEVATION", Double, |row| {
            Value::Double(between(row, 3, -80.0, 4_000.0))
        }),
        field("CREATED", Date, |row| Value::Date(date(row, 4))),
        field("STATUS", Text, |row| {
            text(STATUSES[below(row, 5, 4) as usize])
        }),
        field("SCORE", Double, |row| {
            Value::Double(below(row, 6, 10_000) as f64 / 100.0)
        }),
        field("RANK_", SmallInteger, |row| {
            Value::Integer(below(row, 7, 12) as i64)
        }),
        field("ADDRESS", Text, |row| {
            sometimes(row, 8, 10, |row| text(address(row)))
        }),
        field("CITY", Text, |row| {
            text(format!("{} City", SYLLABLES[below(row, 9, 24) as usize]))
        }),
        field("STATE", Text, |row| {
            text(STATES[below(row, 10, 20) as usize])
        }),
        field("ZIP", Text, |row| {
            text(format!("{:05}", below(row, 11, 99_999)))
        }),
        field("CODE", Integer, |row| {
            sometimes(
                row,
                12,
                4,
                |row| Value::Integer(bits(row, 13) as i32 as i64),
            )
        }),
        field("AREA", Double, |row| Value::Double(unit(row, 14) * 1e6)),
        field("RATIO", Single, |row| Value::Single(unit(row, 15) as f32)),
        field("UPDATED", Date, |row| {
            sometimes(row, 16, 3, |row| Value::Date(date(row, 17)))
        }),
        field("FLAG", SmallInteger, |row| {
            Value::Integer(below(row, 18, 2) as i64)
        }),
        // Only every 20th row has one; quotes, a line break and letters that are no ASCII are in it.
        field("NOTES", Text, |row| match row % 20 {
            0 => text(format!(
                "Größe \"{}\" – see\nrow № {row}",
                SYLLABLES[below(row, 19, 24) as usize]
            )),
            _ => Value::Null,
        }),
    ]
}

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// Null in one of `of` rows.
fn sometimes(row: u64, place: u64, of: u64, value: impl FnOnce(u64) -> Value) -> Value {
    if below(row, place, of) == 0 {
        Value::Null
    } else {
        value(row)
    }
}

/// From 1990 to 2025, in whole seconds.
fn date(row: u64, place: u64) -> i64 {
    (631_152_000 + below(row, place, 1_104_537_600) as i64) * 1000
}

fn name_of(row: u64) -> String {
    let part = |place| SYLLABLES[below(row, place, 24) as usize];
    format!("{} {} {}", part(40), part(41), below(row, 42, 10_000))
}

fn address(row: u64) -> String {
    let street = SYLLABLES[below(row, 50, 24) as usize];
    format!(
        "{} {street} {}",
        below(row, 51, 9_999) + 1,
        STREETS[below(row, 52, 4) as usize]
    )
}

const CATEGORIES: [&str; 12] = [
    "School",
    "Hospital",
    "Fire Station",
    "Library",
    "Park",
    "Museum",
    "Police",
    "Court House",
    "Post Office",
    "Water Tower",
    "Cemetery",
    "Town Hall",
];
const STATUSES: [&str; 4] = ["open", "closed", "planned", "unknown"];
const STREETS: [&str; 4] = ["Street", "Avenue", "Boulevard", "Road"];
const STATES: [&str; 20] = [
    "CA", "TX", "FL", "NY", "PA", "IL", "OH", "GA", "NC", "MI", "NJ", "VA", "WA", "AZ", "MA", "TN",
    "IN", "MO", "MD", "WI",
];
const SYLLABLES: [&str; 24] = [
    "Ash", "Birch", "Cedar", "Dale", "Elm", "Fern", "Glen", "Hazel", "Iron", "Juniper", "Kings",
    "Laurel", "Maple", "North", "Oak", "Pine", "Quarry", "River", "Stone", "Timber", "Union",
    "Valley", "West", "York",
];
