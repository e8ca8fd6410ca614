//! The bounding box column: a rectangle for each row, by whose statistics readers skip what is far away.
//!
//! The sides are 64-bit floats, though GeoParquet allows 32: so they are the exact bounds, and readers
//! that filter rows by them alone (GeoPandas does) take no row too many.

use std::sync::LazyLock;

use arrow_schema::{DataType, Field, Fields};

const SIDES: [&str; 4] = ["xmin", "ymin", "xmax", "ymax"];

/// The members of the column.
pub(crate) fn fields() -> Fields {
    // Each page has them: they are made once.
    static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
        let fields = SIDES.into_iter();
        let fields = fields.map(|name| Field::new(name, DataType::Float64, false));
        fields.collect()
    });
    FIELDS.clone()
}

/// The path of each member in the file.
pub(crate) fn paths(column: &str) -> [Vec<String>; 4] {
    SIDES.map(|side| vec![column.to_owned(), side.to_owned()])
}

/// What the footer says of it.
pub(crate) fn json(column: &str) -> String {
    let sides: Vec<String> = paths(column)
        .iter()
        .zip(SIDES)
        .map(|(path, side)| {
            let path: Vec<String> = path
                .iter()
                .map(|part| super::metadata::text(part))
                .collect();
            format!(r#""{side}":[{}]"#, path.join(","))
        })
        .collect();
    format!(r#"{{"bbox":{{{}}}}}"#, sides.join(","))
}
