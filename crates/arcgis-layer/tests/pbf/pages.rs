//! Attributes, ids and what a page says of itself.

use std::sync::atomic::AtomicBool;

use arcgis_layer::{
    DecodeContext, DecodeError, Field as LayerField, FieldType, GeometryType, Layout, decode_pbf,
    read_pbf_count, read_pbf_extent, read_pbf_header, read_pbf_ids,
};
use prost::Message;
use xxhash_rust::xxh3::xxh3_64;

use crate::compare::{decode, decode_bytes, refused};
use crate::messages::{
    Arm, Collection, CountResult, Envelope, ExtentResult, Feature, FeatureResult, Field, IdsResult,
    Kind, QueryResult, SpatialReference, Value,
};
use crate::recorder::{Cell, Recorder, columns};

pub(crate) fn field(name: &str, field_type: i32) -> Field {
    Field {
        name: name.to_owned(),
        field_type,
        ..Field::default()
    }
}

/// A page of text fields of these names, with these rows.
pub(crate) fn page(names: &[&str], rows: Vec<Vec<Option<Kind>>>) -> FeatureResult {
    FeatureResult {
        fields: names.iter().map(|name| field(name, 4)).collect(),
        features: rows
            .into_iter()
            .map(|row| Feature {
                attributes: row.into_iter().map(|kind| Value { kind }).collect(),
                ..Feature::default()
            })
            .collect(),
        ..FeatureResult::default()
    }
}

fn text(text: &str) -> Option<Kind> {
    Some(Kind::Text(text.to_owned()))
}

#[test]
fn every_kind_of_value_arrives() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let row = vec![
        text("x\u{e9}\n"),
        Some(Kind::Float(0.1)),
        Some(Kind::Double(f64::NAN)),
        Some(Kind::Sint(i32::MIN)),
        Some(Kind::Uint(u32::MAX)),
        Some(Kind::Int64(i64::MIN)),
        Some(Kind::Uint64(i64::MAX as u64)),
        Some(Kind::Sint64(i64::MIN)),
        Some(Kind::Bool(false)),
        Some(Kind::Null(true)),
        None,
        text(""),
    ];
    let (rows, facts) = decode(page(&names, vec![row]), &columns(&names));
    let row = &rows[0];
    assert_eq!(*row.cell(0), Cell::Str("xé\n".to_owned()));
    assert_eq!(*row.cell(1), Cell::Float(f64::from(0.1_f32)));
    assert!(matches!(row.cell(2), Cell::Float(number) if number.is_nan()));
    assert_eq!(*row.cell(3), Cell::Int(-2_147_483_648));
    assert_eq!(*row.cell(4), Cell::Int(4_294_967_295));
    assert_eq!(*row.cell(5), Cell::Int(i64::MIN));
    assert_eq!(*row.cell(6), Cell::Int(i64::MAX));
    assert_eq!(*row.cell(7), Cell::Int(i64::MIN));
    assert_eq!(*row.cell(8), Cell::Bool(false));
    assert_eq!(*row.cell(9), Cell::Null);
    assert_eq!(*row.cell(10), Cell::Null);
    assert_eq!(*row.cell(11), Cell::Str(String::new()));
    assert_eq!((facts.rows, facts.without_geometry), (1, 0));
}

#[test]
fn t23_t24_big_integers_and_dates_are_exact() {
    let names = ["big", "before", "last", "zero", "too_big"];
    let row = vec![
        Some(Kind::Sint64(9_007_199_254_740_993)),
        Some(Kind::Sint64(-1)),
        Some(Kind::Sint64(253_402_300_799_999)),
        Some(Kind::Sint64(0)),
        Some(Kind::Uint64(u64::MAX)),
    ];
    let (rows, _) = decode(page(&names, vec![row]), &columns(&names));
    let cells: Vec<_> = rows[0].cells.iter().flatten().cloned().collect();
    assert_eq!(
        cells,
        [
            Cell::Int(9_007_199_254_740_993),
            Cell::Int(-1),
            Cell::Int(253_402_300_799_999),
            Cell::Int(0),
            // As in JSON: the column refuses it.
            Cell::Float(18_446_744_073_709_551_615.0),
        ]
    );
}

