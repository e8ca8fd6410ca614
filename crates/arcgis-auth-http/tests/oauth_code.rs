//! The sign-in by authorization code: what the page is asked, what is exchanged, and what is refused.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub)]

mod hasty_clock;
mod organisation;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_core::{Clock, Error, ExposeSecret, Portal, SecretString};
use arcgis_auth_http::{AuthorizationCode, AuthorizationCodeBuilder, OAuthError, SignedIn};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hasty_clock::HastyClock;
use organisation::*;
use sha2::{Digest, Sha256};
use wiremock::{MockServer, ResponseTemplate};

const BACK: &str = "http://127.0.0.1:8765/";
const REPLY: &str = r#"{"access_token":"a1","expires_in":1800,"username":"me","ssl":true,"refresh_token":"r1","refresh_token_expires_in":1209600}"#;

fn builder(server: &MockServer) -> AuthorizationCodeBuilder {
    AuthorizationCode::builder(portal(server), "app-id").redirect_uri(BACK)
}

fn query(flow: &AuthorizationCode) -> HashMap<String, String> {
    flow.authorize_url().query_pairs().into_owned().collect()
}

/// The address that the browser is sent to.
fn back(flow: &AuthorizationCode, rest: &str) -> SecretString {
    let state = &query(flow)["state"];
    format!("{BACK}?{rest}&state={state}").into()
}

async fn complete(flow: &AuthorizationCode, answer: &SecretString) -> Result<SignedIn, Error> {
    flow.complete(answer, transport()).await
}

fn why(error: &Error) -> &OAuthError {
    OAuthError::of(error).unwrap_or_else(|| panic!("{error:?}"))
}

#[tokio::test]
async fn the_page_and_the_form_are_exactly_these() {
    let server = MockServer::start().await;
    answers(&server, TOKEN, json(REPLY)).await;
    let clock = Arc::new(HastyClock::default());
    let flow = builder(&server)
        .expiration_minutes(129_600)
        .locale("de")
        .clock(clock.clone())
        .build()
        .unwrap();
    let page = flow.authorize_url();
    assert_eq!(page.path(), "/portal/sharing/rest/oauth2/authorize");
    let asked = query(&flow);
    let (state, challenge) = (&asked["state"], &asked["code_challenge"]);
    assert!(state.len() >= 22, "at least 128 bits: {state}");
    let expected = map(&[
        ("client_id", "app-id"),
        ("response_type", "code"),
        ("redirect_uri", BACK),
        ("state", state),
        ("expiration", "129600"),
        ("locale", "de"),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ]);
    assert_eq!(asked, expected);

    let signed_in = complete(&flow, &back(&flow, "code=c0de")).await.unwrap();
    let sent = seen(&server, TOKEN).await;
    let sent = form(&sent[0]);
    let verifier = &sent["code_verifier"];
    assert!((43..=128).contains(&verifier.len()), "RFC 7636 4.1");
    assert_eq!(
        URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())),
        *challenge
    );
    let expected = map(&[
        ("f", "json"),
        ("grant_type", "authorization_code"),
        ("client_id", "app-id"),
        ("redirect_uri", BACK),
        ("code", "c0de"),
        ("code_verifier", verifier),
    ]);
    assert_eq!(sent, expected);

    let login = signed_in.login().unwrap();
    assert_eq!(signed_in.username(), Some("me"));
    assert_eq!(login.username(), Some("me"));
    assert_eq!((login.client_id(), login.redirect_uri()), ("app-id", BACK));
    assert_eq!(login.refresh_token().expose_secret(), "r1");
    let ends = clock.now() + Duration::from_secs(1_209_600);
    assert_eq!(login.refresh_expires_at(), Some(ends));
    let token = login.access_token().unwrap();
    assert_eq!(token.expose(), "a1");
    assert_eq!(token.life(), Some(Duration::from_secs(1800)));
    let shown = format!("{flow:?} {signed_in:?}");
    for secret in ["c0de", "a1\"", "r1\"", verifier, state] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}

