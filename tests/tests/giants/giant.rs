//! Answers of sizes that no server sends on purpose, and what has to be in the files that come of them.

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;

use arcgis_tests::{ParquetFile, Shape};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use prost::Message as _;

use crate::messages::{Axes, Feature, FeatureResult, Field, Geometry, Kind, Transform};

/// What is large.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Giant {
    /// One polygon of so many rings: shells with a hole each.
    Rings,
    /// One polygon of so many rings: a shell and its holes.
    Holes,
    /// One attribute of so many bytes.
    Text,
    /// So many rows.
    Rows,
}

/// The formats of answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Format {
    Json,
    Pbf,
}

pub(crate) const FORMATS: [Format; 2] = [Format::Json, Format::Pbf];

type Ring = Vec<[i64; 2]>;

impl Giant {
    /// The answer to a query.
    pub(crate) fn answer(self, size: usize, format: Format) -> Vec<u8> {
        match format {
            Format::Json => self.json(size),
            Format::Pbf => self.pbf(size),
        }
    }

    /// How many bytes it has once it is decoded.
    pub(crate) fn held(self, size: usize) -> usize {
        match self {
            // Five positions of two doubles.
            Self::Rings | Self::Holes => 80 * size,
            Self::Text => size,
            // An id of eight bytes and a value of four.
            Self::Rows => 12 * size,
        }
    }

    fn fields(self) -> Vec<(&'static str, &'static str, i32)> {
        let mut fields = vec![("OBJECTID", "esriFieldTypeOID", 6)];
        match self {
            Self::Text => fields.push(("TEXT", "esriFieldTypeString", 4)),
            Self::Rows => fields.push(("VALUE", "esriFieldTypeInteger", 1)),
            Self::Rings | Self::Holes => {}
        }
        fields
    }

