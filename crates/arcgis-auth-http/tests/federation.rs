//! A portal and the servers around it: what is asked of whom, and who gets to see which token.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub)]

mod hasty_clock;
mod organisation;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arcgis_auth_core::{
    Credentials, Error, Origin, Request, StaticToken, Token, TokenProvider, TokenSession,
    Transport, TrustPolicy, UnauthorizedReason,
};
use arcgis_auth_http::{ArcGisClient, Federation, Membership, owning_portal};
use hasty_clock::HastyClock;
use organisation::*;
use wiremock::matchers::{body_string_contains, header, method, path};
use wiremock::{Mock, MockServer, Request as Seen, ResponseTemplate};

const MINT: &str = "/portal/sharing/rest/generateToken";
const SERVERS: &str = "/portal/sharing/rest/portals/self/servers";
const INFO: &str = "/server/rest/info";
const DATA: &str = "/server/rest/services/x/FeatureServer/0";
const COUNT: &str = r#"{"count":42}"#;
const REQUIRED: &str = r#"{"error":{"code":499,"message":"Token Required","details":[]}}"#;
const INVALID: &str = r#"{"error":{"code":498,"message":"Invalid token.","details":[]}}"#;
const NOT_FEDERATED: &str = r#"{"error":{"code":400,"message":"Unable to generate token.","details":["Server URL is not federated."]}}"#;
const FAR: &str = r#"{"token":"SERVER","expires":32503680000000,"ssl":true}"#;

fn layer(server: &MockServer) -> Request {
    Request::read(format!("{}{DATA}", server.uri()).parse().unwrap()).with_param("f", "json")
}

fn root(server: &MockServer) -> String {
    format!("{}/server", server.uri())
}

/// A client with the password of the portal's user.
fn client(portal_server: &MockServer) -> (ArcGisClient, HastyClock) {
    let clock = HastyClock::default();
    let user = Credentials::user_password("me", "PA55W0RD", portal(portal_server)).unwrap();
    let client = ArcGisClient::builder()
        .credentials(user)
        .clock(Arc::new(clock.clone()))
        .build()
        .unwrap();
    (client, clock)
}

/// A portal that signs in its user with `PORTAL1`, `PORTAL2`, ….
async fn portal_server() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path("/portal/sharing/rest/info"))
        .respond_with(json(r#"{"authInfo":{"isTokenBasedSecurity":true}}"#))
        .mount(&server)
        .await;
    let minted = AtomicUsize::new(0);
    Mock::given(method("POST"))
        .and(path(MINT))
        .and(body_string_contains("username=me"))
        .respond_with(move |_: &Seen| {
            let n = minted.fetch_add(1, Ordering::SeqCst) + 1;
            json(format!(
                r#"{{"token":"PORTAL{n}","expires":32503680000000,"ssl":true}}"#
            ))
        })
        .mount(&server)
        .await;
    server
}

/// What the portal says to requests for the tokens of `server`, and of all others.
async fn exchanges(portal: &MockServer, server: Option<&MockServer>, reply: ResponseTemplate) {
    if let Some(server) = server {
        let named: String = url::form_urlencoded::byte_serialize(root(server).as_bytes()).collect();
        Mock::given(method("POST"))
            .and(path(MINT))
            .and(body_string_contains(format!("serverUrl={named}&")))
            .respond_with(reply)
            .mount(portal)
            .await;
        answers(portal, MINT, json(NOT_FEDERATED)).await;
    } else {
        answers(portal, MINT, reply).await;
    }
}

/// A server that names `owner`, and takes the tokens in `good` only.
async fn server(owner: &str, good: &'static [&'static str]) -> MockServer {
    let server = MockServer::start().await;
    data_server(&server, good).await;
    info(&server, json(format!(
        r#"{{"currentVersion":11.3,"owningSystemUrl":"{owner}","authInfo":{{"isTokenBasedSecurity":true}}}}"#
    )))
    .await;
    server
}

async fn info(server: &MockServer, reply: ResponseTemplate) {
    Mock::given(path(INFO))
        .respond_with(reply)
        .mount(server)
        .await;
}

async fn data_server(server: &MockServer, good: &'static [&'static str]) {
    Mock::given(path(DATA))
        .respond_with(move |seen: &Seen| {
            let token = seen.headers.get("x-esri-authorization").map(|value| {
                value
                    .to_str()
                    .unwrap()
                    .trim_start_matches("Bearer ")
                    .to_owned()
            });
            match token {
                None => json(REQUIRED),
                Some(token) if good.contains(&token.as_str()) => json(COUNT),
                Some(_) => json(INVALID),
            }
        })
        .mount(server)
        .await;
}

