use std::collections::VecDeque;

use http::{HeaderMap, StatusCode};

use super::*;
use crate::provider::StaticToken;
use crate::token::Token;
use crate::trust::TrustPolicy;

/// Answers from a script, and keeps what was asked as (method, authorisation header, form).
#[derive(Debug, Default)]
struct Scripted {
    answers: Mutex<VecDeque<(u16, String)>>,
    seen: Mutex<Vec<(String, Option<String>, String)>>,
}

impl Transport for Scripted {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        async move {
            let http = request.to_http()?;
            let header = http.headers().get("x-esri-authorization");
            self.seen.lock().unwrap().push((
                http.method().to_string(),
                header.map(|value| value.to_str().unwrap().to_owned()),
                String::from_utf8(http.body().bytes().unwrap().to_vec()).unwrap(),
            ));
            let (status, body) = self.answers.lock().unwrap().pop_front().unwrap();
            let status = StatusCode::from_u16(status).unwrap();
            Ok(Response::judge(
                &request,
                status,
                HeaderMap::new(),
                body.into(),
            ))
        }
        .boxed()
    }
}

/// `t1`, then `t2` once `t1` is refused, then nothing.
#[derive(Debug)]
struct Two(TrustPolicy, Mutex<usize>);

impl TokenProvider for Two {
    fn trust(&self) -> &TrustPolicy {
        &self.0
    }
    fn token(&self) -> BoxFuture<'_, Result<Option<Token>, Error>> {
        async { Ok(Some(Token::new(format!("t{}", self.1.lock().unwrap())))) }.boxed()
    }
    fn refresh<'a>(&'a self, _: Refresh<'a>) -> BoxFuture<'a, Result<Option<Token>, Error>> {
        async {
            *self.1.lock().unwrap() += 1;
            Ok(Some(Token::new(format!("t{}", self.1.lock().unwrap()))))
        }
        .boxed()
    }
}

const OK: &str = r#"{"count":42}"#;
const INVALID: &str = r#"{"error":{"code":498,"message":"Invalid token.","details":[]}}"#;
const REQUIRED: &str = r#"{"error":{"code":499,"message":"Token Required","details":[]}}"#;

fn trust() -> TrustPolicy {
    TrustPolicy::bound_to(Origin::of(&"https://h".parse().unwrap()).unwrap())
}

fn request() -> Request {
    Request::read(
        "https://h/arcgis/rest/services/x/FeatureServer/0"
            .parse()
            .unwrap(),
    )
    .with_param("f", "json")
}

fn session(answers: &[(u16, &str)]) -> (TokenSession, Arc<Scripted>) {
    let transport = Arc::new(Scripted::default());
    *transport.answers.lock().unwrap() = answers
        .iter()
        .map(|(status, body)| (*status, (*body).to_owned()))
        .collect();
    let session = TokenSession::new(transport.clone(), Arc::new(Two(trust(), Mutex::new(1))));
    (session, transport)
}

fn headers(transport: &Scripted) -> Vec<Option<String>> {
    transport
        .seen
        .lock()
        .unwrap()
        .iter()
        .map(|(_, header, _)| header.clone())
        .collect()
}

fn bearer(token: &str) -> Option<String> {
    Some(format!("Bearer {token}"))
}

#[tokio::test]
async fn t7_a_refusal_in_status_or_body_is_refreshed_once() {
    for answers in [[(200, INVALID), (200, OK)], [(498, ""), (200, OK)]] {
        let (session, transport) = session(&answers);
        let response = session.send(request()).await.unwrap();
        assert_eq!(response.attempts(), 2);
        assert_eq!(response.into_ok().unwrap(), OK.as_bytes());
        assert_eq!(headers(&transport), [bearer("t1"), bearer("t2")]);
    }
}

#[tokio::test]
async fn t6_a_second_refusal_is_final() {
    let (session, transport) = session(&[(200, INVALID), (200, INVALID)]);
    let error = session.send(request()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Unauthorized(why) if why.reason == UnauthorizedReason::Refused)
    );
    assert_eq!(headers(&transport).len(), 2);
}