#[tokio::test]
async fn every_sign_in_has_a_state_and_a_verifier_of_its_own() {
    let server = MockServer::start().await;
    let (one, other) = (
        query(&builder(&server).build().unwrap()),
        query(&builder(&server).build().unwrap()),
    );
    assert_ne!(one["state"], other["state"]);
    assert_ne!(one["code_challenge"], other["code_challenge"]);
}

#[tokio::test]
async fn old_portals_are_asked_without_pkce() {
    let server = MockServer::start().await;
    answers(&server, TOKEN, json(REPLY)).await;
    let flow = builder(&server).without_pkce().build().unwrap();
    assert!(!query(&flow).keys().any(|name| name.contains("challenge")));
    complete(&flow, &back(&flow, "code=c0de")).await.unwrap();
    assert!(!form(&seen(&server, TOKEN).await[0]).contains_key("code_verifier"));
}

#[tokio::test]
async fn what_does_not_belong_to_the_sign_in_is_refused_before_anything_is_sent() {
    let server = MockServer::start().await;
    answers(&server, TOKEN, json(REPLY)).await;
    let flow = builder(&server).build().unwrap();
    let state = query(&flow)["state"].clone();
    for answer in [
        format!("{BACK}?code=c0de&state=0123456789012345678901234567890123456789012"),
        format!("{BACK}?code=c0de&state={state}x"),
        format!("{BACK}?code=c0de&state={}", &state[1..]),
        format!("{BACK}?code=c0de&state="),
        format!("{BACK}?code=c0de"),
        format!("{BACK}?error=access_denied&state=other"),
        "code=c0de".to_owned(),
        "c0de".to_owned(),
    ] {
        let error = complete(&flow, &answer.clone().into()).await.unwrap_err();
        assert!(
            matches!(why(&error), OAuthError::StateMismatch),
            "{answer}: {error:?}"
        );
        assert!(!format!("{error} {error:?}").contains("c0de"));
    }
    for answer in [
        format!("{BACK}?state={state}"),
        format!("{BACK}?code=&state={state}"),
        "  ".to_owned(),
    ] {
        let error = complete(&flow, &answer.clone().into()).await.unwrap_err();
        assert!(
            matches!(why(&error), OAuthError::NoCode),
            "{answer}: {error:?}"
        );
    }
    let denied = "error=access_denied&error_description=The+user+denied+your+request.";
    let error = complete(&flow, &back(&flow, denied)).await.unwrap_err();
    assert!(
        matches!(why(&error), OAuthError::Denied { reason } if reason == "The user denied your request."),
        "{error:?}"
    );
    assert!(server.received_requests().await.unwrap().is_empty());

    // The query alone is enough, as some copy it.
    let query = format!("?code=c0de&state={state}");
    complete(&flow, &query.into()).await.unwrap();
}

#[tokio::test]
async fn a_pasted_code_is_taken_in_every_form_that_portals_show_it() {
    let server = MockServer::start().await;
    answers(&server, TOKEN, json(REPLY)).await;
    let flow = AuthorizationCode::builder(portal(&server), "app-id")
        .build()
        .unwrap();
    assert_eq!(flow.redirect_uri(), "urn:ietf:wg:oauth:2.0:oob");
    let approval = format!(
        "{}/portal/sharing/rest/oauth2/approval?code=c0de",
        server.uri()
    );
    for pasted in [
        "c0de\n",
        " c0de ",
        "code=c0de",
        "SUCCESS code=c0de",
        &approval,
    ] {
        complete(&flow, &SecretString::from(pasted)).await.unwrap();
    }
    for sent in seen(&server, TOKEN).await {
        let sent = form(&sent);
        assert_eq!(sent["code"], "c0de");
        assert_eq!(sent["redirect_uri"], "urn:ietf:wg:oauth:2.0:oob");
    }
    for bad in ["", "two words", "code="] {
        let error = complete(&flow, &SecretString::from(bad)).await.unwrap_err();
        assert!(
            matches!(why(&error), OAuthError::NoCode),
            "{bad}: {error:?}"
        );
    }
    let other = format!("{approval}&state=other");
    let error = complete(&flow, &other.into()).await.unwrap_err();
    assert!(matches!(why(&error), OAuthError::StateMismatch));
}