fn own(portal_server: &MockServer) -> String {
    portal(portal_server).to_string()
}

/// Everything that a server was sent, as text.
async fn all(server: &MockServer) -> String {
    let seen = server.received_requests().await.unwrap();
    seen.iter()
        .map(|seen| {
            format!(
                "{} {} {:?} {}\n",
                seen.method,
                seen.url,
                seen.headers,
                String::from_utf8_lossy(&seen.body)
            )
        })
        .collect()
}

/// Nothing of the user's got there.
async fn got_nothing(server: &MockServer) {
    let all = all(server).await;
    assert!(!all.is_empty());
    for secret in ["PORTAL", "PA55W0RD", "SERVER"] {
        assert!(!all.contains(secret), "{secret}: {all}");
    }
}

#[tokio::test]
async fn a_federated_server_gets_a_token_of_its_own_that_the_portal_is_asked_for_in_this_form() {
    let portal_server = portal_server().await;
    let far = server(&own(&portal_server), &["SERVER"]).await;
    exchanges(&portal_server, Some(&far), json(FAR)).await;
    let (client, _) = client(&portal_server);
    let many = (0..30).map(|_| client.send(layer(&far)));
    for answer in futures_util::future::join_all(many).await {
        assert_eq!(answer.unwrap().into_ok().unwrap(), COUNT.as_bytes());
    }
    assert_eq!(seen(&far, INFO).await.len(), 1, "asked once, whoever asks");
    for seen in seen(&far, INFO).await {
        assert!(!seen.headers.contains_key("x-esri-authorization"));
        assert_eq!(seen.url.query(), Some("f=json"));
    }
    let minted: Vec<_> = seen(&portal_server, MINT).await.iter().map(form).collect();
    assert_eq!(
        minted.len(),
        3,
        "the portal's, the server's, and one that must be refused"
    );
    let own = own(&portal_server);
    let asked = |server: &str| {
        map(&[
            ("f", "json"),
            ("request", "getToken"),
            ("serverUrl", server),
            ("client", "referer"),
            ("referer", &own),
            ("expiration", "60"),
            ("token", "PORTAL1"),
        ])
    };
    assert_eq!(minted[1], asked(&root(&far)));
    assert_eq!(minted[2], asked("https://server.invalid/arcgis"));
    let exchange = &seen(&portal_server, MINT).await[1];
    assert_eq!(
        exchange.headers["referer"].to_str().unwrap(),
        own,
        "the portal's token is bound to it"
    );
    for seen in seen(&far, DATA).await {
        assert_eq!(seen.headers["x-esri-authorization"], "Bearer SERVER");
        assert_eq!(seen.headers["referer"].to_str().unwrap(), own);
    }
    let there = all(&far).await;
    assert!(
        !there.contains("PORTAL") && !there.contains("PA55W0RD"),
        "{there}"
    );
    assert!(!format!("{client:?} {:?}", client.provider()).contains("PORTAL1"));
}

#[tokio::test]
async fn a_server_that_claims_the_portal_gets_nothing_when_the_portal_denies_it() {
    let portal_server = portal_server().await;
    let hostile = server(&own(&portal_server), &[]).await;
    exchanges(&portal_server, None, json(NOT_FEDERATED)).await;
    let (client, _) = client(&portal_server);
    for _ in 0..3 {
        let error = client.send(layer(&hostile)).await.unwrap_err();
        let Error::Unauthorized(refused) = &error else {
            panic!("{error:?}");
        };
        assert!(matches!(
            refused.reason,
            UnauthorizedReason::BoundElsewhere { .. }
        ));
    }
    got_nothing(&hostile).await;
    assert_eq!(
        seen(&portal_server, MINT).await.len(),
        2,
        "denied is remembered"
    );
    assert_eq!(seen(&portal_server, SERVERS).await.len(), 1);
}

#[tokio::test]
async fn a_portal_that_has_a_token_for_every_name_proves_nothing() {
    let portal_server = portal_server().await;
    let hostile = server(&own(&portal_server), &["SERVER"]).await;
    exchanges(&portal_server, None, json(FAR)).await;
    let (client, _) = client(&portal_server);
    client.send(layer(&hostile)).await.unwrap_err();
    got_nothing(&hostile).await;
}

