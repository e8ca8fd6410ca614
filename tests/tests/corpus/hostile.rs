//! Cases too large to keep: what is meant to cost much more than its size.
//!
//! Each is made at one size and at eight times that. Time may grow 28-fold, for what sorts, and for rings in a grid, of
//! which each meets a row: if it grew with the square it would be 64-fold. Memory stays a small multiple of the input, and
//! there are no more than twice as many allocations for each byte of it. What all of it comes to on the way into a file is
//! shown by `tests/tests/giants`.

use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use arcgis_auth_core::http::{HeaderMap, StatusCode};
use arcgis_auth_core::{Request, Verdict};
use arcgis_layer::{
    Condition, DecodeContext, Dimensions, Field, FieldType, GeometryLayout, GeometryType,
    LayerInfo, Layout, ResourceAddress, SpatialReference, decode_json, decode_pbf, read_header,
    read_pbf_header,
};

use crate::memory::{Nothing, bounded, counted};

/// The processor's time for this thread, where the system tells it: a machine that is busy with something else adds
/// nothing to that. Elsewhere the time since the first call.
fn now() -> Duration {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let spent = spent.and_then(|text| text.split_whitespace().next()?.parse().ok());
    spent.map_or_else(
        || FIRST.get_or_init(Instant::now).elapsed(),
        Duration::from_nanos,
    )
}

/// Once what a small case takes is at least this, its time tells something; or once it is so large, in bytes, whatever it
/// takes.
const LEAST: Duration = Duration::from_millis(16);
const ENOUGH: usize = 4 << 20;

/// Runs cases of one size and of eight times that, and compares.
fn grows_evenly(what: &str, size: usize, case: impl Fn(usize) -> Vec<u8>, run: impl Fn(&[u8])) {
    let mut size = size;
    loop {
        let small = case(size);
        let took = |body: &[u8], times: usize| {
            let runs = (0..times).map(|_| {
                let start = now();
                run(body);
                now() - start
            });
            // Whatever disturbs only adds to it.
            runs.min().unwrap()
        };
        let mut one = took(&small, 3);
        if one < LEAST {
            if small.len() <= ENOUGH {
                size *= 2;
                continue;
            }
            // Too short to be told exactly.
            one = one.max(LEAST / 4);
        }
        let large = case(8 * size);
        let ratio = |eight: Duration| eight.as_secs_f64() / one.as_secs_f64();
        let growth = large.len() as f64 / small.len() as f64;
        let mut eight = ratio(took(&large, 2));
        // Caches that others use too get other chances.
        for _ in 0..4 {
            if eight < 3.5 * growth {
                break;
            }
            eight = eight.min(ratio(took(&large, 2)));
        }
        println!(
            "{what}: {} bytes {one:?}, {growth:.1}-fold: {eight:.1}",
            small.len()
        );
        assert!(
            eight < 3.5 * growth,
            "{what}: {eight:.1} times the time for {growth:.1} times the input"
        );
        // That is the same in every run.
        let count = |body: &[u8]| counted(what, body.len(), || run(body)) as f64;
        let [small, large] = [count(&small), count(&large)];
        assert!(
            large <= 2.0 * growth * small + 1_000.0,
            "{what}: {large} allocations, {small} for {growth:.1} times less"
        );
        return;
    }
}

fn layout(columns: usize, kind: Option<GeometryType>) -> Layout {
    let fields: Vec<Field> = (0..columns)
        .map(|at| Field::new(format!("f{at}"), FieldType::String))
        .collect();
    let layout = Layout::new(fields).with_fingerprint(true);
    match kind {
        None => layout,
        Some(kind) => layout.with_geometry(GeometryLayout {
            kind,
            dims: Dimensions::Xy,
            spatial_reference: SpatialReference::default(),
        }),
    }
}

fn json(body: &[u8], layout: &Layout) {
    let _ = decode_json(body, &DecodeContext::new(layout), &mut Nothing);
    let _ = read_header(body);
}

