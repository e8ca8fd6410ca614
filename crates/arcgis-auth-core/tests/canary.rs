//! No public type shows the secret that it holds: not by `Debug` or `Display`, not down the chain of
//! an error's sources; not as it is, not percent-encoded, not in base64.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::error::Error as StdError;
use std::fmt::{Debug, Display};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arcgis_auth_core::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use arcgis_auth_core::url::form_urlencoded;
use arcgis_auth_core::{
    AppLogin, Body, Credentials, Error, Origin, Part, Portal, Request, Response, SecretString,
    StaticToken, StoredLogin, Token, TokenCache, TokenPlacement, TokenProvider, TokenSession,
    TokenSource, Transport, TrustPolicy, Url, UserLogin, UserPassword, Verdict,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use futures_util::future::{BoxFuture, FutureExt};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// With characters that every encoding writes in another way.
const CANARY: &str = "C4N4RY/+=&?é\"~zz";

fn canary() -> SecretString {
    CANARY.into()
}

/// A header can hold only part of them.
const IN_HEADER: &str = "C4N4RY/+=&?~zz";

fn spellings(secret: &str) -> Vec<String> {
    let mut spellings = vec![
        secret.to_owned(),
        form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        // As JSON and as Rust would quote it.
        serde_json::to_string(secret)
            .unwrap()
            .trim_matches('"')
            .to_owned(),
        format!("{secret:?}").trim_matches('"').to_owned(),
        // Whatever the encoding, this stays.
        "C4N4RY".to_owned(),
    ];
    // In base64 at each of the three places that it can begin at, without the ends that depend on
    // what stands around it.
    for before in 0..3 {
        let padded = [vec![b'x'; before], secret.as_bytes().to_vec()].concat();
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&padded);
            spellings.push(encoded[4..encoded.len() - 4].to_owned());
        }
    }
    spellings
}

#[track_caller]
fn hides(what: &str, text: &str) {
    let lower = text.to_lowercase();
    for secret in [CANARY, IN_HEADER] {
        for spelling in spellings(secret) {
            assert!(
                !lower.contains(&spelling.to_lowercase()),
                "{what} shows {spelling}: {text}"
            );
        }
    }
}

#[track_caller]
fn debug(what: &str, value: &dyn Debug) {
    hides(what, &format!("{value:?}\n{value:#?}"));
}

#[track_caller]
fn display(what: &str, value: &dyn Display) {
    hides(what, &format!("{value} {value:#}"));
}

