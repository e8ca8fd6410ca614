use super::*;
use crate::request::Request;

fn page() -> Request {
    Request::read(
        "https://h/arcgis/rest/services/x/FeatureServer/0/query"
            .parse()
            .unwrap(),
    )
    .with_rows(1000)
}

fn verdict(request: &Request, status: u16, headers: &[(&str, &str)], body: &str) -> Verdict {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(
            http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
            value.parse().unwrap(),
        );
    }
    Verdict::of(
        request,
        StatusCode::from_u16(status).unwrap(),
        &map,
        body.as_bytes(),
    )
}

fn outcome(status: u16, body: &str) -> Outcome {
    verdict(&page(), status, &[], body).outcome()
}

#[test]
fn refusals_are_seen_in_the_status_and_in_the_body() {
    for (status, body, expected) in [
        (498, "", Refusal::Invalid),
        (499, "<html></html>", Refusal::Required),
        (
            200,
            r#"{"error":{"code":498,"message":"Invalid token.","details":[]}}"#,
            Refusal::Invalid,
        ),
        (
            200,
            r#"{"error":{"code":499,"message":"Token Required"}}"#,
            Refusal::Required,
        ),
        (
            401,
            r#"{"error":{"code":499,"message":"Token Required"}}"#,
            Refusal::Required,
        ),
        (
            200,
            r#"{"status":"error","messages":["Token Expired."],"code":498}"#,
            Refusal::Invalid,
        ),
        (
            200,
            r#"{"code":498,"message":"Invalid Token."}"#,
            Refusal::Invalid,
        ),
    ] {
        assert_eq!(
            outcome(status, body),
            Outcome::TokenRefused(expected),
            "{status} {body}"
        );
    }
}

#[test]
fn busy_names_its_wait() {
    let quota = r#"{"error":{"code":429,"message":"Unable to perform query. Too many requests.","details":["API calls quota exceeded (24001)! maximum allowed (24000) per Minute. Retry after 60 sec."]}}"#;
    assert_eq!(
        outcome(200, quota),
        Outcome::Busy {
            after: Some(Duration::from_secs(60))
        }
    );
    let wait = |value: &str| verdict(&page(), 429, &[("retry-after", value)], "").outcome();
    assert_eq!(
        wait("0"),
        Outcome::Busy {
            after: Some(Duration::ZERO)
        }
    );
    assert_eq!(
        wait("120"),
        Outcome::Busy {
            after: Some(Duration::from_secs(120))
        }
    );
    for nonsense in ["nan", "inf", "-5", "soon"] {
        assert_eq!(wait(nonsense), Outcome::Busy { after: None }, "{nonsense}");
    }
    let dated = verdict(
        &page(),
        503,
        &[
            ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"),
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ],
        "",
    );
    assert_eq!(
        dated.outcome(),
        Outcome::Busy {
            after: Some(Duration::from_secs(30))
        }
    );
}

#[test]
fn size_matters_only_to_requests_for_many_rows() {
    let single = Request::read("https://h/x".parse().unwrap());
    let failed = r#"{"error":{"code":400,"message":"Unable to complete operation.","details":["Error performing query operation"]}}"#;
    assert_eq!(outcome(200, failed), Outcome::TooBig);
    assert_eq!(
        verdict(&single, 200, &[], failed).outcome(),
        Outcome::Transient
    );
    assert_eq!(outcome(500, ""), Outcome::TooBig);
    assert_eq!(
        outcome(504, "<html><title>Gateway Time-out</title></html>"),
        Outcome::TooBig
    );
    assert_eq!(verdict(&single, 504, &[], "").outcome(), Outcome::Transient);
    assert_eq!(outcome(502, ""), Outcome::Transient);
}

#[test]
fn what_cannot_help_is_terminal() {
    for (status, body) in [
        (
            200,
            r#"{"error":{"code":400,"message":"Cannot perform query. Invalid query parameters.","details":["'Invalid field: nosuch' parameter is invalid"]}}"#,
        ),
        (
            200,
            r#"{"error":{"code":400,"message":"Pagination is not supported.","details":[]}}"#,
        ),
        (
            200,
            r#"{"error":{"code":403,"message":"User does not have permissions to access it"}}"#,
        ),
        (404, ""),
        (200, "<html><head><title>Sign In</title></head></html>"),
    ] {
        assert_eq!(outcome(status, body), Outcome::Terminal, "{status} {body}");
    }
    let page = verdict(
        &page(),
        200,
        &[],
        "<html><head><TITLE lang=x>\n Sign  In</title>",
    );
    assert!(page.error().unwrap().message().ends_with(": Sign In"));
}