/// A page with one geometry.
fn located(geometry: &str) -> Vec<u8> {
    format!(r#"{{"features":[{{"geometry":{geometry}}}]}}"#).into_bytes()
}

fn joined(count: usize, comma: &str, one: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for at in 0..count {
        if at > 0 {
            text.push_str(comma);
        }
        let _ = write!(text, "{}", one(at));
    }
    text
}

fn square(x: f64, y: f64, side: f64) -> String {
    let (right, top) = (x + side, y + side);
    format!("[[{x},{y}],[{right},{y}],[{right},{top}],[{x},{top}],[{x},{y}]]")
}

fn rings(count: usize, ring: impl Fn(usize) -> String) -> Vec<u8> {
    located(&format!(r#"{{"rings":[{}]}}"#, joined(count, ",", ring)))
}

#[test]
fn rings_of_every_kind_take_their_time_and_no_more() {
    // From where on the work is bounded by what it may be for each position.
    let polygon = layout(0, Some(GeometryType::Polygon));
    let run = |body: &[u8]| json(body, &polygon);
    grows_evenly(
        "a ring",
        500,
        |n| {
            rings(1, |_| {
                let corners = joined(n, ",", |at| format!("[{at},{}]", (at * at) % 1013));
                format!("[{corners}]")
            })
        },
        run,
    );
    grows_evenly(
        "a row of rings",
        2_500,
        |n| rings(n, |at| square(at as f64 * 3.0, 0.0, 2.0)),
        run,
    );
    grows_evenly(
        "a grid of rings",
        2_500,
        |n| {
            let side = n.isqrt();
            rings(n, |at| square((at % side) as f64, (at / side) as f64, 1.0))
        },
        run,
    );
    grows_evenly(
        "rings within each other",
        2_500,
        |n| rings(n, |at| square(at as f64, at as f64, 2.0 * (n - at) as f64)),
        run,
    );
    grows_evenly(
        "holes of one shell",
        2_500,
        |n| {
            rings(n, |at| match at {
                0 => square(-1.0, -1.0, 3.0 * n as f64),
                at => square(at as f64 * 2.0, at as f64 * 2.0, 1.0),
            })
        },
        run,
    );
    grows_evenly(
        "rings across each other",
        2_500,
        |n| {
            rings(n, |at| {
                let at = at as f64;
                let (far, next) = (n as f64, at + 0.5);
                format!("[[0,{at}],[{far},{at}],[{far},{next}],[0,{next}],[0,{at}]]")
            })
        },
        run,
    );
    grows_evenly(
        "copies of one ring",
        2_500,
        |n| rings(n, |_| square(0.0, 0.0, 5.0)),
        run,
    );
    grows_evenly(
        "rings without area",
        100,
        |n| rings(n, |_| "[[0,0],[1,1],[2,2]]".to_owned()),
        run,
    );
}

#[test]
fn pages_of_every_shape_take_their_time_and_no_more() {
    let table = layout(1, None);
    let run = |body: &[u8]| json(body, &table);
    let row = |row: &str| format!(r#"{{"features":[{{"attributes":{{{row}}}}}]}}"#).into_bytes();
    grows_evenly(
        "empty rows",
        1_000,
        |n| {
            format!(
                r#"{{"features":[{}]}}"#,
                joined(n, ",", |_| "{}".to_owned())
            )
            .into_bytes()
        },
        run,
    );
    grows_evenly(
        "a long text",
        10_000,
        |n| row(&format!(r#""f0":"{}""#, "x".repeat(n))),
        run,
    );
    grows_evenly(
        "escapes",
        10_000,
        |n| row(&format!(r#""f0":"{}""#, r"\u00e9\n".repeat(n))),
        run,
    );
    grows_evenly(
        "keys",
        1_000,
        |n| row(&joined(n, ",", |at| format!(r#""k{at}":1"#))),
        run,
    );
    grows_evenly(
        "one key often",
        1_000,
        |n| row(&joined(n, ",", |_| r#""f0":1"#.to_owned())),
        run,
    );
    grows_evenly(
        "keys in other orders",
        100,
        |n| {
            let features = joined(40, ",", |turn| {
                let keys = joined(n, ",", |at| format!(r#""k{}":1"#, (at * 7 + turn * 13) % n));
                format!(r#"{{"attributes":{{{keys}}}}}"#)
            });
            format!(r#"{{"features":[{features}]}}"#).into_bytes()
        },
        run,
    );
    grows_evenly(
        "a long number",
        10_000,
        |n| row(&format!(r#""f0":{}"#, "9".repeat(n))),
        run,
    );
    grows_evenly(
        "white space",
        10_000,
        |n| row(&format!(r#""f0":{}1"#, " ".repeat(n))),
        run,
    );
    grows_evenly(
        "lists in lists",
        1_000,
        |n| row(&format!(r#""f0":{}"#, "[[[[".repeat(n))),
        run,
    );
    grows_evenly(
        "short lists in lists",
        1_000,
        |n| {
            row(&format!(
                r#""f0":[{}]"#,
                joined(n, ",", |_| "[[[{\"a\":[]}]]]".to_owned())
            ))
        },
        run,
    );
    grows_evenly(
        "attributes often",
        1_000,
        |n| {
            let members = joined(n, ",", |_| r#""attributes":{}"#.to_owned());
            format!(r#"{{"features":[{{{members}}}]}}"#).into_bytes()
        },
        run,
    );
    grows_evenly(
        "fields",
        200,
        |n| {
            let fields = joined(n, ",", |at| {
                format!(r#"{{"name":"f{at}","type":"esriFieldTypeString"}}"#)
            });
            format!(r#"{{"fields":[{fields}],"features":[]}}"#).into_bytes()
        },
        run,
    );
    let wide = layout(2_000, None);
    grows_evenly(
        "rows of a wide table",
        4,
        |n| {
            let values = joined(2_000, ",", |at| format!(r#""F{at}":{at}"#));
            let one = format!(r#"{{"attributes":{{{values}}}}}"#);
            format!(r#"{{"features":[{}]}}"#, joined(n, ",", |_| one.clone())).into_bytes()
        },
        |body| json(body, &wide),
    );
}

/// A member with bytes.
fn member(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    prost::encode_length_delimiter(bytes.len(), &mut out).unwrap();
    out.extend_from_slice(bytes);
    out
}

/// An answer in PBF, from the members of its features.
fn pbf(members: &[u8]) -> Vec<u8> {
    member(2, &member(1, members))
}

#[test]
fn pbf_of_every_shape_takes_its_time_and_no_more() {
    let polygon = layout(1, Some(GeometryType::Polygon));
    let run = |body: &[u8]| {
        let _ = decode_pbf(body, &DecodeContext::new(&polygon), &mut Nothing);
        let _ = read_pbf_header(body);
    };
    // Scales of 1, and polygons.
    let axes: Vec<u8> = [0x09_u8, 0x11]
        .iter()
        .flat_map(|tag| std::iter::once(*tag).chain(1.0_f64.to_le_bytes()))
        .collect();
    let head = [member(12, &member(2, &axes)), vec![0x38, 3]].concat();
    let feature = |feature: &[u8]| pbf(&[head.clone(), member(15, feature)].concat());
    grows_evenly(
        "rings",
        2_500,
        |n| {
            let square = [0, 0, 2, 0, 0, 2, 1, 0, 0, 1];
            let geometry = [member(2, &vec![5; n]), member(3, &square.repeat(n))].concat();
            feature(&member(2, &geometry))
        },
        run,
    );
    grows_evenly(
        "lengths alone",
        10_000,
        |n| feature(&member(2, &member(2, &vec![0x7f; n]))),
        run,
    );
    grows_evenly(
        "coordinates in pieces",
        1_000,
        |n| {
            let pieces = member(3, &[0, 0]).repeat(n);
            feature(&member(2, &[vec![0x10, n as u8], pieces].concat()))
        },
        run,
    );
    grows_evenly("rows", 1_000, |n| pbf(&member(15, &[]).repeat(n)), run);
    grows_evenly(
        "fields",
        1_000,
        |n| pbf(&member(13, &member(1, b"f0")).repeat(n)),
        run,
    );
    grows_evenly(
        "fields of different names",
        1_000,
        |n| {
            let fields: Vec<u8> = (0..n)
                .flat_map(|at| member(13, &member(1, format!("g{at}").as_bytes())))
                .collect();
            pbf(&fields)
        },
        run,
    );
    grows_evenly(
        "values in common",
        1_000,
        |n| pbf(&member(14, &member(1, b"x")).repeat(n)),
        run,
    );
    grows_evenly(
        "values",
        1_000,
        |n| pbf(&member(15, &member(1, &[]).repeat(n))),
        run,
    );
    grows_evenly(
        "a long text",
        100_000,
        |n| {
            let value = member(1, &member(1, &vec![b'x'; n]));
            pbf(&[member(13, &member(1, b"f0")), member(15, &value)].concat())
        },
        run,
    );
}

#[test]
fn errors_addresses_and_conditions_take_their_time_and_no_more() {
    let request = Request::read("https://host.example/x".parse().unwrap())
        .with_secret_param("token", "S3cr3t".into());
    let headers = HeaderMap::new();
    let judge = |body: &[u8]| {
        let _ = Verdict::of(&request, StatusCode::OK, &headers, body);
    };
    for piece in [
        "=",
        "token=",
        "token = ",
        "%25",
        "':",
        "bearer ",
        "bearer+a=",
        "bearer 'a=",
        "Bearer basic ",
        "token%3D",
        "'token':'",
        "token=S3cr3t",
        "code=1 ",
        " ",
        "retry after ",
        "%74oken=",
    ] {
        grows_evenly(
            &format!("an error of {piece:?}"),
            500,
            |n| {
                format!(
                    r#"{{"error":{{"code":1,"message":"{}"}}}}"#,
                    piece.repeat(n)
                )
                .into_bytes()
            },
            judge,
        );
    }
    grows_evenly(
        "errors at the end",
        5_000,
        |n| format!(r#"{{"x":[{}]}}"#, r#","error":{"#.repeat(n)).into_bytes(),
        judge,
    );
    grows_evenly(
        "a page's title",
        5_000,
        |n| "<title>".repeat(n).into_bytes(),
        judge,
    );
    for piece in [
        "/",
        "a/",
        "rest/services/",
        "FeatureServer/",
        "%",
        "token=",
        "&a=",
        "@",
    ] {
        grows_evenly(
            &format!("an address of {piece:?}"),
            500,
            |n| format!("https://h/{}", piece.repeat(n)).into_bytes(),
            |body| {
                let _ = ResourceAddress::parse(std::str::from_utf8(body).unwrap());
            },
        );
    }
    let info = br#"{"fields":[{"name":"D","type":"esriFieldTypeDate"}]}"#;
    let info = LayerInfo::from_json(info).unwrap();
    for piece in [
        "'",
        "(",
        "D ",
        "D = ",
        "DATE '2020-01-01' ",
        "-",
        "\"",
        "AND ",
        "D BETWEEN ",
        "1 ",
    ] {
        grows_evenly(
            &format!("a condition of {piece:?}"),
            200,
            |n| piece.repeat(n).into_bytes(),
            |body| {
                let text = std::str::from_utf8(body).unwrap();
                let _ = Condition::sql(text).to_sql(&info);
                let _ = info.check_date_literals(text);
            },
        );
    }
}

/// Those of which nobody may say that they cannot be decoded.
#[test]
fn large_pages_are_decoded() {
    let context = |layout| DecodeContext::new(layout);
    let polygon = layout(0, Some(GeometryType::Polygon));
    let body = rings(100_000, |at| {
        square((at % 300) as f64 * 2.0, (at / 300) as f64 * 2.0, 1.0)
    });
    let facts = bounded("100,000 rings", body.len(), || {
        decode_json(&body, &context(&polygon), &mut Nothing).unwrap()
    });
    assert_eq!((facts.rows, facts.repaired), (1, 0));

    // In one row: every level line through one of them meets all.
    let body = rings(100_000, |at| square(at as f64 * 3.0, 0.0, 2.0));
    let facts = bounded("100,000 rings in a row", body.len(), || {
        decode_json(&body, &context(&polygon), &mut Nothing).unwrap()
    });
    assert_eq!((facts.rows, facts.repaired), (1, 0));

    let table = layout(1, None);
    let text = "x".repeat(50 << 20);
    let body = format!(r#"{{"features":[{{"attributes":{{"f0":"{text}"}}}}]}}"#).into_bytes();
    let facts = bounded("a text of 50 MB", 0, || {
        decode_json(&body, &context(&table), &mut Nothing).unwrap()
    });
    assert_eq!(facts.rows, 1);

    let body = format!(r#"{{"features":[{}{{}}]}}"#, "{},".repeat(9_999_999)).into_bytes();
    let facts = bounded("ten million rows", body.len(), || {
        decode_json(&body, &context(&table), &mut Nothing).unwrap()
    });
    assert_eq!(facts.rows, 10_000_000);
    let body = pbf(&member(15, &[]).repeat(10_000_000));
    let facts = bounded("ten million rows", body.len(), || {
        decode_pbf(&body, &context(&table), &mut Nothing).unwrap()
    });
    assert_eq!(facts.rows, 10_000_000);
}
