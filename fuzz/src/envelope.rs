//! The classifier of answers, against what `serde_json` reads.
//!
//! A case is two bytes that choose how the answer came, and a body. An answer that says `error` is never taken for data,
//! one that says nothing of the kind always is, and no secret of the request gets into what is shown.

use arcgis_auth_core::http::{HeaderMap, HeaderValue, StatusCode, header};
use arcgis_auth_core::{Accept, Outcome, Request, Verdict};

use super::tree::Tree;

const SECRET: &str = "S3cr3t-T0ken/Value";

/// What may stand for "no error", beside data.
const NO_DATA: [&str; 6] = [
    "error",
    "status",
    "statusMessage",
    "code",
    "message",
    "error_description",
];

/// Judges any answer.
pub fn envelope(data: &[u8]) {
    let [way, kind, body @ ..] = data else { return };
    let request = request(*kind);
    let status = [200, 200, 200, 201, 400, 403, 498, 500, 503, 206][usize::from(*way % 10)];
    let status = StatusCode::from_u16(status).unwrap();
    let mut headers = HeaderMap::new();
    let content_type = [
        "",
        "application/json",
        "text/html",
        "application/x-protobuf",
        "text/plain",
    ][usize::from(*kind >> 2) % 5];
    if !content_type.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    let outcome = judge(&request, status, &headers, body);
    if !status.is_success() {
        assert_ne!(outcome, Outcome::Ok);
        return;
    }
    let Some(tree) = Tree::parse(body.trim_ascii_start()) else {
        return;
    };
    if !reads_json(request.accept(), content_type) {
        return;
    }
    let says = tree.all("error").any(is_error);
    if says {
        assert_ne!(outcome, Outcome::Ok, "an error is taken for data");
    } else if let Some(members) = tree.members() {
        let data = members
            .iter()
            .all(|(name, _)| !NO_DATA.contains(&name.as_str()));
        assert!(
            !data || outcome == Outcome::Ok,
            "data is taken for an error"
        );
    }
    if *kind & 0x80 != 0 {
        let errors: Vec<&Tree> = tree.all("error").filter(|value| is_error(value)).collect();
        if let [error] = errors.as_slice() {
            long(&request, &headers, error);
        }
    }
}

fn request(kind: u8) -> Request {
    let url = "https://host.example/arcgis/rest/services/a/FeatureServer/0/query";
    let accept = [Accept::Json, Accept::Json, Accept::Pbf, Accept::Any][usize::from(kind & 3)];
    let request = Request::read(url.parse().unwrap())
        .with_accept(accept)
        .with_secret_param("token", SECRET.into());
    if kind & 0x40 == 0 {
        request
    } else {
        request.with_rows(1000)
    }
}

/// Judges, and looks for the secret in all that is shown.
fn judge(request: &Request, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Outcome {
    let verdict = Verdict::of(request, status, headers, body);
    assert_eq!(verdict.error().is_none(), verdict.outcome() == Outcome::Ok);
    if let Some(error) = verdict.error() {
        for shown in [error.to_string(), format!("{error:?}")] {
            assert!(!shown.contains(SECRET), "{shown}");
            assert!(!shown.contains("S3cr3t-T0ken%2FValue"), "{shown}");
        }
        let found_late = Verdict::from_error(request, error.clone(), headers);
        assert_ne!(found_late.outcome(), Outcome::Ok);
    }
    verdict.outcome()
}

/// Whether text is looked at as JSON, whatever comes.
fn reads_json(accept: Accept, content_type: &str) -> bool {
    match accept {
        Accept::Json => true,
        Accept::Pbf => !content_type.contains("protobuf"),
        _ => content_type.contains("json"),
    }
}

fn is_error(value: &Tree) -> bool {
    match value {
        Tree::Object(_) => true,
        Tree::Text(text) => !text.is_empty(),
        Tree::Number(number) => number.is_i64(),
        _ => false,
    }
}

/// The error again, at the head and at the end of an answer that is too long to be read whole.
fn long(request: &Request, headers: &HeaderMap, error: &Tree) {
    let text = written(error);
    let rows = r#"{"attributes":{"a":1}},"#.repeat(3_000);
    let rows = format!("\"features\":[{}{{}}]", rows);
    let head = format!("{{\"error\":{text},{rows}}}");
    let outcome = judge(request, StatusCode::OK, headers, head.as_bytes());
    assert_ne!(
        outcome,
        Outcome::Ok,
        "an error at the head is taken for data"
    );
    let says = |name: &str| {
        error.all(name).any(|value| match value {
            Tree::Text(text) => !text.trim().is_empty() && name == "message",
            Tree::Number(number) => number.is_i64(),
            _ => false,
        })
    };
    // Of several of one name the last counts.
    let once = |name: &str| error.all(name).count() <= 1;
    let clear = (says("code") || says("message")) && once("code") && once("message");
    if text.len() < 3_000 && clear {
        let tail = format!("{{{rows},\"error\":{text}}}");
        let outcome = judge(request, StatusCode::OK, headers, tail.as_bytes());
        assert_ne!(
            outcome,
            Outcome::Ok,
            "an error at the end is taken for data"
        );
    }
}

fn written(tree: &Tree) -> String {
    let text = |text: &String| serde_json::to_string(text).unwrap();
    match tree {
        Tree::Null => "null".to_owned(),
        Tree::Bool(flag) => flag.to_string(),
        Tree::Number(number) => number.to_string(),
        Tree::Text(value) => text(value),
        Tree::List(values) => {
            let values: Vec<String> = values.iter().map(written).collect();
            format!("[{}]", values.join(","))
        }
        Tree::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}:{}", text(name), written(value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
    }
}