/// Some encoders write more than 32 bits where 32 are declared.
#[test]
fn integers_that_are_wider_than_declared_are_kept() {
    let mut body = page(&["a"], vec![vec![Some(Kind::Sint64(1 << 52))]]).encoded();
    let place = body.len() - 9;
    let tag = body[place..]
        .iter()
        .position(|&byte| byte == 8 << 3)
        .unwrap()
        + place;
    body[tag] = 4 << 3;
    let (rows, _) = decode_bytes(&body, &columns(&["a"])).unwrap();
    assert_eq!(*rows[0].cell(0), Cell::Int(1 << 52));
}

#[test]
fn t12_newer_types_and_numbers_nobody_knows_are_types() {
    let mut answer = page(&["a", "b", "c", "d", "e"], vec![]);
    for (field, number) in answer.fields.iter_mut().zip([13, 14, 15, 16, 99]) {
        field.field_type = number;
    }
    answer.geometry_type = 77;
    let header = read_pbf_header(&answer.clone().encoded()).unwrap();
    let types: Vec<_> = header
        .fields
        .iter()
        .map(|field| field.field_type.clone())
        .collect();
    assert_eq!(
        types[..4],
        [
            FieldType::BigInteger,
            FieldType::DateOnly,
            FieldType::TimeOnly,
            FieldType::TimestampOffset,
        ]
    );
    assert!(matches!(&types[4], FieldType::Other(name) if name.contains("99")));
    assert_eq!(header.geometry_type, None);
    let (rows, _) = decode(
        FeatureResult {
            features: page(&[], vec![vec![text("2024-01-15"); 5]]).features,
            ..answer
        },
        &header.layout(),
    );
    assert_eq!(*rows[0].cell(1), Cell::Str("2024-01-15".to_owned()));
}

#[test]
fn a_value_of_a_kind_nobody_knows_is_an_error_and_no_null() {
    let mut body = page(&["a"], vec![vec![text("x")]]).encoded();
    let place = body.len() - 3;
    assert_eq!(body[place], 1 << 3 | 2);
    body[place] = 12 << 3 | 2;
    let error = decode_bytes(&body, &columns(&["a"])).unwrap_err();
    assert!(error.to_string().contains("unknown kind 12"), "{error}");
    // And so is one whose bytes are of another form than its kind has.
    body[place] = 3 << 3 | 2;
    let error = decode_bytes(&body, &columns(&["a"])).unwrap_err();
    assert!(error.to_string().contains("not a double"), "{error}");
}

#[test]
fn t29_fields_match_as_in_json() {
    let row = || vec![text("1"), text("2"), text("3")];
    let decode = |names: &[&str], layout: &Layout| {
        let (rows, facts) = decode(page(names, vec![row()]), layout);
        let cells: Vec<_> = rows[0].cells.iter().flatten().cloned().collect();
        (cells, facts.absent.len())
    };
    let text = |text: &str| Cell::Str(text.to_owned());
    let layout = columns(&["Name", "db.table.FIELD", "gone"]);
    assert_eq!(
        decode(&["NAME", "DB.Table.field", "more"], &layout),
        (vec![text("1"), text("2"), Cell::Null], 1)
    );
    // The exact name counts wherever it is.
    assert_eq!(
        decode(&["NAME", "x", "Name"], &layout).0,
        [text("3"), Cell::Null, Cell::Null]
    );
    // Of the same name twice the first.
    assert_eq!(
        decode(&["x", "Name", "Name"], &layout).0,
        [text("2"), Cell::Null, Cell::Null]
    );
    let ambiguous = columns(&["name", "NAME"]);
    assert_eq!(
        decode(&["nAmE", "x", "y"], &ambiguous).0,
        [Cell::Null, Cell::Null]
    );
}

#[test]
fn ids_are_found_whatever_their_form() {
    let layout = Layout::new([
        LayerField::new("NAME", FieldType::String),
        LayerField::new("FID", FieldType::Oid),
    ])
    .with_object_id("FID");
    for kind in [
        Kind::Uint(7),
        Kind::Sint(7),
        Kind::Int64(7),
        Kind::Uint64(7),
        Kind::Sint64(7),
        Kind::Double(7.0),
        Kind::Text(" 7".to_owned()),
    ] {
        let (rows, facts) = decode(
            page(&["fid", "NAME"], vec![vec![Some(kind), text("x")]]),
            &layout,
        );
        assert_eq!(facts.ids, [7]);
        assert_eq!(*rows[0].cell(1), Cell::Int(7));
    }
    for (kind, problem) in [
        (None, "null"),
        (Some(Kind::Double(7.5)), "7.5"),
        (Some(Kind::Text("seven".to_owned())), "'seven'"),
        (Some(Kind::Bool(true)), "true"),
        (Some(Kind::Uint64(u64::MAX)), "18446744073709552000"),
    ] {
        let answer = page(
            &["FID", "NAME"],
            vec![vec![Some(Kind::Uint(1)), None], vec![kind, None]],
        );
        let error = refused(answer, &layout);
        assert!(
            matches!(&error, DecodeError::ObjectId { row: 1, problem: found } if found.contains(problem)),
            "{error}"
        );
    }
    let hidden = columns(&["NAME"]).with_object_id("FID");
    let answer = page(&["NAME", "FID"], vec![vec![None, Some(Kind::Uint(9))]]);
    let (rows, facts) = decode(answer, &hidden);
    assert_eq!((rows[0].cells.len(), facts.ids), (1, vec![9]));
    let error = refused(page(&["NAME"], vec![vec![None]]), &hidden);
    assert!(matches!(error, DecodeError::ObjectId { row: 0, .. }));
}

