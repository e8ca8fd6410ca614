//! Attributes, ids and what a page says of itself.

use std::sync::atomic::AtomicBool;

use arcgis_layer::{DecodeContext, DecodeError, SpatialReference, decode_json};
use xxhash_rust::xxh3::xxh3_64;

use crate::recorder::{Cell, Recorder, columns, decode, decode_bytes, refused};

fn text(text: &str) -> Cell {
    Cell::Str(text.to_owned())
}

#[test]
fn every_kind_of_value_arrives() {
    let layout = columns(&["a", "b", "c", "d", "e", "f", "g", "h"]);
    let (rows, facts) = decode(
        r#"{"features":[{"attributes":{"a":null,"b":true,"c":-7,"d":1.5,"e":"x\u00e9\n","f":NaN,"g":[1, {"k":"v"}],"h":false}}]}"#,
        &layout,
    );
    let row = &rows[0];
    assert_eq!(*row.cell(0), Cell::Null);
    assert_eq!(*row.cell(1), Cell::Bool(true));
    assert_eq!(*row.cell(2), Cell::Int(-7));
    assert_eq!(*row.cell(3), Cell::Float(1.5));
    assert_eq!(*row.cell(4), text("xé\n"));
    assert!(matches!(row.cell(5), Cell::Float(number) if number.is_nan()));
    assert_eq!(*row.cell(6), text(r#"[1, {"k":"v"}]"#));
    assert_eq!(*row.cell(7), Cell::Bool(false));
    assert_eq!(facts.rows, 1);
    assert!(facts.absent.is_empty());
}

#[test]
fn t23_t24_big_integers_and_dates_are_exact() {
    let layout = columns(&["big", "before", "last", "zero"]);
    let (rows, _) = decode(
        r#"{"features":[{"attributes":{"big":9007199254740993,"before":-1,"last":253402300799999,"zero":0}}]}"#,
        &layout,
    );
    let cells: Vec<_> = rows[0].cells.iter().flatten().cloned().collect();
    assert_eq!(
        cells,
        [
            Cell::Int(9_007_199_254_740_993),
            Cell::Int(-1),
            Cell::Int(253_402_300_799_999),
            Cell::Int(0)
        ]
    );
}

#[test]
fn what_servers_send_beyond_json_is_read() {
    let layout = columns(&["a", "b", "c"]);
    let body = "\u{feff} \r\n{\"features\" :\t[ { \"attributes\" : { \"a\" : -Infinity , \"b\" : \"tab\there\nand\u{0}there\" , \"c\" : \"\\ud800\" } } ] } \n\n";
    let (rows, _) = decode(body, &layout);
    assert_eq!(*rows[0].cell(0), Cell::Float(f64::NEG_INFINITY));
    assert_eq!(*rows[0].cell(1), text("tab\there\nand\u{0}there"));
    assert_eq!(*rows[0].cell(2), text("\u{fffd}"));
}

#[test]
fn t29_keys_match_exactly_first_and_then_in_any_case() {
    let layout = columns(&["Name", "db.table.FIELD", "gone"]);
    let (rows, facts) = decode(
        r#"{"features":[
            {"attributes":{"NAME":"a","DB.Table.field":1,"more":{"x":[]}}},
            {"attributes":{"Name":"b","NAME":"no","db.table.FIELD":2}},
            {"attributes":{"db.table.FIELD":3,"name":"c"}}
        ]}"#,
        &layout,
    );
    let names: Vec<_> = rows.iter().map(|row| row.cell(0).clone()).collect();
    assert_eq!(names, [text("a"), text("b"), text("c")]);
    let numbers: Vec<_> = rows.iter().map(|row| row.cell(1).clone()).collect();
    assert_eq!(numbers, [Cell::Int(1), Cell::Int(2), Cell::Int(3)]);
    assert_eq!(facts.absent, [(2, 3)].into());
}

#[test]
fn another_field_that_differs_in_case_alone_is_another_field() {
    // The server answers all fields although one was asked for.
    let layout = columns(&["name"]);
    let (rows, _) = decode(
        r#"{"features":[{"attributes":{"NAME":"other","name":"right"}},{"attributes":{"NAME":"other"}}]}"#,
        &layout,
    );
    assert_eq!(*rows[0].cell(0), text("right"));
    assert_eq!(*rows[1].cell(0), Cell::Null);
    // And of two columns, neither is meant by a third spelling.
    let (rows, _) = decode(
        r#"{"features":[{"attributes":{"nAmE":"?"}}]}"#,
        &columns(&["name", "NAME"]),
    );
    assert_eq!(*rows[0].cell(0), Cell::Null);
    assert_eq!(*rows[0].cell(1), Cell::Null);
}

#[test]
fn of_doubled_keys_the_first_counts() {
    let layout = columns(&["a", "b"]);
    let (rows, _) = decode(
        r#"{"features":[{"attributes":{"a":1,"a":2,"\u0061":3,"b":4},"attributes":{"b":5}}]}"#,
        &layout,
    );
    assert_eq!(*rows[0].cell(0), Cell::Int(1));
    assert_eq!(*rows[0].cell(1), Cell::Int(4));
}

