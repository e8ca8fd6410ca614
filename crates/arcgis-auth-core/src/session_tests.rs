use std::collections::VecDeque;

use http::{HeaderMap, StatusCode};

use super::*;
use crate::credential_kind::ApiKeyKind;
use crate::credentials::Credentials;
use crate::error::{TransportError, TransportErrorKind};
use crate::portal::Portal;
use crate::provider::StaticToken;
use crate::token::Token;
use crate::trust::TrustPolicy;

/// Answers from a script, and keeps what was asked as (method, authorisation header, form).
#[derive(Debug, Default)]
struct Scripted {
    answers: Mutex<VecDeque<(u16, String)>>,
    seen: Mutex<Vec<(String, Option<String>, String)>>,
    paths: Mutex<Vec<String>>,
}

impl Transport for Scripted {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        async move {
            let http = request.to_http()?;
            let header = http.headers().get("x-esri-authorization");
            self.paths
                .lock()
                .unwrap()
                .push(http.uri().path().to_owned());
            self.seen.lock().unwrap().push((
                http.method().to_string(),
                header.map(|value| value.to_str().unwrap().to_owned()),
                String::from_utf8(http.body().bytes().unwrap().to_vec()).unwrap(),
            ));
            // Nothing but the advice for a refusal may be asked for beyond the script.
            let Some((status, body)) = self.answers.lock().unwrap().pop_front() else {
                assert!(http.uri().path().ends_with("/rest/info"), "{}", http.uri());
                let error = TransportError::new(TransportErrorKind::Connect, "u");
                return Err(Error::transport(error));
            };
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
    assert_eq!(headers(&transport), [None, None]);
    assert_eq!(
        *transport.paths.lock().unwrap(),
        ["/arcgis/rest/services", "/arcgis/rest/info"]
    );
}

#[tokio::test]
async fn t12_without_a_credential_the_request_is_sent_once() {
    let (_, transport) = session(&[(200, REQUIRED)]);
    let session = TokenSession::anonymous(transport.clone());
    let error = session.send(request()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Unauthorized(why) if why.reason == UnauthorizedReason::NoCredential)
    );
    let paths = transport.paths.lock().unwrap().clone();
    assert_eq!(
        paths
            .iter()
            .filter(|path| *path == request().url().path())
            .count(),
        1
    );
    assert_eq!(headers(&transport), [None, None]);
}

