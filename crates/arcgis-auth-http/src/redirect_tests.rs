use arcgis_auth_core::http::{HeaderName, HeaderValue};
use arcgis_auth_core::{Token, TokenPlacement};

use super::*;
use crate::scripted::{Answer, Scripted, json, url, with};

const OK: &str = r#"{"count":42}"#;

fn read() -> Request {
    Request::read(url("https://h/rest/services/x?f=json"))
}

fn leads(status: u16, to: &str) -> Vec<Answer> {
    vec![with(status, "location", to), json(OK)]
}

async fn run(answers: Vec<Answer>, request: Request) -> (Result<Response, Error>, Arc<Scripted>) {
    let transport = Scripted::new(answers);
    let result = Redirect::new(transport.clone()).send(request).await;
    (result, transport)
}

fn why(result: Result<Response, Error>) -> String {
    match result.unwrap_err() {
        Error::Transport(error) => {
            assert_eq!(error.kind(), TransportErrorKind::Redirect);
            error.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_get_follows_with_the_query_of_the_new_address() {
    for status in [301, 302, 303, 307, 308] {
        let (result, transport) = run(leads(status, "/moved?f=json&x=1"), read()).await;
        assert_eq!(result.unwrap().into_ok().unwrap(), OK.as_bytes());
        assert_eq!(
            transport.lines(),
            [
                "GET https://h/rest/services/x?f=json",
                "GET https://h/moved?f=json&x=1"
            ]
        );
    }
}

#[tokio::test]
async fn t13_within_the_origin_the_token_stays_and_beyond_it_goes() {
    let request = || {
        read()
            .with_header(
                HeaderName::from_static("x-key"),
                HeaderValue::from_static("K"),
            )
            .with_token(
                Token::new("T").with_referer("https://me"),
                TokenPlacement::EsriHeader,
            )
    };
    let (_, transport) = run(leads(302, "https://h/moved?f=json"), request()).await;
    assert_eq!(
        transport.header(1, "x-esri-authorization").unwrap(),
        "Bearer T"
    );
    assert_eq!(transport.header(1, "x-key").unwrap(), "K");
    assert_eq!(transport.header(1, "referer").unwrap(), "https://me");

    for elsewhere in ["https://other/x?f=json", "https://h:8443/x?f=json"] {
        let (result, transport) = run(leads(302, elsewhere), request()).await;
        assert!(result.is_ok());
        for header in ["x-esri-authorization", "x-key", "referer"] {
            assert_eq!(transport.header(1, header), None, "{elsewhere} {header}");
        }
    }
}

#[tokio::test]
async fn t13_every_placement_of_the_token_is_dropped() {
    for placement in [
        TokenPlacement::EsriHeader,
        TokenPlacement::AuthorizationHeader,
        TokenPlacement::FormBody,
        TokenPlacement::Query,
    ] {
        let request = read().with_token(Token::new("S3CRET"), placement);
        let (result, transport) =
            run(leads(307, "https://other/rest/services/x?f=json"), request).await;
        assert!(result.is_ok(), "{placement:?}");
        let there = format!("{:?}", transport.seen.lock().unwrap()[1]);
        assert!(!there.contains("S3CRET"), "{placement:?} {there}");
    }
}

#[tokio::test]
async fn a_token_that_the_server_echoes_in_the_address_stays_at_home() {
    let request = || read().with_token(Token::new("S3CRET"), TokenPlacement::Query);
    let (result, transport) = run(leads(302, "https://other/x?token=S3CRET"), request()).await;
    let why = why(result);
    assert!(!why.contains("S3CRET"), "{why}");
    assert_eq!(transport.sent(), 1);
    let (_, transport) = run(leads(302, "/y?f=json&token=S3CRET"), request()).await;
    assert_eq!(transport.lines()[1], "GET https://h/y?f=json&token=S3CRET");
}

#[tokio::test]
async fn t13_a_password_is_not_posted_to_another_origin() {
    let mint = || {
        Request::read(url("https://h/sharing/rest/generateToken"))
            .with_body(Body::Form)
            .with_param("username", "me")
            .with_secret_param("password", "hunter2".to_owned().into())
    };
    for (status, to) in [
        (307, "https://other/sharing/rest/generateToken"),
        (308, "https://other/"),
        (301, "https://other/sharing/rest/generateToken"),
        // A GET without the form would ask another for the token.
        (302, "https://other/login"),
        (303, "https://other/sharing/rest/generateToken"),
    ] {
        let (result, transport) = run(leads(status, to), mint()).await;
        let why = why(result);
        assert!(
            why.contains("https://other") && !why.contains("hunter2"),
            "{why}"
        );
        assert_eq!(transport.sent(), 1);
    }
    // Within the origin a login page may be looked at, and the form is left behind.
    let (result, transport) = run(leads(302, "https://h/login"), mint()).await;
    assert!(result.is_ok());
    assert_eq!(transport.lines()[1], "GET https://h/login");
}

#[tokio::test]
async fn https_never_becomes_http() {
    let (result, transport) = run(leads(301, "http://h/rest/services/x"), read()).await;
    assert!(why(result).contains("plain http://h"));
    assert_eq!(transport.sent(), 1);
    let (result, _) = run(leads(301, "ftp://h/x"), read()).await;
    assert!(why(result).contains("neither http nor https"));
}

#[tokio::test]
async fn a_form_stays_a_form_where_the_server_moved() {
    let form = || {
        Request::read(url("http://h/rest/services/x/query"))
            .with_body(Body::Form)
            .with_param("where", "1=1")
    };
    for (status, to, line) in [
        (
            301,
            "https://h/rest/services/x/query/",
            "POST https://h/rest/services/x/query/ where=1%3D1",
        ),
        (
            308,
            "https://h/y?f=json",
            "POST https://h/y where=1%3D1&f=json",
        ),
        (302, "/login?return=x", "GET http://h/login?return=x"),
        (
            303,
            "/rest/services/x/query",
            "GET http://h/rest/services/x/query",
        ),
    ] {
        let (_, transport) = run(leads(status, to), form()).await;
        assert_eq!(transport.lines()[1], line, "{status}");
    }
}

#[tokio::test]
async fn a_write_is_not_sent_twice() {
    let write = || Request::write(url("https://h/x/applyEdits")).with_param("adds", "[]");
    for (status, to) in [
        (302, "/x/applyEdits"),
        (303, "/done"),
        (307, "https://other/x"),
    ] {
        let (result, transport) = run(leads(status, to), write()).await;
        why(result);
        assert_eq!(transport.sent(), 1);
    }
    let (result, transport) = run(leads(307, "/y/applyEdits"), write()).await;
    assert!(result.is_ok());
    assert_eq!(
        transport.lines()[1],
        "POST https://h/y/applyEdits adds=%5B%5D"
    );
}

#[tokio::test]
async fn circles_end() {
    let (result, transport) = run(vec![with(302, "location", "/rest/services/x")], read()).await;
    assert!(why(result).contains("more than 10"));
    assert_eq!(transport.sent(), 11);
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_the_answer() {
    for answer in [with(302, "x-none", "1"), with(302, "location", "http://[")] {
        let (result, _) = run(vec![answer], read()).await;
        assert_eq!(result.unwrap().status(), 302);
    }
}

fn secret_ways(from: &str) -> Vec<Request> {
    let request = || Request::read(url(from)).with_body(Body::Form);
    vec![
        request().with_token(Token::new("S3CRET"), TokenPlacement::EsriHeader),
        request().with_token(Token::new("S3CRET"), TokenPlacement::FormBody),
        request().with_secret_param("token", "S3CRET".to_owned().into()),
        request().with_header(
            HeaderName::from_static("authorization"),
            HeaderValue::from_static("Bearer S3CRET"),
        ),
    ]
}

#[tokio::test]
async fn a_server_that_turns_to_https_keeps_the_credential() {
    for (from, to) in [
        ("http://h/rest/services/x", "https://h/rest/services/x"),
        (
            "http://h:6080/rest/services/x",
            "https://h:6443/rest/services/x",
        ),
    ] {
        for request in secret_ways(from) {
            let (result, transport) = run(leads(301, to), request).await;
            assert!(result.unwrap().into_ok().is_ok());
            let there = &transport.seen.lock().unwrap()[1];
            assert_eq!(there.uri().to_string(), to);
            let shown = format!("{:?} {:?}", there.headers().values(), there.body());
            // A header that is marked as sensitive does not show.
            let sent = shown.contains("S3CRET") || shown.contains("Sensitive");
            assert!(sent, "{shown}");
        }
    }
}

#[tokio::test]
async fn a_server_that_turns_to_https_elsewhere_is_named() {
    for to in ["https://h:8443/rest/services/x", "https://h:6443/"] {
        for request in secret_ways("http://h/rest/services/x") {
            let (result, transport) = run(leads(302, to), request).await;
            let why = why(result);
            let origin = to.split("/rest").next().unwrap().trim_end_matches('/');
            assert!(why.contains(&format!("it leads to {origin}, ")), "{why}");
            assert!(why.contains("give the https address"), "{why}");
            assert_eq!(transport.sent(), 1);
        }
        let open = Request::read(url("http://h/rest/services/x"));
        let (result, _) = run(leads(302, to), open).await;
        assert!(result.is_ok(), "there is no secret to lose");
    }
}

#[tokio::test]
async fn another_origin_that_wants_a_token_has_not_refused_ours() {
    let answers = || {
        vec![
            with(302, "location", "https://other/rest/services/x"),
            json(r#"{"error":{"code":499,"message":"Token Required"}}"#),
        ]
    };
    let ours = read().with_token(Token::new("S3CRET"), TokenPlacement::EsriHeader);
    let (result, _) = run(answers(), ours).await;
    let why = why(result);
    assert!(why.contains("https://other, which wants a token"), "{why}");
    let (result, _) = run(answers(), read()).await;
    assert!(matches!(
        result.unwrap().outcome(),
        Outcome::TokenRefused(_)
    ));
}