#[test]
fn ordinary_answers_are_ok_whatever_their_type_says() {
    assert_eq!(
        verdict(
            &page(),
            200,
            &[("content-type", "text/plain")],
            r#"{"count":42}"#
        )
        .outcome(),
        Outcome::Ok
    );
    assert_eq!(outcome(200, "\u{feff} {\"features\":[]}"), Outcome::Ok);
    let big = format!(
        r#"{{"features":[{}]}}"#,
        "{\"attributes\":{\"error\":1}},".repeat(4000)
    );
    assert_eq!(outcome(200, &big), Outcome::Ok);
    let big_error = format!(
        r#"{{"error":{{"code":500,"message":"x","details":["{}"]}}}}"#,
        "y".repeat(70_000)
    );
    assert_eq!(outcome(200, &big_error), Outcome::TooBig);
}

#[test]
fn a_file_is_data_and_an_error_in_its_place_is_not() {
    let any =
        Request::read("https://h/0/1/attachments/2".parse().unwrap()).with_accept(Accept::Any);
    let told = |content_type: Option<&str>, body: &str| {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert("content-type", content_type.parse().unwrap());
        }
        Verdict::of(&any, StatusCode::OK, &headers, body.as_bytes()).outcome()
    };
    let refused = r#" {"error":{"code":498,"message":"Invalid token.","details":[]}}"#;
    for content_type in [
        None,
        Some("text/plain;charset=utf-8"),
        Some("Text/HTML"),
        Some("application/json"),
    ] {
        let outcome = told(content_type, refused);
        assert_eq!(
            outcome,
            Outcome::TokenRefused(Refusal::Invalid),
            "{content_type:?}"
        );
    }
    for (content_type, body) in [
        (Some("image/jpeg"), refused),
        (Some("application/octet-stream"), refused),
        (Some("text/plain"), "{\"error\":\"of a measurement\"}"),
        (Some("text/plain"), "{\"error\":{\"code\":7}}"),
        (
            Some("text/plain"),
            "{\"a\":1,\"error\":{\"code\":7,\"message\":\"m\"}}",
        ),
        (
            Some("text/html"),
            "<html><title>a page that someone attached</title>",
        ),
        (Some("application/json"), "{\"a\":1}"),
        (None, ""),
    ] {
        assert_eq!(
            told(content_type, body),
            Outcome::Ok,
            "{content_type:?} {body}"
        );
    }
    let headers = HeaderMap::new();
    let page = "<html><title>no</title>";
    let verdict = Verdict::of(&any, StatusCode::FORBIDDEN, &headers, page.as_bytes());
    assert_eq!(verdict.outcome(), Outcome::Terminal);
}

#[test]
fn what_a_server_says_commands_no_terminal() {
    let body = r#"{"error":{"code":400,"message":"a\u001b]0;owned\u0007\r\n\u009b2Jb","details":["\u202egnp.exe\u2066"]}}"#;
    let verdict = verdict(&page(), 200, &[], body);
    let error = verdict.error().unwrap();
    assert_eq!(error.message(), "a]0;owned  2Jb");
    assert_eq!(error.details(), ["gnp.exe"]);
    let said = self::verdict(
        &page(),
        200,
        &[],
        "<html><title>\u{1b}[31mred\u{202e}</title>",
    );
    assert!(said.error().unwrap().message().ends_with(": [31mred"));
}

