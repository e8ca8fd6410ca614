//! Any features, written by `serde_json` and read back; and any bytes at all.

use arcgis_layer::{Dimensions, GeometryType, read_header};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::recorder::{Cell, columns, decode_bytes, expected, located};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-100_000i64..100_000).prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        (-1e8..1e8f64).prop_map(|number| json!(number)),
        any::<String>().prop_map(Value::from),
        "[a-z\"\\\\\n\té😀]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 8, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z]{1,3}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// As `serde_json` writes it, or with white space.
fn written(value: &Value, pretty: bool) -> String {
    if pretty {
        serde_json::to_string_pretty(value).unwrap()
    } else {
        serde_json::to_string(value).unwrap()
    }
}

fn same(found: &Cell, value: &Value) -> bool {
    match (found, value) {
        // The raw text may be laid out otherwise.
        (Cell::Str(text), Value::Array(_) | Value::Object(_)) => {
            serde_json::from_str::<Value>(text).unwrap() == *value
        }
        (Cell::Float(found), _) => match expected(value) {
            Cell::Float(number) => found.to_bits() == number.to_bits(),
            _ => false,
        },
        _ => *found == expected(value),
    }
}

const NAMES: [&str; 5] = ["a", "b", "c", "Ünï", "quote\"d"];

fn position(size: usize) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(
        prop_oneof![
            -180.0..180.0f64,
            -2e7..2e7f64,
            Just(0.0),
            any::<i32>().prop_map(f64::from)
        ],
        size,
    )
}

proptest! {
    #[test]
    fn attributes_come_back(
        rows in prop::collection::vec(
            prop::collection::vec((prop::sample::select(&NAMES[..]), value()), 0..6),
            0..8,
        ),
        pretty: bool,
        header_first: bool,
    ) {
        // A map has each key once; the order differs from row to row.
        let rows: Vec<Map<String, Value>> = rows
            .into_iter()
            .map(|row| row.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            .collect();
        let features: Vec<String> = rows
            .iter()
            .map(|row| format!("{{\"attributes\":{}}}", written(&Value::Object(row.clone()), pretty)))
            .collect();
        let features = format!("\"features\":[{}]", features.join(","));
        let header = r#""exceededTransferLimit":true"#;
        let body = if header_first {
            format!("{{{header},{features}}}")
        } else {
            format!("{{{features},{header}}}")
        };
        let layout = columns(&NAMES);
        let (found, facts) = decode_bytes(body.as_bytes(), &layout).unwrap();
        prop_assert!(facts.exceeded);
        prop_assert_eq!(found.len(), rows.len());
        for (found, row) in found.iter().zip(&rows) {
            for (column, name) in NAMES.iter().enumerate() {
                let value = row.get(*name).unwrap_or(&Value::Null);
                prop_assert!(same(found.cell(column), value), "{:?} {value}", found.cell(column));
            }
        }
        for (column, name) in NAMES.iter().enumerate() {
            let absent = rows.iter().filter(|row| !row.contains_key(*name)).count();
            prop_assert_eq!(facts.absent.get(&column).copied().unwrap_or(0), absent);
        }
    }

    #[test]
    fn lines_come_back(
        paths in prop::collection::vec(prop::collection::vec(position(4), 2..6), 0..4),
        pretty: bool,
    ) {
        let geometry = json!({"hasZ": true, "hasM": true, "paths": paths});
        let body = format!("{{\"features\":[{{\"geometry\":{}}}]}}", written(&geometry, pretty));
        let (rows, facts) =
            decode_bytes(body.as_bytes(), &located(GeometryType::Polyline, Dimensions::Xyzm)).unwrap();
        let shape = rows[0].geometry.as_ref().unwrap();
        let flat: Vec<f64> = paths.iter().flatten().flatten().copied().collect();
        prop_assert_eq!(&shape.coords, &flat);
        let ends: Vec<usize> = paths
            .iter()
            .scan(0, |sum, path| {
                *sum += path.len();
                Some(*sum)
            })
            .collect();
        prop_assert_eq!(&shape.ring_ends, &ends);
        let xmax = flat.chunks(4).map(|position| position[0]).fold(f64::NEG_INFINITY, f64::max);
        prop_assert_eq!(facts.bbox.xmax, xmax);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let layout = located(GeometryType::Polygon, Dimensions::Xyz);
        let _ = decode_bytes(&bytes, &layout);
        let _ = read_header(&bytes);
    }

    #[test]
    fn any_text_of_json_parts_is_survived(
        parts in prop::collection::vec(
            prop::sample::select(&[
                "{", "}", "[", "]", ",", ":", "\"", "\\", "\"features\":[", "\"attributes\":{", "\"geometry\":{",
                "\"rings\":[[", "\"x\":", "\"a\":", "1", "-2.5e3", "null", "NaN", "true", "\"t\\u00e9\"", " ", "é",
                "[0,0]", "[1,0],[1,1],[0,0]", "]]", "}}", "\"error\":", "\"hasM\":true,", "\"spatialReference\":{",
            ][..]),
            0..40,
        ),
        begin: bool,
    ) {
        let mut body = parts.concat();
        if begin {
            body.insert_str(0, "{\"features\":[{\"attributes\":{\"a\":1},\"geometry\":{");
        }
        let layout = located(GeometryType::Polygon, Dimensions::Xym);
        let _ = decode_bytes(body.as_bytes(), &layout);
        let _ = decode_bytes(body.as_bytes(), &columns(&["a", "t"]).with_object_id("a"));
        let _ = read_header(body.as_bytes());
    }

    #[test]
    fn mutated_pages_are_survived(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..6),
    ) {
        let mut body = br#"{"objectIdFieldName":"a","hasZ":true,"fields":[{"name":"a","type":"esriFieldTypeOID"}],"spatialReference":{"wkid":3857},"features":[{"attributes":{"a":1,"b":"x\ud83d\ude00y","c":[1,{}]},"geometry":{"hasZ":true,"rings":[[[0,0,1],[0,9,1],[9,9,null],[0,0,1]],[[1,1,"NaN"],[2,2,2],[1,2,3]]]}},{"attributes":{"a":2,"c":-1.25e-7},"geometry":null}],"exceededTransferLimit":false}"#.to_vec();
        for (place, byte, how) in changes {
            let place = place.index(body.len());
            match how {
                0 => body[place] = byte,
                1 => body.insert(place, byte),
                _ => {
                    body.remove(place);
                }
            }
        }
        for kind in [GeometryType::Polygon, GeometryType::Point] {
            let _ = decode_bytes(&body, &located(kind, Dimensions::Xyz));
        }
        let _ = decode_bytes(&body, &columns(&["a", "b", "c"]).with_object_id("a").with_fingerprint(true));
        if let Ok(header) = read_header(&body) {
            let _ = decode_bytes(&body, &header.layout());
        }
    }
}