#[test]
fn values_and_fields_have_to_be_as_many() {
    let layout = columns(&["a", "b"]);
    for row in [vec![], vec![None], vec![None; 3]] {
        let answer = page(&["a", "b"], vec![vec![None, None], row.clone()]);
        let error = refused(answer, &layout);
        assert!(
            matches!(&error, DecodeError::Malformed { problem, .. } if problem.contains(&format!("row 1 has {} values for 2 fields", row.len()))),
            "{error}"
        );
    }
    // Fields that no row shows do no harm.
    assert_eq!(decode(page(&["a"], vec![]), &layout).1.rows, 0);
}

#[test]
fn values_may_be_named_by_their_place() {
    let mut answer = page(
        &["a", "b"],
        vec![
            vec![Some(Kind::Index(1)), Some(Kind::Index(0))],
            vec![Some(Kind::Index(1)), text("own")],
        ],
    );
    answer.values = vec![Value { kind: None }, Kind::Text("shared".to_owned()).into()];
    let layout = columns(&["a", "b"]);
    let (rows, _) = decode(answer.clone(), &layout);
    let shared = Cell::Str("shared".to_owned());
    assert_eq!((rows[0].cell(0), rows[0].cell(1)), (&shared, &Cell::Null));
    assert_eq!(*rows[1].cell(0), shared);
    // Rows would have the same fingerprint without being the same.
    refused(answer.clone(), &layout.clone().with_fingerprint(true));
    answer.values.pop();
    let error = refused(answer.clone(), &layout);
    assert!(error.to_string().contains("no value 1"), "{error}");
    answer.values.push(Kind::Index(0).into());
    refused(answer, &layout);
}

#[test]
fn what_the_page_says_counts_wherever_it_stands() {
    let answer = FeatureResult {
        exceeded_transfer_limit: true,
        spatial_reference: Some(SpatialReference {
            wkid: 102_100,
            latest_wkid: 3857,
            vcs_wkid: 5773,
            latest_vcs_wkid: 5773,
            ..SpatialReference::default()
        }),
        ..page(&["a", "OBJECTID"], vec![])
    };
    let rows = page(&[], vec![vec![text("x"), Some(Kind::Uint(4))]; 3]);
    // Two messages one after the other are one message.
    let top = |first: &FeatureResult, second: &FeatureResult| {
        let mut features = first.encode_to_vec();
        second.encode(&mut features).unwrap();
        let mut body = Vec::new();
        for member in [1, 2] {
            let mut framed = vec![member << 3 | 2];
            prost::encode_length_delimiter(features.len(), &mut framed).unwrap();
            framed.append(&mut features);
            features = framed;
            body.clone_from(&features);
        }
        body
    };
    let layout = columns(&["a"]).with_object_id("OBJECTID");
    for body in [top(&answer, &rows), top(&rows, &answer)] {
        let (found, facts) = decode_bytes(&body, &layout).unwrap();
        assert_eq!(*found[2].cell(0), Cell::Str("x".to_owned()));
        assert_eq!(facts.ids, [4, 4, 4]);
        assert!(facts.exceeded);
        let reference = facts.spatial_reference.unwrap();
        assert_eq!(reference.code(), Some(3857));
        assert_eq!(reference.vcs_wkid, Some(5773));
        assert_eq!(read_pbf_header(&body).unwrap().rows, 3);
    }
}

