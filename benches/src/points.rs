//! Points with 20 columns of all sorts, about 430 bytes a row as JSON and 170 as PBF.

use arcgis_layer::{FieldType, GeometryType};

use crate::page::{Page, Writer};
use crate::random::Random;

const FIELDS: [(&str, FieldType); 20] = [
    ("OBJECTID", FieldType::Oid),
    ("NAME", FieldType::String),
    ("KIND", FieldType::String),
    ("STATUS", FieldType::String),
    ("COUNTY", FieldType::String),
    ("POP", FieldType::Integer),
    ("HOUSES", FieldType::Integer),
    ("FIPS", FieldType::String),
    ("RANK", FieldType::SmallInteger),
    ("CLASS", FieldType::SmallInteger),
    ("HEIGHT", FieldType::Double),
    ("DEPTH", FieldType::Double),
    ("FLOW", FieldType::Double),
    ("SHARE", FieldType::Single),
    ("BUILT", FieldType::Date),
    ("EDITED", FieldType::Date),
    ("EDITOR", FieldType::String),
    ("CODE", FieldType::Integer),
    ("REMARK", FieldType::String),
    ("LENGTH", FieldType::Double),
];

const KINDS: [&str; 6] = ["well", "spring", "gauge", "pump", "outfall", "reservoir"];
const STATES: [&str; 3] = ["active", "inactive", "unknown"];
const EDITORS: [&str; 5] = ["jdoe", "asmith", "gis_admin", "mueller", "field_crew_2"];

/// So many rows; the same in every run.
#[must_use]
pub fn points(rows: u32) -> Page {
    let mut random = Random::new(20);
    let mut page = Writer::new(GeometryType::Point, &FIELDS);
    for row in 1..=rows {
        page.begin_row();
        page.id(row);
        page.text(&format!("Station {}", random.below(1_000_000)));
        page.text(KINDS[random.below(6) as usize]);
        page.text(STATES[random.below(3) as usize]);
        // Every thirtieth name is not ASCII.
        match random.below(30) {
            0 => page.text("Doña Ana"),
            county => page.text(&format!("County {county}")),
        }
        page.whole(random.below(3_000_000) as i64);
        page.whole(random.below(900) as i64);
        page.text(&format!("{:05}", random.below(99_999)));
        page.whole(random.below(9) as i64);
        page.whole(random.below(200) as i64);
        page.double(random.between(-400.0, 8_000.0));
        page.double((random.between(0.0, 500.0) * 10.0).round() / 10.0);
        match random.below(10) {
            0..=2 => page.null(),
            _ => page.double((random.between(0.0, 90.0) * 1000.0).round() / 1000.0),
        }
        page.double(f64::from((random.between(0.0, 1.0) * 100.0).round() as f32) / 100.0);
        page.whole(random.below(1_700_000_000_000) as i64);
        page.whole(1_500_000_000_000 + random.below(200_000_000_000) as i64);
        page.text(EDITORS[random.below(5) as usize]);
        page.whole(random.below(70_000) as i64 - 35_000);
        match random.below(10) {
            0 => page.text("checked on site \"A\""),
            1 => page.text(""),
            _ => page.null(),
        }
        page.double(random.between(0.0, 12_000.0));
        page.point(random.between(-14e6, -7e6), random.between(2.8e6, 6.2e6));
    }
    page.finish("points")
}