#[tokio::test]
async fn an_old_server_gets_the_token_in_the_form_from_then_on() {
    let (session, transport) = session(&[(200, REQUIRED), (200, OK), (200, OK)]);
    session.send(request()).await.unwrap().into_ok().unwrap();
    session.send(request()).await.unwrap().into_ok().unwrap();
    let seen = transport.seen.lock().unwrap().clone();
    assert_eq!(seen[0], ("GET".into(), bearer("t1"), String::new()));
    assert_eq!(seen[1], ("POST".into(), None, "f=json&token=t1".into()));
    assert_eq!(seen[2], ("POST".into(), None, "f=json&token=t1".into()));
}

#[tokio::test]
async fn t13_a_token_does_not_go_to_another_origin() {
    let (session, transport) = session(&[(200, REQUIRED)]);
    let foreign = Request::read("https://other/arcgis/rest/services".parse().unwrap());
    let error = session.send(foreign).await.unwrap_err();
    assert!(matches!(&error, Error::Unauthorized(why)
        if why.reason == UnauthorizedReason::BoundElsewhere { bound_to: "https://h".into() }));
    assert_eq!(headers(&transport), [None]);
}

#[tokio::test]
async fn t12_without_a_credential_one_request_is_sent() {
    let (_, transport) = session(&[(200, REQUIRED)]);
    let session = TokenSession::anonymous(transport.clone());
    let error = session.send(request()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Unauthorized(why) if why.reason == UnauthorizedReason::NoCredential)
    );
    assert_eq!(headers(&transport), [None]);
}

#[tokio::test]
async fn a_callers_own_token_wins() {
    let (session, transport) = session(&[(200, OK), (200, INVALID)]);
    let own = request().with_secret_param("token", "mine".into());
    session.send(own.clone()).await.unwrap();
    assert!(
        session.send(own).await.is_err(),
        "and is not replaced when refused"
    );
    let seen = transport.seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0], ("POST".into(), None, "f=json&token=mine".into()));
}

#[tokio::test]
async fn a_refused_static_token_is_final_and_never_shown() {
    let (_, transport) = session(&[(
        200,
        r#"{"error":{"code":498,"message":"Invalid token S3CRET"}}"#,
    )]);
    let provider = StaticToken::new(Token::new("S3CRET"), trust());
    let session = TokenSession::new(transport.clone(), Arc::new(provider));
    let error = session.send(request()).await.unwrap_err();
    assert!(
        !format!("{error} {error:?} {session:?}").contains("S3CRET"),
        "{error:?}"
    );
    assert_eq!(headers(&transport).len(), 1);
}

#[tokio::test]
async fn an_error_that_echoes_the_token_is_cleaned() {
    let (session, _) = session(&[(
        200,
        r#"{"error":{"code":400,"message":"no t1 here","details":["t1"]}}"#,
    )]);
    let response = session.send(request()).await.unwrap();
    assert!(!format!("{response:?}").contains("t1"));
    let error = response.into_ok().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("t1"), "{error:?}");
}

#[tokio::test]
async fn an_error_that_echoes_a_callers_own_token_is_cleaned() {
    let echo = |code: i64| {
        format!(r#"{{"error":{{"code":{code},"message":"no MYTOKEN","details":["MYTOKEN?"]}}}}"#)
    };
    let pasted = "https://h/x?token=MYTOKEN".parse().unwrap();
    let in_header = request().with_header(
        http::header::AUTHORIZATION,
        "Bearer MYTOKEN".parse().unwrap(),
    );
    for own in [
        Request::read(pasted),
        request().with_param("Token", "MYTOKEN"),
        in_header,
    ] {
        for code in [400, 498, 499, 500] {
            let (session, _) = session(&[(200, &echo(code))]);
            let error = match session.send(own.clone()).await {
                Ok(response) => response.into_ok().unwrap_err(),
                Err(error) => error,
            };
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("MYTOKEN"), "{shown}");
        }
    }
}