#[track_caller]
fn error(what: &str, error: &(dyn StdError + 'static)) {
    let mut next = Some(error);
    while let Some(this) = next {
        debug(what, &this);
        display(what, &this);
        next = this.source();
    }
}

fn portal() -> Portal {
    Portal::parse("https://h/portal").unwrap()
}

fn url() -> Url {
    "https://h/arcgis/rest/services/x/FeatureServer/0"
        .parse()
        .unwrap()
}

fn trust() -> TrustPolicy {
    TrustPolicy::bound_to(portal().origin().clone())
}

fn token() -> Token {
    Token::new(canary())
        .with_life(Duration::from_secs(60))
        .with_expiry(SystemTime::UNIX_EPOCH)
        .with_referer("https://r")
}

#[test]
fn the_search_finds_every_spelling() {
    let basic = STANDARD_NO_PAD.encode(format!("user:{CANARY}"));
    let query: String = form_urlencoded::byte_serialize(CANARY.as_bytes()).collect();
    for shown in [
        CANARY.to_owned(),
        format!("Basic {basic}"),
        format!("token={query}"),
        format!("{CANARY:?}"),
        CANARY.to_lowercase(),
    ] {
        let found = std::panic::catch_unwind(|| hides("the search", &shown)).is_err();
        assert!(found, "not found in {shown}");
    }
}

#[test]
fn tokens_and_credentials() {
    debug("a token", &token());
    display("a token", &token());
    debug("a static token", &StaticToken::new(token(), trust()));
    let user = UserPassword::new("me", canary(), portal()).unwrap();
    debug("a user's password", &user);
    let app = AppLogin::new("id", canary(), portal()).unwrap();
    debug("an application", &app);
    let login = UserLogin::new("id", "https://r/", canary(), portal())
        .unwrap()
        .with_access_token(Some(token()));
    debug("a login", &login);
    for credentials in [
        Credentials::token(&portal(), canary()).unwrap(),
        Credentials::token_for(&url(), canary()).unwrap(),
        Credentials::api_key(&portal(), canary()).unwrap(),
        Credentials::UserPassword(user.clone()),
        Credentials::App(app.clone()),
        Credentials::User(login.clone()),
    ] {
        debug("a credential", &credentials);
        debug("a credential's provider", &credentials.as_static());
    }
    for stored in [
        StoredLogin::UserPassword(user),
        StoredLogin::App(app),
        StoredLogin::User(login),
        StoredLogin::Token {
            portal: portal(),
            token: token(),
        },
        StoredLogin::ApiKey {
            portal: portal(),
            key: token(),
        },
    ] {
        debug("a kept login", &stored);
        let json = stored.to_json().unwrap();
        debug("a kept login in JSON", &json);
        let other = Portal::parse("https://other").unwrap();
        error(
            "another portal",
            &StoredLogin::from_json(&json, &other).unwrap_err(),
        );
    }
    let broken = format!(r#"{{"version":1,"portal":"https://h/portal","kind":{CANARY:?}}}"#);
    for broken in [broken.as_str(), CANARY] {
        let damaged = StoredLogin::from_json(&broken.into(), &portal()).unwrap_err();
        error("a damaged login", &damaged);
    }
    let mut pasted: Url = "https://me@h/portal".parse().unwrap();
    pasted.set_password(Some(CANARY)).unwrap();
    debug(
        "a portal with a password",
        &Portal::from_url(pasted.clone()).unwrap(),
    );
    display(
        "a portal with a password",
        &Portal::from_url(pasted.clone()).unwrap(),
    );
    debug("an origin", &Origin::of(&pasted).unwrap());
    debug("a trust policy", &trust());
}

/// A request for each place that a secret can have in one, and the secret.
fn requests() -> Vec<(Request, String)> {
    let base = || Request::read(url()).with_param("f", "json");
    let canary = |request| (request, CANARY.to_owned());
    let mut pasted = url();
    pasted.query_pairs_mut().append_pair("Token", CANARY);
    let mut requests = vec![
        canary(Request::read(pasted)),
        canary(base().with_secret_param("anything", CANARY.into())),
        canary(base().with_param("password", CANARY).with_body(Body::Form)),
        canary(
            base()
                .with_param("client_secret", CANARY)
                .with_body(Body::Multipart(vec![Part::bytes("attachment", CANARY)])),
        ),
    ];
    for placement in [TokenPlacement::FormBody, TokenPlacement::Query] {
        requests.push(canary(base().with_token(token(), placement)));
    }
    for placement in [
        TokenPlacement::EsriHeader,
        TokenPlacement::AuthorizationHeader,
    ] {
        let request = base().with_token(Token::new(IN_HEADER), placement);
        requests.push((request, IN_HEADER.to_owned()));
    }
    let basic = STANDARD_NO_PAD.encode(format!("user:{IN_HEADER}"));
    for (name, scheme, secret) in [
        (header::AUTHORIZATION, "Bearer ", IN_HEADER),
        (
            HeaderName::from_static("x-esri-authorization"),
            "Bearer ",
            IN_HEADER,
        ),
        (header::COOKIE, "", IN_HEADER),
        (header::PROXY_AUTHORIZATION, "Bearer ", IN_HEADER),
        (header::AUTHORIZATION, "Basic ", basic.as_str()),
    ] {
        let value = HeaderValue::from_str(&format!("{scheme}{secret}")).unwrap();
        requests.push((base().with_header(name, value), secret.to_owned()));
    }
    requests
}

#[test]
fn requests_and_what_goes_to_the_wire() {
    for (request, _) in requests() {
        debug("a request", &request);
        display("a request's address", &request.redacted_url());
        let shown: Vec<_> = request.shown_params().collect();
        debug("a request's parameters", &shown);
        let http = request.to_http().unwrap();
        // Headers are marked as sensitive, and bodies do not show themselves.
        debug("headers", http.headers());
        debug("a body", http.body());
        let on_request = http
            .uri()
            .query()
            .is_some_and(|query| query.contains("&token="));
        if !on_request {
            debug("an HTTP request", &http);
        }
    }
    debug("a part", &Part::bytes("attachment", CANARY));
    let unfit = Request::read(url()).with_token(
        Token::new(format!("{CANARY}\n")),
        TokenPlacement::EsriHeader,
    );
    error(
        "a token that no header holds",
        &unfit.to_http().unwrap_err(),
    );
    let in_url = Request::read(url())
        .with_secret_param("x", canary())
        .with_body(Body::None);
    error("a secret in an address", &in_url.to_http().unwrap_err());
}

/// What servers and gateways say that repeats what they were asked.
fn echoes(secret: &str) -> Vec<(u16, String)> {
    let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut echoes = Vec::new();
    for secret in [secret, &form] {
        for code in [400, 403, 498, 499, 500] {
            let error = serde_json::json!({"error": {
                "code": code,
                "message": format!("no {secret} here"),
                "details": [secret, format!("at https://h/x?token={secret}&f=json")],
            }});
            echoes.push((200, error.to_string()));
        }
        let title = |what| format!("<html><title>{what}: {secret}</title></html>");
        echoes.push((502, title("Bad gateway")));
        echoes.push((200, title("Sign in")));
    }
    echoes
}

/// Answers every request with this.
#[derive(Debug)]
struct Answers(u16, String);

impl Transport for Answers {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        async move {
            let status = StatusCode::from_u16(self.0).unwrap();
            let body = self.1.clone().into();
            Ok(Response::judge(&request, status, HeaderMap::new(), body))
        }
        .boxed()
    }
}

#[test]
fn answers_that_repeat_the_request() {
    for (request, secret) in requests() {
        for (status, body) in echoes(&secret) {
            let code = StatusCode::from_u16(status).unwrap();
            let headers = HeaderMap::new();
            let verdict = Verdict::of(&request, code, &headers, body.as_bytes());
            debug("a verdict", &verdict);
            error("a service's error", &verdict.into_error().unwrap());
            let response = Response::judge(&request, code, headers, body.clone().into());
            debug("a response", &response);
            error("a response's error", &response.into_ok().unwrap_err());

            let session = TokenSession::anonymous(Arc::new(Answers(status, body)));
            let result = session.send(request.clone()).now_or_never().unwrap();
            let refused = result.and_then(Response::into_ok).unwrap_err();
            error("a session's error", &refused);
        }
    }
}

/// Gives the canary, and then the same again.
#[derive(Debug)]
struct Source(TrustPolicy);

impl TokenSource for Source {
    fn trust(&self) -> &TrustPolicy {
        &self.0
    }
    fn mint(self: Arc<Self>) -> BoxFuture<'static, Result<Token, Error>> {
        async { Ok(Token::new(IN_HEADER)) }.boxed()
    }
}

#[test]
fn sessions_and_providers() {
    for (status, body) in echoes(IN_HEADER) {
        let cache = Arc::new(TokenCache::new(Source(trust())));
        let provider = Arc::clone(&cache) as Arc<dyn TokenProvider>;
        let session = TokenSession::new(Arc::new(Answers(status, body)), provider);
        let result = session.send(Request::read(url())).now_or_never().unwrap();
        let refused = result.and_then(Response::into_ok).unwrap_err();
        error("a refusal", &refused);
        debug("a session", &session);
        debug("a cache", &cache);
        // The same token again is a failed mint.
        if let Some(Err(failed)) = cache.token().now_or_never() {
            error("a failed mint", &failed);
        }
    }
}