#[tokio::test]
async fn a_server_cannot_borrow_the_word_of_another() {
    let portal_server = portal_server().await;
    let genuine = server(&own(&portal_server), &["SERVER"]).await;
    exchanges(&portal_server, Some(&genuine), json(FAR)).await;
    let hostile = MockServer::start().await;
    data_server(&hostile, &["SERVER"]).await;
    let to = format!("{}{INFO}?f=json", genuine.uri());
    info(
        &hostile,
        ResponseTemplate::new(302).insert_header("location", to),
    )
    .await;
    let (client, _) = client(&portal_server);
    client
        .send(layer(&genuine))
        .await
        .unwrap()
        .into_ok()
        .unwrap();
    client.send(layer(&hostile)).await.unwrap_err();
    got_nothing(&hostile).await;
}

#[tokio::test]
async fn a_server_that_the_portal_lists_gets_the_portals_token_where_there_is_no_exchange() {
    let portal_server = portal_server().await;
    let far = server(&own(&portal_server), &["PORTAL1"]).await;
    let unlisted = server(&own(&portal_server), &["PORTAL1"]).await;
    exchanges(&portal_server, None, ResponseTemplate::new(405)).await;
    let listed = format!(
        r#"{{"servers":[{{"id":"1","url":"{}/Server/","adminUrl":"https://inside:6443/arcgis"}}]}}"#,
        far.uri()
    );
    Mock::given(path(SERVERS))
        .and(header("x-esri-authorization", "Bearer PORTAL1"))
        .respond_with(json(listed))
        .mount(&portal_server)
        .await;
    let (client, _) = client(&portal_server);
    client.send(layer(&far)).await.unwrap().into_ok().unwrap();
    client.send(layer(&unlisted)).await.unwrap_err();
    got_nothing(&unlisted).await;
    assert_eq!(seen(&portal_server, SERVERS).await.len(), 1, "listed once");
}