#[test]
fn references_may_be_wkt() {
    let answer = FeatureResult {
        spatial_reference: Some(SpatialReference {
            wkt: "PROJCS[\"mine\"]".to_owned(),
            wkt2: "PROJCRS[\"mine\"]".to_owned(),
            ..SpatialReference::default()
        }),
        ..page(&[], vec![])
    };
    let (_, facts) = decode(answer.clone(), &columns(&[]));
    let reference = facts.spatial_reference.unwrap();
    assert_eq!(reference.wkt.as_deref(), Some("PROJCS[\"mine\"]"));
    assert_eq!(reference.wkt2.as_deref(), Some("PROJCRS[\"mine\"]"));
    let header = read_pbf_header(&answer.encoded()).unwrap();
    assert_eq!(header.spatial_reference, reference);
    assert_eq!(header.geometry_type, Some(GeometryType::Point));
}

#[test]
fn fingerprints_are_of_the_rows_bytes() {
    let answer = page(
        &["a"],
        vec![vec![text("x")], vec![text("y")], vec![text("x")]],
    );
    let expected: Vec<u64> = answer
        .features
        .iter()
        .map(|feature| xxh3_64(&feature.encode_to_vec()))
        .collect();
    let (_, facts) = decode(answer, &columns(&["a"]).with_fingerprint(true));
    assert_eq!(facts.fingerprints, expected);
    assert_eq!(facts.fingerprints[0], facts.fingerprints[2]);
    assert_ne!(facts.fingerprints[0], facts.fingerprints[1]);
}

#[test]
fn t14_errors_come_as_json() {
    for body in [
        r#"{"error":{"code":498,"message":"Invalid token.","details":[]}}"#,
        "\u{feff} \n {\"error\":{\"code\":498,\"message\":\"Invalid token.\"}}",
        r#"{"status":"error","messages":["Invalid token."],"code":498}"#,
    ] {
        let error = decode_bytes(body.as_bytes(), &columns(&[])).unwrap_err();
        assert!(
            matches!(&error, DecodeError::Service(error) if error.code() == 498 && error.message() == "Invalid token."),
            "{error}"
        );
        for error in [
            read_pbf_header(body.as_bytes()).unwrap_err(),
            read_pbf_count(body.as_bytes()).unwrap_err(),
            read_pbf_ids(body.as_bytes()).unwrap_err(),
            read_pbf_extent(body.as_bytes()).unwrap_err(),
        ] {
            assert!(matches!(error, DecodeError::Service(_)), "{error}");
        }
    }
    for body in [
        r#"{"features":[]}"#,
        "{\"error\":{\"code\":498",
        "<html><title>Sign in</title></html>",
        "Service Unavailable",
        "\r\n",
    ] {
        let error = decode_bytes(body.as_bytes(), &columns(&[])).unwrap_err();
        assert!(matches!(error, DecodeError::Malformed { .. }), "{body}");
    }
}

#[test]
fn an_answer_without_features_is_no_empty_page() {
    let arm = |arm: Option<Arm>| {
        Collection {
            version: "1".to_owned(),
            result: Some(QueryResult { arm }),
        }
        .encode_to_vec()
    };
    let count = arm(Some(Arm::Count(CountResult { count: 5 })));
    for body in [
        Vec::new(),
        Collection::default().encode_to_vec(),
        arm(None),
        count.clone(),
    ] {
        let error = decode_bytes(&body, &columns(&[])).unwrap_err();
        assert!(matches!(error, DecodeError::Malformed { .. }), "{error}");
        assert!(read_pbf_header(&body).is_err());
    }
    let empty = arm(Some(Arm::Features(FeatureResult::default())));
    assert_eq!(decode_bytes(&empty, &columns(&[])).unwrap().1.rows, 0);
    // Two results would leave one out.
    let twice = [empty, count].concat();
    let error = decode_bytes(&twice, &columns(&[])).unwrap_err();
    assert!(error.to_string().contains("second result"), "{error}");
}

#[test]
fn a_page_that_ends_too_early_is_malformed_at_every_place() {
    let body = page(&["a"], vec![vec![text("x")]; 5]).encoded();
    assert!(decode_bytes(&body, &columns(&["a"])).is_ok());
    for length in 0..body.len() {
        let error = decode_bytes(&body[..length], &columns(&["a"])).unwrap_err();
        assert!(
            matches!(error, DecodeError::Malformed { offset, .. } if offset <= length),
            "{length}: {error}"
        );
    }
}