#[test]
fn rows_may_have_other_keys_in_other_orders() {
    let layout = columns(&["a", "b", "c"]);
    let (rows, facts) = decode(
        r#"{"features":[
            {"attributes":{"a":1,"b":2,"c":3}},
            {"attributes":{"c":3,"a":1}},
            {"attributes":{}},
            {"attributes":null},
            {},
            {"attributes":{"b":2,"c":3}}
        ]}"#,
        &layout,
    );
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| row.cells.iter().flatten().cloned().collect())
        .collect();
    let (one, two, three, null) = (Cell::Int(1), Cell::Int(2), Cell::Int(3), Cell::Null);
    assert_eq!(
        cells,
        [
            [one.clone(), two.clone(), three.clone()],
            [one, null.clone(), three.clone()],
            [null.clone(), null.clone(), null.clone()],
            [null.clone(), null.clone(), null.clone()],
            [null.clone(), null.clone(), null.clone()],
            [null, two, three],
        ]
    );
    assert_eq!(facts.absent, [(0, 4), (1, 4), (2, 3)].into());
}

#[test]
fn object_ids_are_read_hidden_or_not() {
    let body = r#"{"features":[
        {"attributes":{"OBJECTID":9007199254740993,"a":"x"}},
        {"attributes":{"OBJECTID":"12","a":"y"}},
        {"attributes":{"OBJECTID":2e3,"a":"z"}}
    ]}"#;
    let ids = [9_007_199_254_740_993, 12, 2_000];
    let (rows, facts) = decode(body, &columns(&["a"]).with_object_id("OBJECTID"));
    assert_eq!(facts.ids, ids);
    assert_eq!(*rows[0].cell(0), text("x"));
    let (rows, facts) = decode(
        body,
        &columns(&["OBJECTID", "a"]).with_object_id("OBJECTID"),
    );
    assert_eq!(facts.ids, ids);
    let cells: Vec<_> = rows.iter().map(|row| row.cell(0).clone()).collect();
    assert_eq!(cells, ids.map(Cell::Int));
}