    fn json(self, size: usize) -> Vec<u8> {
        let fields: Vec<String> = self
            .fields()
            .iter()
            .map(|(name, kind, _)| format!(r#"{{"name":"{name}","type":"{kind}"}}"#))
            .collect();
        let fields = fields.join(",");
        let mut body = format!(r#"{{"objectIdFieldName":"OBJECTID","fields":[{fields}],"#);
        match self {
            Self::Rings | Self::Holes => {
                body.push_str(r#""geometryType":"esriGeometryPolygon","spatialReference":{"wkid":3857},"features":[{"attributes":{"OBJECTID":1},"geometry":{"rings":["#);
                for (place, ring) in self.positions(size).enumerate() {
                    body.push_str(if place == 0 { "[" } else { ",[" });
                    for (place, (x, y)) in ring.iter().enumerate() {
                        let comma = if place == 0 { "" } else { "," };
                        write!(body, "{comma}[{x},{y}]").unwrap();
                    }
                    body.push(']');
                }
                body.push_str("]}}]}");
            }
            Self::Text => {
                body.reserve(size + 100);
                body.push_str(r#""features":[{"attributes":{"OBJECTID":1,"TEXT":""#);
                body.push_str(&text(size));
                body.push_str(r#""}}]}"#);
            }
            Self::Rows => {
                body.push_str(r#""features":["#);
                for id in 1..=size {
                    let comma = if id == 1 { "" } else { "," };
                    let value = value(id as i64);
                    write!(
                        body,
                        r#"{comma}{{"attributes":{{"OBJECTID":{id},"VALUE":{value}}}}}"#
                    )
                    .unwrap();
                }
                body.push_str("]}");
            }
        }
        body.into_bytes()
    }

    fn pbf(self, size: usize) -> Vec<u8> {
        let fields = self.fields().into_iter().map(|(name, _, number)| Field {
            name: name.to_owned(),
            field_type: number,
            ..Field::default()
        });
        let mut page = FeatureResult {
            object_id_field_name: "OBJECTID".to_owned(),
            fields: fields.collect(),
            ..FeatureResult::default()
        };
        match self {
            Self::Rings | Self::Holes => {
                page.geometry_type = 3;
                let quarter = Axes {
                    x: 0.25,
                    y: 0.25,
                    ..Axes::default()
                };
                page.transform = Some(Transform {
                    origin: 1,
                    scale: Some(quarter),
                    translate: None,
                });
                let mut geometry = Geometry::default();
                for ring in self.rings(size) {
                    geometry.lengths.push(u32::try_from(ring.len()).unwrap());
                    let mut last = [0, 0];
                    for [x, y] in ring {
                        geometry.coords.extend([x - last[0], y - last[1]]);
                        last = [x, y];
                    }
                }
                page.features.push(Feature {
                    attributes: vec![Kind::Uint(1).into()],
                    geometry: Some(geometry),
                    ..Feature::default()
                });
            }
            Self::Text => page.features.push(Feature {
                attributes: vec![Kind::Uint(1).into(), Kind::Text(text(size)).into()],
                ..Feature::default()
            }),
            // One by one: as messages they would take gigabytes.
            Self::Rows => {
                let mut bytes = page.encode_to_vec();
                for id in 1..=u32::try_from(size).unwrap() {
                    let row = Feature {
                        attributes: vec![
                            Kind::Uint(id).into(),
                            Kind::Sint(value(id.into())).into(),
                        ],
                        ..Feature::default()
                    };
                    member(15, &row.encode_to_vec(), &mut bytes);
                }
                let mut result = Vec::new();
                member(1, &bytes, &mut result);
                let mut body = Vec::new();
                member(2, &result, &mut body);
                return body;
            }
        }
        page.encoded()
    }

    /// Rings in quarters, closed; shells clockwise, holes counter-clockwise.
    fn rings(self, count: usize) -> impl Iterator<Item = Ring> {
        let side = (count as i64).isqrt() + 1;
        (0..count as i64).map(move |at| match self {
            Self::Holes if at == 0 => square([-4, -4], 8 * side + 8, true),
            Self::Holes => square([at % side * 8, at / side * 8], 4, false),
            _ => {
                let corner = [at / 2 % side * 8, at / 2 / side * 8];
                match at % 2 {
                    0 => square(corner, 4, true),
                    _ => square(corner.map(|axis| axis + 1), 2, false),
                }
            }
        })
    }

    /// The same as they are meant.
    pub(crate) fn positions(self, count: usize) -> impl Iterator<Item = Vec<(f64, f64)>> {
        let meant = |[x, y]: [i64; 2]| (x as f64 / 4.0, y as f64 / 4.0);
        self.rings(count)
            .map(move |ring| ring.into_iter().map(meant).collect())
    }

    /// How many polygons there are, and how many rings each has.
    fn polygons(self, count: usize) -> (usize, usize) {
        match self {
            Self::Holes => (1, count),
            _ => (count / 2, 2),
        }
    }

    /// Asserts that the file has all of it.
    pub(crate) fn assert_in(self, path: &Path, size: usize) {
        if self == Self::Rows {
            return assert_rows(path, size);
        }
        let file = ParquetFile::read(path);
        assert_eq!(file.rows(), 1);
        assert_eq!(file.numbers::<Int64Type>("OBJECTID"), [Some(1)]);
        if self == Self::Text {
            let found = file.texts("TEXT")[0].unwrap();
            // Not `assert_eq`, which would print it.
            assert!(found == text(size), "{} bytes of text", found.len());
            return;
        }
        let Some(geometry) = &file.geometries()[0] else {
            panic!("no geometry");
        };
        let polygons = match &geometry.shape {
            Shape::Polygon(rings) => std::slice::from_ref(rings),
            Shape::MultiPolygon(polygons) => polygons.as_slice(),
            other => panic!("{other:?}"),
        };
        let (count, rings) = self.polygons(size);
        assert_eq!(polygons.len(), count);
        assert!(polygons.iter().all(|polygon| polygon.len() == rings));
        // Each ring is one of those that came, whichever way it runs and wherever it begins.
        let mut found: Vec<[i64; 3]> = polygons.iter().flatten().map(|ring| box_of(ring)).collect();
        let mut wanted: Vec<[i64; 3]> = self
            .positions(size)
            .map(|ring| {
                let ring: Vec<Vec<f64>> = ring.iter().map(|(x, y)| vec![*x, *y]).collect();
                box_of(&ring)
            })
            .collect();
        found.sort_unstable();
        wanted.sort_unstable();
        assert!(found == wanted, "other rings than came");
        // A hole lies in the shell that it stands behind.
        for polygon in polygons {
            let [x, y, side] = box_of(&polygon[0]);
            for hole in &polygon[1..] {
                let [left, low, width] = box_of(hole);
                let inside =
                    left > x && low > y && left + width < x + side && low + width < y + side;
                assert!(inside, "{left}, {low} is not in {x}, {y}");
            }
        }
    }
}

/// The corner and the side of a square, in quarters.
fn box_of(ring: &[Vec<f64>]) -> [i64; 3] {
    let least = |axis: usize| {
        ring.iter()
            .map(|position| position[axis])
            .fold(f64::MAX, f64::min)
    };
    let most = ring
        .iter()
        .map(|position| position[0])
        .fold(f64::MIN, f64::max);
    let quarters = [least(0), least(1), most - least(0)];
    assert_eq!(ring.len(), 5);
    // A service gives the grid's nearest.
    quarters.map(|number| (number * 4.0).round() as i64)
}

fn square([x, y]: [i64; 2], side: i64, clockwise: bool) -> Ring {
    let (right, high) = (x + side, y + side);
    let mut ring = vec![[x, y], [x, high], [right, high], [right, y], [x, y]];
    if !clockwise {
        ring.reverse();
    }
    ring
}

/// Words that do not repeat, so that its middle is told from any other place.
pub(crate) fn text(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 16);
    let mut word = 0;
    while text.len() < bytes {
        write!(text, "word {word} ").unwrap();
        word += 1;
    }
    text.truncate(bytes);
    text
}

pub(crate) fn value(id: i64) -> i32 {
    (id * 7 % 1_000) as i32 - 500
}

fn member(number: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    prost::encode_length_delimiter(bytes.len(), out).unwrap();
    out.extend_from_slice(bytes);
}

fn assert_rows(path: &Path, size: usize) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let mut next = 1;
    for batch in reader.build().unwrap() {
        let batch: RecordBatch = batch.unwrap();
        let ids = batch.column(0).as_primitive::<Int64Type>();
        let values = batch.column(1).as_primitive::<Int32Type>();
        for (id, found) in ids.values().iter().zip(values.values()) {
            assert_eq!((*id, *found), (next, value(next)));
            next += 1;
        }
    }
    assert_eq!(next, size as i64 + 1);
}