#[test]
fn what_the_sink_refuses_names_its_row() {
    let answer = page(&["a"], vec![vec![text("x")], vec![text("refuse me")]]);
    let error = refused(answer, &columns(&["a"]));
    assert!(matches!(error, DecodeError::Sink { row: 1, .. }), "{error}");
}

#[test]
fn decoding_can_be_cancelled() {
    let layout = columns(&[]);
    let cancelled = AtomicBool::new(true);
    let mut context = DecodeContext::new(&layout);
    context.cancelled = Some(&cancelled);
    let body = page(&[], vec![vec![]]).encoded();
    let error = decode_pbf(&body, &context, &mut Recorder::new(0)).unwrap_err();
    assert!(matches!(error, DecodeError::Cancelled));
}

#[test]
fn counts_ids_and_extents_are_read() {
    let body = |arm: Arm| {
        Collection {
            version: String::new(),
            result: Some(QueryResult { arm: Some(arm) }),
        }
        .encode_to_vec()
    };
    for count in [0, 1, 1 << 40] {
        let body = body(Arm::Count(CountResult { count }));
        assert_eq!(read_pbf_count(&body).unwrap(), count);
    }
    let object_ids = vec![1, 5_000_000_000, -3_i64 as u64];
    let ids = body(Arm::Ids(IdsResult {
        object_id_field_name: "FID".to_owned(),
        object_ids,
    }));
    assert_eq!(read_pbf_ids(&ids).unwrap(), [1, 5_000_000_000, -3]);
    assert!(
        read_pbf_ids(&body(Arm::Ids(IdsResult::default())))
            .unwrap()
            .is_empty()
    );
    let extent = |xmin: f64| {
        body(Arm::Extent(ExtentResult {
            extent: Some(Envelope {
                xmin,
                ymin: 0.0,
                xmax: 2.5,
                ymax: 3.5,
                spatial_reference: Some(SpatialReference {
                    wkid: 4326,
                    ..SpatialReference::default()
                }),
            }),
            count: 9,
        }))
    };
    let found = read_pbf_extent(&extent(-1.5)).unwrap().unwrap();
    assert_eq!(
        [
            found.bbox.xmin,
            found.bbox.ymin,
            found.bbox.xmax,
            found.bbox.ymax
        ],
        [-1.5, 0.0, 2.5, 3.5]
    );
    assert_eq!(found.spatial_reference.code(), Some(4326));
    assert_eq!(read_pbf_extent(&extent(f64::NAN)).unwrap(), None);
    assert_eq!(
        read_pbf_extent(&body(Arm::Extent(ExtentResult::default()))).unwrap(),
        None
    );
}

#[test]
fn headers_tell_points_from_tables() {
    let kind = |answer: FeatureResult| read_pbf_header(&answer.encoded()).unwrap().geometry_type;
    assert_eq!(kind(page(&["a"], vec![vec![None]])), None);
    let mut located = page(&["a"], vec![vec![None], vec![None]]);
    located.features[1].geometry = Some(crate::messages::Geometry::default());
    assert_eq!(kind(located.clone()), Some(GeometryType::Point));
    located.features[1].geometry.as_mut().unwrap().geometry_type = 2;
    assert_eq!(kind(located.clone()), Some(GeometryType::Polyline));
    // As it is sent when no geometry is asked for.
    let mut without = page(&["a"], vec![vec![None]]);
    without.geometry_type = 3;
    assert_eq!(kind(without), Some(GeometryType::Polygon));
    located.geometry_type = 77;
    let error = read_pbf_header(&located.encoded()).unwrap_err();
    assert!(
        matches!(error, DecodeError::Geometry { row: 1, .. }),
        "{error}"
    );
}

#[test]
fn defaults_and_domains_are_json_in_text() {
    let mut answer = page(&["number", "text", "plain"], vec![]);
    answer.fields[0].field_type = 1;
    answer.fields[0].default_value = "5".to_owned();
    answer.fields[0].domain = r#"{"type":"range","name":"r","range":[1,9]}"#.to_owned();
    answer.fields[1].default_value = "5".to_owned();
    answer.fields[1].domain = "no json".to_owned();
    let header = read_pbf_header(&answer.encoded()).unwrap();
    assert_eq!(*header.fields[0].default_value.as_ref().unwrap(), 5);
    assert!(header.fields[0].domain.is_some());
    assert_eq!(*header.fields[1].default_value.as_ref().unwrap(), "5");
    assert!(header.fields[1].domain.is_none());
    assert!(header.fields[2].default_value.is_none() && header.fields[2].alias.is_none());
}
