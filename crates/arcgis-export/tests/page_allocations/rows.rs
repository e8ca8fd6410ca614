//! What stands in the rows: a value for each row and column, and a geometry for each row, by formula.

use arcgis_export::arcgis_layer::serde_json::json;
use arcgis_export::arcgis_layer::{
    CodedValue, Dimensions, Domain, Field, FieldType, GeometryLayout, GeometryType, Layout,
    SpatialReference,
};

/// A value as it goes over the wire.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Whole(i64),
    Single(f32),
    Double(f64),
    Text(String),
}

/// A column with its values, but for those that are null.
pub(crate) struct Column {
    pub(crate) field: Field,
    /// The number of the field's type in PBF.
    pub(crate) number: u8,
    value: fn(usize) -> Cell,
}

impl Column {
    pub(crate) fn cell(&self, row: usize, place: usize) -> Cell {
        if self.is_null(row, place) {
            return Cell::Null;
        }
        (self.value)(row)
    }

    pub(crate) fn is_null(&self, row: usize, place: usize) -> bool {
        self.field.field_type != FieldType::Oid && (row + place).is_multiple_of(29)
    }
}

fn column(name: &str, field_type: FieldType, number: u8, value: fn(usize) -> Cell) -> Column {
    Column {
        field: Field::new(name, field_type),
        number,
        value,
    }
}

fn id() -> Column {
    column("OBJECTID", FieldType::Oid, 6, |row| {
        Cell::Whole(row as i64 + 1)
    })
}

/// 20 columns of the types that most columns have.
pub(crate) fn usual() -> Vec<Column> {
    let kinds: [fn(usize) -> Column; 5] = [
        |place| column(&format!("t{place}"), FieldType::String, 4, text),
        |place| column(&format!("d{place}"), FieldType::Double, 3, double),
        |place| {
            column(&format!("i{place}"), FieldType::Integer, 1, |row| {
                Cell::Whole(row as i64 * 7_001 % 2_000_000_000)
            })
        },
        |place| column(&format!("m{place}"), FieldType::Date, 5, moment),
        |place| column(&format!("s{place}"), FieldType::SmallInteger, 0, small),
    ];
    let others = (1..20).map(|place| kinds[place % 5](place));
    std::iter::once(id()).chain(others).collect()
}

/// A column of each type, and of each form that its values come in.
pub(crate) fn all() -> Vec<Column> {
    let text_of = |name: &str, field_type, number, value| column(name, field_type, number, value);
    let mut columns = vec![
        id(),
        column("small", FieldType::SmallInteger, 0, small),
        column("whole", FieldType::Integer, 1, |row| {
            Cell::Whole(-(row as i64) * 1_001)
        }),
        column("big", FieldType::BigInteger, 13, |row| {
            Cell::Whole((1 << 53) + 1 + row as i64)
        }),
        column("single", FieldType::Single, 2, |row| {
            Cell::Single(row as f32 / 4.0)
        }),
        column("double", FieldType::Double, 3, double),
        column("date", FieldType::Date, 5, moment),
        text_of("ascii", FieldType::String, 4, |row| {
            Cell::Text(format!("row {row}"))
        }),
        text_of("text", FieldType::String, 4, text),
        text_of("escaped", FieldType::String, 4, |row| {
            Cell::Text(format!("\"{row}\"\n\\"))
        }),
        text_of("xml", FieldType::Xml, 12, |row| {
            Cell::Text(format!("<a b=\"{row}\"/>"))
        }),
        text_of("iso", FieldType::Date, 5, |row| {
            Cell::Text(format!("2024-02-29T12:{:02}:00.250Z", row % 60))
        }),
        text_of("day", FieldType::DateOnly, 14, |row| {
            Cell::Text(format!("1970-01-{:02}", row % 31 + 1))
        }),
        text_of("time", FieldType::TimeOnly, 15, |row| {
            Cell::Text(format!("00:{:02}:00.001", row % 60))
        }),
        text_of("offset", FieldType::TimestampOffset, 16, |row| {
            Cell::Text(format!("1970-01-01T00:{:02}:00-08:00", row % 60))
        }),
        // As ArcGIS writes it in places: with a blank.
        text_of("blank", FieldType::TimestampOffset, 16, |row| {
            Cell::Text(format!("1970-01-01 00:{:02}:00 +05:45", row % 60))
        }),
        text_of("guid", FieldType::Guid, 10, guid),
        text_of("global", FieldType::GlobalId, 11, guid),
        // Three bytes of number are four letters.
        text_of("blob", FieldType::Blob, 8, |row| {
            let letter =
                |place: usize| char::from(b'A' + (row / 26_usize.pow(place as u32) % 26) as u8);
            Cell::Text((0..4).map(letter).collect())
        }),
        // A type that a later server may bring.
        text_of(
            "later",
            FieldType::Other("esriFieldTypeLater".to_owned()),
            99,
            text,
        ),
    ];
    let mut codes = column("code", FieldType::SmallInteger, 0, |row| {
        Cell::Whole(code(row) as i64)
    });
    let mut letters = text_of("letter", FieldType::String, 4, |row| {
        Cell::Text(char::from(b'a' + code(row)).to_string())
    });
    // Of the five codes that come one is not listed.
    codes.field.domain = Some(coded((0..4).map(|code| json!(code))));
    letters.field.domain = Some(coded(["a", "b", "c", "d"].map(|code| json!(code))));
    columns.extend([codes, letters]);
    columns
}