#[tokio::test]
async fn servers_that_are_not_the_portals_are_asked_without_token_and_remembered_for_a_day() {
    let other = r#"{"owningSystemUrl":"https://other.example.com/portal","authInfo":{"isTokenBasedSecurity":true}}"#;
    let cases = [
        (
            json(other),
            Membership::Elsewhere {
                portal: "https://other.example.com/portal".into(),
            },
        ),
        (
            json(r#"{"currentVersion":10.9,"authInfo":{"isTokenBasedSecurity":true}}"#),
            Membership::StandAlone,
        ),
        (
            json(r#"{"currentVersion":10.9,"authInfo":{"isTokenBasedSecurity":false}}"#),
            Membership::Open,
        ),
        (json(r#"{"currentVersion":10.9}"#), Membership::Open),
        (
            json("{\"owningSystemUrl\":\"\\u001b[2J://\\n\"}"),
            Membership::Elsewhere {
                portal: "no portal".into(),
            },
        ),
    ];
    for (reply, expected) in cases {
        let portal_server = portal_server().await;
        let far = MockServer::start().await;
        info(&far, reply).await;
        Mock::given(path(DATA))
            .respond_with(json(COUNT))
            .mount(&far)
            .await;
        let (client, clock) = client(&portal_server);
        for _ in 0..3 {
            client.send(layer(&far)).await.unwrap().into_ok().unwrap();
        }
        got_nothing(&far).await;
        assert_eq!(seen(&far, INFO).await.len(), 1);
        clock.0.advance(Duration::from_secs(24 * 3600 - 60));
        client.send(layer(&far)).await.unwrap();
        assert_eq!(seen(&far, INFO).await.len(), 1);
        clock.0.advance(Duration::from_secs(61));
        client.send(layer(&far)).await.unwrap();
        assert_eq!(seen(&far, INFO).await.len(), 2);

        let token = StaticToken::new(
            Token::new("t"),
            TrustPolicy::bound_to(portal(&portal_server).origin().clone()),
        );
        let federation = Federation::new(portal(&portal_server), Arc::new(token), transport());
        let found = federation.membership(layer(&far).url()).await.unwrap();
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_asked_again_after_a_minute() {
    for reply in [
        ResponseTemplate::new(404),
        ResponseTemplate::new(503),
        json(REQUIRED),
        json("{}"),
        ResponseTemplate::new(200).set_body_raw("<html>", "text/html"),
        ResponseTemplate::new(302).insert_header("location", "ftp://login.example"),
    ] {
        let portal_server = portal_server().await;
        let far = MockServer::start().await;
        Mock::given(path(DATA))
            .respond_with(json(COUNT))
            .mount(&far)
            .await;
        info(&far, reply).await;
        let (client, clock) = client(&portal_server);
        client.send(layer(&far)).await.unwrap().into_ok().unwrap();
        let asked = seen(&far, INFO).await.len();
        client.send(layer(&far)).await.unwrap();
        assert_eq!(seen(&far, INFO).await.len(), asked);
        clock.0.advance(Duration::from_secs(61));
        client.send(layer(&far)).await.unwrap();
        assert!(seen(&far, INFO).await.len() > asked);
        got_nothing(&far).await;
    }
}

#[tokio::test]
async fn a_portal_that_cannot_answer_now_is_an_error_and_not_remembered() {
    let portal_server = portal_server().await;
    let far = server(&own(&portal_server), &["SERVER"]).await;
    Mock::given(method("POST"))
        .and(path(MINT))
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(5)
        .mount(&portal_server)
        .await;
    exchanges(&portal_server, Some(&far), json(FAR)).await;
    let (client, _) = client(&portal_server);
    let error = client.send(layer(&far)).await.unwrap_err();
    assert!(matches!(error, Error::Mint { .. }), "{error:?}");
    assert!(
        seen(&far, DATA).await.is_empty(),
        "and nothing goes on without a token"
    );
    client.send(layer(&far)).await.unwrap().into_ok().unwrap();
}

#[tokio::test]
async fn a_refused_server_token_is_exchanged_again_and_a_stale_portal_token_renewed() {
    let portal_server = portal_server().await;
    let far = server(&own(&portal_server), &["SERVER3"]).await;
    // The second exchange finds that the portal has forgotten its token.
    let asked = AtomicUsize::new(0);
    let named: String = url::form_urlencoded::byte_serialize(root(&far).as_bytes()).collect();
    Mock::given(method("POST"))
        .and(path(MINT))
        .and(body_string_contains(format!("serverUrl={named}&")))
        .respond_with(
            move |_: &Seen| match asked.fetch_add(1, Ordering::SeqCst) + 1 {
                2 => json(INVALID),
                n => json(format!(
                    r#"{{"token":"SERVER{n}","expires":32503680000000}}"#
                )),
            },
        )
        .mount(&portal_server)
        .await;
    answers(&portal_server, MINT, json(NOT_FEDERATED)).await;
    let (client, _) = client(&portal_server);
    let many = (0..10).map(|_| client.send(layer(&far)));
    for answer in futures_util::future::join_all(many).await {
        answer.unwrap().into_ok().unwrap();
    }
    let minted: Vec<_> = seen(&portal_server, MINT).await.iter().map(form).collect();
    let tokens: Vec<_> = minted
        .iter()
        .map(|form| form.get("token").map_or("sign in", String::as_str))
        .collect();
    assert_eq!(
        tokens,
        [
            "sign in", "PORTAL1", "PORTAL1", "PORTAL1", "sign in", "PORTAL2"
        ]
    );
}

/// Portal and server on one host: `/portal` and `/server`.
async fn same_host(good: &'static [&'static str]) -> MockServer {
    let portal_server = portal_server().await;
    data_server(&portal_server, good).await;
    portal_server
}

#[tokio::test]
async fn a_server_beside_the_portal_gets_the_portals_token_while_it_takes_it() {
    let both = same_host(&["PORTAL1"]).await;
    exchanges(&both, None, json(FAR)).await;
    let (client, _) = client(&both);
    for _ in 0..3 {
        client.send(layer(&both)).await.unwrap().into_ok().unwrap();
    }
    assert_eq!(seen(&both, MINT).await.len(), 1);
    assert!(seen(&both, INFO).await.is_empty());
}

#[tokio::test]
async fn a_server_beside_the_portal_that_refuses_its_token_gets_one_of_its_own() {
    let both = same_host(&["SERVER"]).await;
    exchanges(&both, None, json(FAR)).await;
    let (client, _) = client(&both);
    let many = (0..10).map(|_| client.send(layer(&both)));
    for answer in futures_util::future::join_all(many).await {
        answer.unwrap().into_ok().unwrap();
    }
    client.send(layer(&both)).await.unwrap().into_ok().unwrap();
    let minted: Vec<_> = seen(&both, MINT).await.iter().map(form).collect();
    assert_eq!(minted.len(), 2, "a hundred refusals cost one exchange");
    assert_eq!(minted[1]["serverUrl"], root(&both));
    let refused = seen(&both, DATA).await;
    let refused = refused
        .iter()
        .filter(|seen| seen.headers["x-esri-authorization"] == "Bearer PORTAL1");
    assert!(refused.count() <= 10);
}

#[tokio::test]
async fn a_portal_token_that_is_stale_is_renewed_for_the_servers_beside_it() {
    // The exchange tells the two apart: the portal does not take its own token either, or it knows no such server.
    for reply in [
        json(INVALID),
        json(NOT_FEDERATED),
        ResponseTemplate::new(404),
    ] {
        let both = same_host(&["PORTAL2"]).await;
        exchanges(&both, None, reply).await;
        let (client, _) = client(&both);
        let many = (0..10).map(|_| client.send(layer(&both)));
        for answer in futures_util::future::join_all(many).await {
            answer.unwrap().into_ok().unwrap();
        }
        let signed_in = seen(&both, MINT).await;
        let signed_in = signed_in
            .iter()
            .filter(|seen| form(seen).contains_key("username"));
        assert_eq!(signed_in.count(), 2);
    }
}

#[tokio::test]
async fn a_trusted_server_is_as_one_beside_the_portal() {
    let portal_server = portal_server().await;
    let far = server("https://other.example.com/portal", &["PORTAL1"]).await;
    let user = Credentials::user_password("me", "PA55W0RD", portal(&portal_server)).unwrap();
    let client = ArcGisClient::builder()
        .credentials(user)
        .trust(Origin::of(&far.uri().parse().unwrap()).unwrap())
        .build()
        .unwrap();
    client.send(layer(&far)).await.unwrap().into_ok().unwrap();
    assert!(!all(&far).await.contains("PA55W0RD"));
    assert!(seen(&far, INFO).await.is_empty());
}

#[tokio::test]
async fn a_stand_alone_server_gets_only_the_credential_that_was_given_for_it() {
    let portal_server = portal_server().await;
    let alone = server("", &["ALONE"]).await;
    let of = |token: &str, at: &str| {
        let origin = Origin::of(&at.parse().unwrap()).unwrap();
        Arc::new(StaticToken::new(
            Token::new(token),
            TrustPolicy::bound_to(origin),
        ))
    };
    let federation = Federation::new(
        portal(&portal_server),
        of("PORTAL1", &portal_server.uri()),
        transport(),
    )
    .with_server(of("ALONE", &alone.uri()));
    assert_eq!(
        federation.membership(layer(&alone).url()).await.unwrap(),
        Membership::Given
    );
    assert_eq!(
        federation
            .membership(
                &format!("{}/portal/sharing/rest", portal_server.uri())
                    .parse()
                    .unwrap()
            )
            .await
            .unwrap(),
        Membership::Own
    );
    let session = TokenSession::new(transport(), Arc::new(federation));
    session
        .send(layer(&alone))
        .await
        .unwrap()
        .into_ok()
        .unwrap();
    assert!(!all(&alone).await.contains("PORTAL1"));
    assert!(seen(&alone, INFO).await.is_empty());
}

#[tokio::test]
async fn closing_forgets_what_was_found_out() {
    let portal_server = portal_server().await;
    let far = server(&own(&portal_server), &["SERVER"]).await;
    exchanges(&portal_server, Some(&far), json(FAR)).await;
    let (client, _) = client(&portal_server);
    client.send(layer(&far)).await.unwrap().into_ok().unwrap();
    client.provider().unwrap().close().await;
    client.provider().unwrap().close().await;
    client.send(layer(&far)).await.unwrap().into_ok().unwrap();
    assert_eq!(seen(&far, INFO).await.len(), 2);
}

#[tokio::test]
async fn a_server_says_which_portal_is_its_owner_without_any_token() {
    let portal_server = MockServer::start().await;
    let far = server(&own(&portal_server), &[]).await;
    let owner = owning_portal(layer(&far).url(), &transport())
        .await
        .unwrap();
    assert_eq!(owner, Some(portal(&portal_server)));
    assert_eq!(
        owning_portal(layer(&portal_server).url(), &transport())
            .await
            .unwrap(),
        None
    );
    assert_eq!(far.received_requests().await.unwrap().len(), 1);
}