#[tokio::test]
async fn what_the_portal_refuses_is_told_apart() {
    let refusal = |kind: &str, text: &str| {
        format!(
            r#"{{"error":{{"code":400,"error":"{kind}","error_description":"{text}","message":"{text}","details":[]}}}}"#
        )
    };
    type Is = fn(&OAuthError) -> bool;
    let cases: [(String, Is); 6] = [
        (
            refusal("invalid_grant", "Invalid authorization code"),
            |e| matches!(e, OAuthError::CodeRefused(_)),
        ),
        (refusal("invalid_request", "Invalid code_verifier"), |e| {
            matches!(e, OAuthError::CodeRefused(_))
        }),
        (
            r#"{"error":"invalid_grant","error_description":"echo c0de"}"#.to_owned(),
            |e| matches!(e, OAuthError::CodeRefused(_)),
        ),
        (
            refusal("invalid_client_id", "Invalid client_id"),
            |e| matches!(e, OAuthError::UnknownClient { client_id, .. } if client_id == "app-id"),
        ),
        (
            refusal("invalid_request", "Invalid redirect_uri"),
            |e| matches!(e, OAuthError::RedirectRefused { redirect_uri, .. } if redirect_uri == BACK),
        ),
        (refusal("unsupported_grant_type", "Unsupported"), |e| {
            matches!(e, OAuthError::Refused(_))
        }),
    ];
    for (reply, is) in cases {
        for status in [200, 400] {
            let server = MockServer::start().await;
            let template =
                ResponseTemplate::new(status).set_body_raw(reply.clone(), "application/json");
            answers(&server, TOKEN, template).await;
            let flow = builder(&server).build().unwrap();
            let error = complete(&flow, &back(&flow, "code=c0de-0123456789"))
                .await
                .unwrap_err();
            assert!(is(why(&error)), "{reply}: {error:?}");
            assert!(!format!("{error} {error:?}").contains("c0de-0123456789"));
            assert_eq!(seen(&server, TOKEN).await.len(), 1, "a code works once");
        }
    }
}

#[tokio::test]
async fn a_code_is_not_sent_again_where_the_portal_may_have_acted_on_it() {
    let server = MockServer::start().await;
    answers(&server, TOKEN, ResponseTemplate::new(500)).await;
    let flow = builder(&server).build().unwrap();
    let error = complete(&flow, &back(&flow, "code=c0de"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Mint { .. }), "{error:?}");
    assert_eq!(seen(&server, TOKEN).await.len(), 1);
}

#[tokio::test]
async fn without_a_refresh_token_there_is_a_token_and_no_login() {
    let server = MockServer::start().await;
    answers(
        &server,
        TOKEN,
        json(r#"{"access_token":"a1","expires_in":1800}"#),
    )
    .await;
    let flow = builder(&server).build().unwrap();
    let signed_in = complete(&flow, &back(&flow, "code=c0de")).await.unwrap();
    assert_eq!(signed_in.token().expose(), "a1");
    assert!(matches!(signed_in.login(), Err(Error::Config(_))));
}

#[test]
fn unusable_values_are_refused_at_construction() {
    let portal = || Portal::parse("https://gis.example.com/portal").unwrap();
    let new = || AuthorizationCode::builder(portal(), "app-id");
    for (flow, names) in [
        (AuthorizationCode::builder(portal(), " "), "client_id"),
        (new().redirect_uri("nowhere"), "redirect_uri"),
        (new().expiration_minutes(0), "expiration"),
        (new().expiration_minutes(129_601), "expiration"),
    ] {
        let error = flow.build().unwrap_err();
        assert!(
            matches!(error, Error::Config(_)) && error.to_string().contains(names),
            "{error}"
        );
    }
    let plain = Portal::parse("http://gis.example.com:8080/portal").unwrap();
    let error = AuthorizationCode::builder(plain, "app-id")
        .build()
        .unwrap_err();
    assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
    // The sign-in page of an organisation is its own.
    let org = Portal::parse("https://org.maps.arcgis.com").unwrap();
    let flow = AuthorizationCode::builder(org, "app-id").build().unwrap();
    assert_eq!(flow.authorize_url().host_str(), Some("org.maps.arcgis.com"));
}