#[tokio::test]
async fn a_demand_for_a_token_names_the_portal_to_sign_in_at() {
    let federated = r#"{"currentVersion":11.3,"owningSystemUrl":"https://gis.example.com/portal/",
        "authInfo":{"tokenServicesUrl":"https://elsewhere.example.com/sharing/generateToken"}}"#;
    let alone = r#"{"authInfo":{"isTokenBasedSecurity":true,"tokenServicesUrl":"https://h/arcgis/tokens/"}}"#;
    for (info, place) in [
        ((200, federated), Some("https://gis.example.com/portal")),
        ((200, alone), Some("https://h/arcgis")),
        ((200, r#"{"currentVersion":10.91}"#), None),
        ((200, "<html><title>Sign in</title></html>"), None),
        ((200, r#"{"owningSystemUrl":"javascript:alert(1)"}"#), None),
        ((500, ""), None),
        ((200, REQUIRED), None),
    ] {
        let (_, transport) = session(&[(200, REQUIRED), info, (200, REQUIRED)]);
        let session = TokenSession::anonymous(transport.clone());
        for _ in 0..2 {
            let Error::Unauthorized(why) = session.send(request()).await.unwrap_err() else {
                panic!("{info:?}");
            };
            assert_eq!(why.reason, UnauthorizedReason::NoCredential);
            assert_eq!(why.sign_in_at.as_deref(), place, "{info:?}");
            assert_eq!(why.service.as_ref().map(ServiceError::code), Some(499));
            if let Some(place) = place {
                assert!(why.to_string().contains(place), "{why}");
            }
        }
        // The server is asked once, without anything secret.
        assert_eq!(headers(&transport), [None, None, None], "{info:?}");
        assert_eq!(transport.paths.lock().unwrap()[1], "/arcgis/rest/info");
    }
}

#[tokio::test]
async fn a_portal_that_wants_a_token_is_where_to_sign_in() {
    let (_, transport) = session(&[(200, REQUIRED)]);
    let session = TokenSession::anonymous(transport.clone());
    let of_portal = "https://gis.example.com/portal/sharing/rest/community/self";
    let request = Request::read(of_portal.parse().unwrap());
    let Error::Unauthorized(why) = session.send(request).await.unwrap_err() else {
        panic!("not refused");
    };
    assert_eq!(
        why.sign_in_at.as_deref(),
        Some("https://gis.example.com/portal")
    );
    assert_eq!(headers(&transport).len(), 1);
}

/// Every shape in which 498 and 499 were seen.
fn refusals(code: u16) -> Vec<(u16, String)> {
    let text = if code == 498 {
        "Invalid token."
    } else {
        "Token Required"
    };
    let object = format!(r#"{{"code":{code},"message":"{text}","details":[]}}"#);
    let mut shapes = Vec::new();
    for status in [200, 400, 401, 403, code] {
        shapes.extend([
            (status, format!(r#"{{"error":{object}}}"#)),
            (status, format!(r#"{{"error":{{"code":{code},"message":"{text}","details":["{text}"]}}}}"#)),
            (status, format!(r#"{{"error":{{"code":{code},"message":"{text}","messageCode":"GWM_0003","details":null}}}}"#)),
            (status, format!(r#"{{"error":{{"code":{code},"extendedCode":0,"message":"{text}","details":"{text}"}}}}"#)),
            (status, format!(r#"{{"error":{{"code":"{code}","message":"{text}"}}}}"#)),
            (status, format!("\u{feff}\n {{\"error\" : {object} }}")),
            (status, format!(r#"{{"status":"error","messages":["{text}"],"code":{code}}}"#)),
            (status, format!(r#"{{"success":false,"error":{object}}}"#)),
            (status, format!(r#"{{"code":{code},"message":"{text}"}}"#)),
            (status, format!(r#"{{"status":"failed","statusMessage":{:?}}}"#, format!(r#"{{"error":{object}}}"#))),
            (status, format!(r#"{{"status":"failed","statusMessage":{object:?}}}"#)),
        ]);
    }
    shapes.extend([
        (code, String::new()),
        (code, "<html><title>Refused</title></html>".to_owned()),
        (
            code,
            r#"{"error":{"code":400,"message":"Bad request"}}"#.to_owned(),
        ),
        (code, "{}".to_owned()),
    ]);
    shapes
}

#[tokio::test]
async fn every_shape_of_a_refusal_is_known_and_refreshed_once() {
    for (status, body) in refusals(498) {
        for request in [
            request(),
            request().with_accept(crate::Accept::Pbf).with_rows(2000),
        ] {
            let (session, transport) = session(&[(status, &body), (200, OK)]);
            let response = session.send(request).await.unwrap();
            assert_eq!(
                response.into_ok().unwrap(),
                OK.as_bytes(),
                "{status} {body}"
            );
            assert_eq!(
                headers(&transport),
                [bearer("t1"), bearer("t2")],
                "{status} {body}"
            );
        }
    }
    for (status, body) in refusals(499) {
        // Moved to the form first; refused there too, it is the token's fault.
        let (session, transport) = session(&[(status, &body), (status, &body), (200, OK)]);
        let response = session.send(request()).await.unwrap();
        assert_eq!(
            response.into_ok().unwrap(),
            OK.as_bytes(),
            "{status} {body}"
        );
        assert_eq!(
            headers(&transport),
            [bearer("t1"), None, bearer("t2")],
            "{status} {body}"
        );
        let forms: Vec<_> = transport
            .seen
            .lock()
            .unwrap()
            .iter()
            .map(|seen| seen.2.clone())
            .collect();
        assert_eq!(forms, ["", "f=json&token=t1", ""], "{status} {body}");

        let (_, transport) = self::session(&[(status, &body)]);
        let session = TokenSession::anonymous(transport);
        let error = session.send(request()).await.unwrap_err();
        assert!(
            matches!(&error, Error::Unauthorized(why)
            if why.reason == UnauthorizedReason::NoCredential),
            "{status} {body}"
        );
    }
}

/// Has a token until it is refused, and then an error, or nothing.
#[derive(Debug)]
struct Fails(TrustPolicy, Option<Error>);

impl TokenProvider for Fails {
    fn trust(&self) -> &TrustPolicy {
        &self.0
    }
    fn token(&self) -> BoxFuture<'_, Result<Option<Token>, Error>> {
        async { Ok(Some(Token::new("t1"))) }.boxed()
    }
    fn refresh<'a>(&'a self, _: Refresh<'a>) -> BoxFuture<'a, Result<Option<Token>, Error>> {
        async { self.1.clone().map_or(Ok(None), Err) }.boxed()
    }
}

#[tokio::test]
async fn nothing_goes_on_anonymously_after_a_refusal() {
    let broken = TransportError::new(TransportErrorKind::Interrupted, "u");
    for failure in [None, Some(Error::transport(broken))] {
        let (_, transport) = session(&[(200, INVALID), (200, OK)]);
        let provider = Arc::new(Fails(trust(), failure.clone()));
        let session = TokenSession::new(transport.clone(), provider);
        let error = session.send(request()).await.unwrap_err();
        let expected = match failure {
            None => matches!(error, Error::Unauthorized(_)),
            Some(_) => matches!(error, Error::Transport(_)),
        };
        assert!(expected, "{error:?}");
        assert_eq!(headers(&transport), [bearer("t1")]);
    }
}

#[tokio::test]
async fn no_permission_is_no_matter_of_tokens() {
    for (status, body) in [
        (403, ""),
        (403, "<html><title>Forbidden</title></html>"),
        (
            200,
            r#"{"error":{"code":403,"message":"User does not have permissions to access 'x.mapserver'."}}"#,
        ),
        (
            403,
            r#"{"error":{"code":403,"message":"You do not have permissions to access this resource or perform this operation."}}"#,
        ),
        (
            200,
            r#"{"status":"error","messages":["Not allowed."],"code":403}"#,
        ),
    ] {
        let (session, transport) = session(&[(status, body)]);
        let response = session.send(request()).await.unwrap();
        assert!(
            matches!(response.into_ok(), Err(Error::Forbidden(_))),
            "{status} {body}"
        );
        assert_eq!(headers(&transport), [bearer("t1")]);
    }
}

#[tokio::test]
async fn a_final_refusal_says_what_to_do_by_kind_of_credential() {
    let portal = Portal::parse("https://h").unwrap();
    let hint = |credentials: Credentials| {
        let portal = portal.clone();
        async move {
            let (_, transport) = session(&[(200, INVALID)]);
            let provider = credentials.as_static().unwrap();
            let session = TokenSession::new(transport.clone(), Arc::new(provider));
            let Error::Unauthorized(why) = session.send(request()).await.unwrap_err() else {
                panic!("not refused at {portal}");
            };
            assert_eq!(headers(&transport).len(), 1, "nothing renews it");
            (why.credential.unwrap(), why.to_string())
        }
    };
    let key = Credentials::api_key(&portal, "AAPKsecret").unwrap();
    let (kind, said) = hint(key).await;
    assert_eq!(kind, CredentialKind::ApiKey(ApiKeyKind::Legacy));
    assert!(
        said.contains("API key has expired") && said.contains("referrer"),
        "{said}"
    );
    // Given as a token, it is known for what it is.
    let (kind, _) = hint(Credentials::token(&portal, "AATKsecret").unwrap()).await;
    assert_eq!(kind, CredentialKind::ApiKey(ApiKeyKind::Credential));
    let (kind, said) = hint(Credentials::token(&portal, "secret").unwrap()).await;
    assert_eq!(kind, CredentialKind::Token);
    assert!(
        said.contains("get another") && !said.contains("secret"),
        "{said}"
    );
}

/// Serves `https://h/arcgis` itself and has a provider for each other address that it knows.
#[derive(Debug)]
struct Federated {
    own: StaticToken,
    servers: Vec<(Origin, Arc<StaticToken>)>,
    asked: Mutex<usize>,
}

impl TokenProvider for Federated {
    fn trust(&self) -> &TrustPolicy {
        self.own.trust()
    }
    fn token(&self) -> BoxFuture<'_, Result<Option<Token>, Error>> {
        self.own.token()
    }
    fn refresh<'a>(&'a self, why: Refresh<'a>) -> BoxFuture<'a, Result<Option<Token>, Error>> {
        self.own.refresh(why)
    }
    fn delegate<'a>(
        &'a self,
        url: &'a Url,
    ) -> BoxFuture<'a, Result<Option<Arc<dyn TokenProvider>>, Error>> {
        async move {
            *self.asked.lock().unwrap() += 1;
            let origin = Origin::of(url)?;
            let found = self.servers.iter().find(|(server, _)| *server == origin);
            Ok(found.map(|(_, provider)| Arc::clone(provider) as Arc<dyn TokenProvider>))
        }
        .boxed()
    }
}

#[tokio::test]
async fn a_delegate_stands_for_itself() {
    let bound = |url: &str| TrustPolicy::bound_to(Origin::of(&url.parse().unwrap()).unwrap());
    let server = |url: &str, token, trusted: &str| {
        let provider = StaticToken::new(Token::new(token), bound(trusted));
        (bound(url).origin().clone(), Arc::new(provider))
    };
    let provider = Arc::new(Federated {
        own: StaticToken::new(Token::new("of-portal"), trust()),
        servers: vec![
            server("https://fed", "of-server", "https://fed"),
            // One that may not go where it was found for.
            server("https://wrong", "of-server", "https://fed"),
        ],
        asked: Mutex::new(0),
    });
    let (_, transport) = session(&[(200, OK), (200, OK), (200, OK), (200, OK), (498, "")]);
    // Through an `Arc` of its own, which must pass the question on.
    let session = TokenSession::new(transport.clone(), Arc::new(Arc::clone(&provider)));
    for host in ["h", "fed", "wrong", "other", "fed"] {
        let url = format!("https://{host}/arcgis/rest/services/x/FeatureServer/0");
        let result = session.send(Request::read(url.parse().unwrap())).await;
        assert_eq!(
            result.is_err(),
            *provider.asked.lock().unwrap() == 5,
            "{host}"
        );
    }
    // Without a token where nobody vouches for the address, and once for each request.
    let sent = [
        bearer("of-portal"),
        bearer("of-server"),
        None,
        None,
        bearer("of-server"),
    ];
    assert_eq!(headers(&transport), sent);
    assert_eq!(*provider.asked.lock().unwrap(), 5);
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
