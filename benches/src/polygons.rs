//! Polygons of some 120 positions with 8 columns, about 5 kB a row as JSON and 1 kB as PBF.

use std::f64::consts::TAU;

use arcgis_layer::{FieldType, GeometryType};

use crate::page::{Page, Writer};
use crate::random::Random;

const FIELDS: [(&str, FieldType); 8] = [
    ("OBJECTID", FieldType::Oid),
    ("PARCEL", FieldType::String),
    ("OWNER", FieldType::String),
    ("ZONING", FieldType::String),
    ("VALUE", FieldType::Integer),
    ("SOLD", FieldType::Date),
    ("Shape__Area", FieldType::Double),
    ("Shape__Length", FieldType::Double),
];

const ZONES: [&str; 6] = ["R-1", "R-2", "C-1", "C-2", "M", "PUD"];

/// So many rows; the same in every run. One in ten has a hole or two, one in thirty a second shell.
#[must_use]
pub fn polygons(rows: u32) -> Page {
    let mut random = Random::new(8);
    let mut page = Writer::new(GeometryType::Polygon, &FIELDS);
    for row in 1..=rows {
        page.begin_row();
        page.id(row);
        page.text(&format!(
            "{:03}-{:04}-{:03}",
            random.below(999),
            random.below(9_999),
            random.below(999)
        ));
        page.text(&format!("OWNER {} LLC", random.below(50_000)));
        page.text(ZONES[random.below(6) as usize]);
        page.whole(random.below(9_000_000) as i64);
        match random.below(4) {
            0 => page.null(),
            _ => page.whole(random.below(1_700_000_000_000) as i64),
        }
        page.double(random.between(10.0, 900_000.0));
        page.double(random.between(10.0, 4_000.0));
        let centre = [random.between(-14e6, -7e6), random.between(2.8e6, 6.2e6)];
        let positions = 60 + random.below(120);
        let mut rings = vec![ring(&mut random, centre, 900.0, positions, true)];
        match random.below(30) {
            0 | 1 => rings.push(ring(&mut random, centre, 60.0, 12, false)),
            2 => {
                rings.push(ring(
                    &mut random,
                    [centre[0] - 100.0, centre[1]],
                    30.0,
                    12,
                    false,
                ));
                rings.push(ring(
                    &mut random,
                    [centre[0] + 100.0, centre[1]],
                    30.0,
                    12,
                    false,
                ));
            }
            3 => rings.push(ring(
                &mut random,
                [centre[0] + 3_000.0, centre[1]],
                300.0,
                30,
                true,
            )),
            _ => {}
        }
        page.rings(&rings);
    }
    page.finish("polygons")
}

/// A ring around a centre, closed; its radius changes by a tenth, so that it never touches itself.
fn ring(
    random: &mut Random,
    [x, y]: [f64; 2],
    radius: f64,
    positions: u64,
    clockwise: bool,
) -> Vec<[f64; 2]> {
    let mut ring: Vec<[f64; 2]> = (0..positions)
        .map(|place| {
            let turn = TAU * place as f64 / positions as f64;
            let angle = if clockwise { -turn } else { turn };
            let radius = radius * random.between(0.95, 1.05);
            [x + radius * angle.cos(), y + radius * angle.sin()]
        })
        .collect();
    ring.push(ring[0]);
    ring
}