#[test]
fn pbf_errors_come_as_json_and_pbf_begins_with_a_line_feed() {
    let pbf = page().with_accept(Accept::Pbf);
    let binary = |body: &[u8]| Verdict::of(&pbf, StatusCode::OK, &HeaderMap::new(), body).outcome();
    assert_eq!(binary(&[0x0a, 0x00, 0x12, 0x02]), Outcome::Ok);
    assert_eq!(binary(&[0x12, 0x02, 0x0a, 0x00]), Outcome::Ok);
    assert_eq!(
        binary(br#"{"error":{"code":498,"message":"Invalid token."}}"#),
        Outcome::TokenRefused(Refusal::Invalid)
    );
    assert_eq!(binary(b""), Outcome::TooBig);
}

#[test]
fn an_odd_code_leaves_the_word_to_the_status() {
    let odd = r#"{"error":{"code":-2147467259,"message":"Something"}}"#;
    let error = |code: i64, message: &str| {
        format!(r#"{{"error":{{"code":{code},"message":"{message}","details":[]}}}}"#)
    };
    assert_eq!(outcome(200, odd), Outcome::Terminal);
    assert_eq!(outcome(400, odd), Outcome::Terminal);
    assert_eq!(outcome(503, odd), Outcome::Transient);
    assert_eq!(outcome(500, odd), Outcome::TooBig);
    assert_eq!(outcome(500, &error(0, "x")), Outcome::TooBig);
    assert_eq!(outcome(500, &error(403, "x")), Outcome::Terminal);
    let busy = verdict(&page(), 503, &[("retry-after", "3")], odd).outcome();
    assert!(matches!(busy, Outcome::Busy { after: Some(_) }));
    for code in [0, 400, 404, 500, 1000, -2147467259] {
        for said in [
            "Error performing query operation.",
            "Wait time has been exceeded",
        ] {
            assert_eq!(
                outcome(200, &error(code, said)),
                Outcome::TooBig,
                "{code} {said}"
            );
        }
    }
    for said in ["Service x/FeatureServer not found", "Service x not started"] {
        for code in [404, 500] {
            assert_eq!(
                outcome(200, &error(code, said)),
                Outcome::Transient,
                "{code} {said}"
            );
            assert_eq!(
                outcome(404, &error(code, said)),
                Outcome::Transient,
                "{code} {said}"
            );
        }
    }
    assert_eq!(
        outcome(200, &error(404, "Layer not found")),
        Outcome::Terminal
    );
    let forbidden = Request::read("https://h/x".parse().unwrap());
    let answer = crate::Response::judge(
        &forbidden,
        StatusCode::FORBIDDEN,
        HeaderMap::new(),
        odd.into(),
    );
    assert!(matches!(answer.into_ok(), Err(crate::Error::Forbidden(_))));
}

fn rows(bytes: usize) -> String {
    let row = r#"{"attributes":{"error":"\"error\":{\"code\":498}","x":1}}"#;
    vec![row; bytes / row.len() + 1].join(",")
}

#[test]
fn an_error_after_many_rows_is_seen() {
    let ends = |end: &str| format!(r#"{{"features":[{}]{end}"#, rows(WHOLE));
    for (end, expected) in [
        (
            r#","error":{"code":498,"message":"Invalid token.","details":[]}}"#,
            Outcome::TokenRefused(Refusal::Invalid),
        ),
        (
            ", \"error\" : {\"code\": 429, \"message\": \"Too many requests\", \"details\": [\"a } b\"]}\n}\r\n",
            Outcome::Busy { after: None },
        ),
        (
            r#","error":{"code":500,"message":"x","error":{"code":1,"message":"y"}}}"#,
            Outcome::TooBig,
        ),
    ] {
        assert_eq!(outcome(200, &ends(end)), expected, "{end}");
        let pbf = page().with_accept(Accept::Pbf);
        assert_eq!(
            verdict(&pbf, 200, &[], &ends(end)).outcome(),
            expected,
            "{end}"
        );
    }
}

#[test]
fn an_error_in_a_row_is_data() {
    for end in [
        "}",
        "}}",
        r#","error":null}"#,
        r#","error":{}}"#,
        r#","error":{"x":1}}"#,
        r#","crs":{"error":{"code":498,"message":"x"}}}"#,
        r#","note":"\"error\":{\"code\":498}"}"#,
        r#","x\"error":{"code":498,"message":"x"}}"#,
        r#","note":",\"error\":{","b":{"code":498,"message":"x"}}"#,
        r#","error":{"code":498,"message":"x"},"b":{"code":498,"message":"x"}}"#,
    ] {
        let body = format!(r#"{{"features":[{}]{end}"#, rows(WHOLE));
        assert_eq!(outcome(200, &body), Outcome::Ok, "{end}");
    }
    let in_the_last = format!(
        r#"{{"features":[{},{{"attributes":{{"a":1,"error":{{"code":498,"message":"x"}}}}}}]}}"#,
        rows(WHOLE)
    );
    assert_eq!(outcome(200, &in_the_last), Outcome::Ok);
}

#[test]
fn nothing_called_error_is_no_error() {
    for head in [
        r#""error":null"#,
        r#" "error" : [] "#,
        r#""error":false"#,
        r#""error":"""#,
    ] {
        let body = format!(r#"{{{head},"features":[{}]}}"#, rows(WHOLE));
        assert_eq!(outcome(200, &body), Outcome::Ok, "{head}");
    }
    let cut = format!(
        r#"{{"error" : {{"code":500,"message":"{}"#,
        "y".repeat(WHOLE)
    );
    assert_eq!(outcome(200, &cut), Outcome::Terminal);
}

#[test]
fn no_secret_of_the_request_comes_back_in_its_error() {
    let own = Request::read("https://h/x?token=MY%2FT0KEN".parse().unwrap())
        .with_secret_param("key", "K3Y3Y3Y".into())
        .with_header(
            http::header::AUTHORIZATION,
            "Basic dTpwYXNz".parse().unwrap(),
        )
        .with_token(
            crate::Token::new("T0KENT0KEN"),
            crate::TokenPlacement::EsriHeader,
        );
    let echo = "no MY/T0KEN, MY%2FT0KEN, K3Y3Y3Y, dTpwYXNz, T0KENT0KEN";
    let envelope = format!(r#"{{"error":{{"code":400,"message":"{echo}","details":["{echo}"]}}}}"#);
    let late = format!(r#"{{"features":[{}],{}"#, rows(WHOLE), &envelope[1..]);
    let html = format!("<html><title>{}{echo}</title>", "x".repeat(111));
    let found_later = ServiceError::new(200, 400, echo, "u").with_details([echo]);
    for verdict in [
        verdict(&own, 200, &[], &envelope),
        verdict(&own, 200, &[], &late),
        verdict(&own, 403, &[], &html),
        Verdict::from_error(&own, found_later, &HeaderMap::new()),
    ] {
        assert_ne!(verdict.outcome(), Outcome::Ok);
        let shown = format!("{verdict:?}");
        for secret in ["MY", "K3Y", "dTpw", "T0K"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