/// A code, of which few rows have the last.
fn code(row: usize) -> u8 {
    if row % 25 == 14 {
        4
    } else {
        (row % 5).min(3) as u8
    }
}

fn coded(
    codes: impl IntoIterator<Item = arcgis_export::arcgis_layer::serde_json::Value>,
) -> Domain {
    let values = codes.into_iter().map(|code| CodedValue {
        name: format!("what {code} means"),
        code,
    });
    Domain::CodedValue {
        name: "codes".to_owned(),
        values: values.collect(),
    }
}

fn small(row: usize) -> Cell {
    Cell::Whole(row as i64 * 13 % 30_000)
}

fn double(row: usize) -> Cell {
    Cell::Double(row as f64 * 0.317 - 5.0)
}

fn moment(row: usize) -> Cell {
    Cell::Whole(row as i64 * 86_400_000 - 86_400_001)
}

fn text(row: usize) -> Cell {
    Cell::Text(format!("é {row}"))
}

fn guid(row: usize) -> Cell {
    Cell::Text(format!("{{01234567-89AB-CDEF-0123-{row:012X}}}"))
}

/// How rows lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) kind: GeometryType,
    pub(crate) dims: Dimensions,
}

/// Positions in steps of 1 from 0.25; 0 as z or m means that there is none.
pub(crate) type Part = Vec<[i64; 4]>;

impl Shape {
    /// The parts in the order of the wire; none for a row without geometry.
    pub(crate) fn parts(self, row: usize) -> Option<Vec<Part>> {
        if self.is_null(row) {
            return None;
        }
        let (x, y) = ((row % 50) as i64 * 100, (row / 50) as i64 * 100);
        let z = row as i64 % 90 + 1;
        let part = |positions: &[[i64; 2]]| -> Part {
            let at = |(place, [right, up]): (usize, &[i64; 2])| {
                // Of some positions the m is not known.
                let m = if place == 1 { 0 } else { place as i64 + 5 };
                [x + right, y + up, z, m]
            };
            positions.iter().enumerate().map(at).collect()
        };
        let square = |left: i64, low: i64, side: i64| {
            let (right, high) = (left + side, low + side);
            [
                [left, low],
                [left, high],
                [right, high],
                [right, low],
                [left, low],
            ]
        };
        Some(match self.kind {
            GeometryType::Point => vec![part(&[[3, 4]])],
            GeometryType::Multipoint => vec![part(&[[0, 0], [9, 1], [3, 7], [8, 8], [2, 2]])],
            GeometryType::Polyline => vec![
                part(&[[0, 0], [1, 5], [9, 9]]),
                part(&[[20, 0], [21, 5], [29, 9], [40, 41]]),
            ],
            // A shell with two holes, another with one; in some rows so many that an index is made of them.
            _ => {
                let mut hole = square(10, 10, 10);
                hole.reverse();
                let mut rings = vec![part(&square(0, 0, 50)), part(&hole)];
                for (left, low) in [(30, 30), (80, 10)] {
                    let mut hole = square(left, low, 5);
                    hole.reverse();
                    rings.push(part(&hole));
                }
                rings.push(part(&square(60, 0, 40)));
                if row.is_multiple_of(100) {
                    rings.extend((0..30).map(|at| part(&square(0, 60 + at, 1))));
                }
                rings
            }
        })
    }

    pub(crate) fn is_null(self, row: usize) -> bool {
        row % 11 == 10
    }
}

/// What the metadata of the layer says.
pub(crate) fn layout(columns: &[Column], shape: Option<Shape>) -> Layout {
    let fields: Vec<Field> = columns.iter().map(|column| column.field.clone()).collect();
    let layout = Layout::new(fields).with_object_id("OBJECTID");
    match shape {
        None => layout,
        Some(Shape { kind, dims }) => layout.with_geometry(GeometryLayout {
            kind,
            dims,
            spatial_reference: SpatialReference::from_wkid(3857),
        }),
    }
}