#[test]
fn a_row_without_an_object_id_is_an_error() {
    let layout = columns(&[]).with_object_id("FID");
    for (attributes, what) in [
        ("{}", "not among"),
        ("null", "not among"),
        (r#"{"FID":null}"#, "null"),
        (r#"{"FID":1.5}"#, "1.5"),
        (r#"{"FID":"a"}"#, "'a'"),
        (r#"{"FID":true}"#, "true"),
        (r#"{"FID":[1]}"#, "no number"),
        (r#"{"FID":1e300}"#, "1000"),
    ] {
        let body = format!(
            r#"{{"features":[{{"attributes":{{"FID":1}}}},{{"attributes":{attributes}}}]}}"#
        );
        let error = refused(&body, &layout);
        assert!(
            matches!(&error, DecodeError::ObjectId { row: 1, problem } if problem.contains(what)),
            "{attributes}: {error}"
        );
    }
}

#[test]
fn headers_may_stand_before_or_behind_the_features() {
    let header = r#""exceededTransferLimit":true,"fields":null,"spatialReference":{"wkid":102100,"latestWkid":3857},"transform":null"#;
    let layout = columns(&["a"]);
    for body in [
        format!(r#"{{{header},"features":[{{"attributes":{{"a":1}}}}]}}"#),
        format!(r#"{{"features":[{{"attributes":{{"a":1}}}}],{header}}}"#),
    ] {
        let (rows, facts) = decode(&body, &layout);
        assert_eq!(rows.len(), 1);
        assert!(facts.exceeded);
        assert_eq!(
            facts
                .spatial_reference
                .and_then(|reference| reference.code()),
            Some(3857)
        );
    }
    let (_, facts) = decode(r#"{"features":[]}"#, &layout);
    assert!(!facts.exceeded && facts.absent.is_empty());
    assert_eq!(facts.spatial_reference, None::<SpatialReference>);
}

#[test]
fn an_error_anywhere_is_the_services() {
    let layout = columns(&["a"]);
    for body in [
        r#"{"error":{"code":504,"message":"Your request has timed out.","details":["a","b"]}}"#,
        r#"{"features":[{"attributes":{"a":1}}],"error":{"code":"504","message":"Your request has timed out.","details":["a","b"]}}"#,
    ] {
        let DecodeError::Service(error) = refused(body, &layout) else {
            panic!("{body}");
        };
        assert_eq!((error.status(), error.code()), (200, 504));
        assert_eq!(error.message(), "Your request has timed out.");
        assert_eq!(error.details(), ["a", "b"]);
    }
    for (body, message) in [
        (r#"{"error":"out of order"}"#, "out of order"),
        (
            r#"{"error":{"code":1,"message":"","details":null}}"#,
            "Unknown error",
        ),
        (r#"{"error":{}}"#, "Unknown error"),
        // A bare tab is no JSON; and what a server says moves no cursor.
        ("{\"error\":{\"message\":\"a\ttab\"}}", "a tab"),
    ] {
        let DecodeError::Service(error) = refused(body, &layout) else {
            panic!("{body}");
        };
        assert!(error.message().contains(message), "{error}");
    }
    let (rows, _) = decode(
        r#"{"error":null,"features":[{"attributes":{"a":1,"error":{"code":1}}}]}"#,
        &layout,
    );
    assert_eq!(rows.len(), 1);
}

#[test]
fn t22_a_truncated_answer_is_malformed_wherever_it_ends() {
    let layout = columns(&["a", "é"]).with_object_id("id");
    let whole = r#"{"fields":[{"name":"a"}],"features":[{"attributes":{"id":1,"a":"x\"y","é":-1.5e3},"geometry":{"x":1,"y":[null]}},{"attributes":{"id":22,"é":true}}],"exceededTransferLimit":false}"#;
    assert_eq!(decode(whole, &layout).1.ids, [1, 22]);
    for end in 0..whole.len() {
        match decode_bytes(&whole.as_bytes()[..end], &layout) {
            Err(DecodeError::Malformed { offset, .. }) => assert!(offset <= end, "{end}"),
            other => panic!("{end}: {other:?}"),
        }
    }
}

#[test]
fn an_answer_without_features_is_no_empty_page() {
    let layout = columns(&["a"]);
    for body in [
        "{}",
        r#"{"count":5}"#,
        r#"{"features":null}"#,
        r#"{"features":{}}"#,
        r#"{"features":[]} {"features":[]}"#,
        r#"{"features":[],"features":[]}"#,
        r#"{"features":[null]}"#,
        r#"{"features":[{}],}"#,
        r#"{"features":[{"attributes":[]}]}"#,
        r#"{"features":[{"attributes":"a"}]}"#,
        "[]",
        "null",
        "<html>",
        "",
    ] {
        let error = refused(body, &layout);
        assert!(
            matches!(error, DecodeError::Malformed { .. }),
            "{body}: {error}"
        );
    }
    let error = decode_bytes(
        b"{\"features\":[{\"attributes\":{\"a\":\"\xff\"}}]}",
        &layout,
    );
    assert!(
        matches!(error, Err(DecodeError::Encoding { offset: 33 })),
        "{error:?}"
    );
}

#[test]
fn a_refused_value_names_its_row() {
    let error = refused(
        r#"{"features":[{"attributes":{"a":1}},{"attributes":{"a":"refuse me"}}]}"#,
        &columns(&["a"]),
    );
    assert_eq!(
        error.to_string(),
        "row 1 of the answer: column c: 'refuse me' is no welcome value"
    );
    let body =
        r#"{"features":[{"attributes":{"ID":7,"a":1}},{"attributes":{"ID":8,"a":"refuse me"}}]}"#;
    let error = refused(body, &columns(&["a"]).with_object_id("ID"));
    assert_eq!(
        error.to_string(),
        "object id 8: column c: 'refuse me' is no welcome value"
    );
}

#[test]
fn a_text_that_breaks_off_inside_a_character_may_be_whole_the_next_time() {
    let whole = "{\"features\":[{\"attributes\":{\"a\":\"é".as_bytes();
    let error = decode_bytes(&whole[..whole.len() - 1], &columns(&["a"]));
    assert!(
        matches!(error, Err(DecodeError::Malformed { .. })),
        "{error:?}"
    );
}

#[test]
fn fingerprints_are_of_the_row_as_it_stands() {
    let layout = columns(&["a"]).with_fingerprint(true);
    let row = r#"{ "attributes" : {"a":1,"b":2} , "geometry":{"x":1,"y":2} }"#;
    let (_, facts) = decode(&format!(r#"{{"features":[{row} , {row},{{}}]}}"#), &layout);
    let print = xxh3_64(row.as_bytes());
    assert_eq!(facts.fingerprints, [print, print, xxh3_64(b"{}")]);
}

#[test]
fn nobody_waits_for_a_cancelled_page() {
    let layout = columns(&["a"]);
    let cancelled = AtomicBool::new(true);
    let context = DecodeContext {
        layout: &layout,
        cancelled: Some(&cancelled),
        grid: None,
    };
    let error = decode_json(br#"{"features":[{}]}"#, &context, &mut Recorder::new(1));
    assert!(matches!(error, Err(DecodeError::Cancelled)));
}

#[test]
fn a_hundred_thousand_unknown_keys_are_quick() {
    let keys: Vec<String> = (0..100_000)
        .map(|key| format!("\"k{key}\":{key}"))
        .collect();
    let turned: Vec<String> = keys.iter().rev().cloned().collect();
    let body = format!(
        r#"{{"features":[{{"attributes":{{{}}}}},{{"attributes":{{{}}}}}]}}"#,
        keys.join(","),
        turned.join(",")
    );
    let start = std::time::Instant::now();
    decode(&body, &columns(&["k99999"]));
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}
